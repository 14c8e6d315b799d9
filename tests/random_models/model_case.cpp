// SPDX-License-Identifier: MIT
#include "tests/random_models/model_case.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

namespace idl::test {
namespace {

constexpr const char* k_fill_names[] = {"mixed signs", "positive", "sparse", "equal rows",
                                        "rows on the edge"};

template <class V, std::size_t N>
V one_of(RandomValues& random, const V (&values)[N]) {
  return values[random.integer(0, static_cast<index_t>(N) - 1)];
}

/// From 1 to 64, small ones more often.
index_t random_size(RandomValues& random) {
  return static_cast<index_t>(std::pow(64.0, random.unit()) + 0.5);
}

Tolerance random_tolerance(RandomValues& random) {
  Tolerance tolerance;
  tolerance.max_iterations = one_of(random, {1, 7, 60, 300, 300, 4000});
  tolerance.absolute = one_of(random, {1e-2, 3e-6, 3e-6, 1e-9, 1e-14});
  tolerance.relative = random.unit() < 0.5 ? 0.0 : one_of(random, {1e-3, 1e-6, 1e-12});
  tolerance.rule = random.unit() < 0.5 ? StopRule::step : StopRule::certified_bound;
  return tolerance;
}

std::string text_of(const Tolerance& tolerance) {
  std::ostringstream text;
  text << (tolerance.rule == StopRule::step ? "step" : "bound") << " <= " << tolerance.absolute
       << " + " << tolerance.relative << "*norm, " << tolerance.max_iterations << " iterations";
  return text.str();
}

}  // namespace

std::string ModelCase::text() const {
  std::ostringstream text;
  text << "model " << number << ": n " << shape.states << ", p " << shape.inputs << ", q "
       << shape.outputs << ", m " << samples << ", " << (is_double ? "double" : "float") << ", "
       << to_string(activation.kind) << "(" << activation.alpha << "), kappa " << kappa << ", "
       << k_fill_names[static_cast<int>(fill)] << (strictly_upper ? ", strictly upper" : "")
       << (bias ? ", bias" : "") << (no_D ? ", no D" : "") << ", inputs up to " << input_scale
       << (solver.batch_invariant ? ", batch invariant" : "") << "; forward "
       << text_of(solver.forward) << "; adjoint " << text_of(solver.adjoint);
  return text.str();
}

RandomValues random_of(std::uint64_t seed, std::uint64_t number) {
  // Two rounds of SplitMix64 keep the sequences of neighbouring numbers apart.
  std::uint64_t z = seed * 0x9e3779b97f4a7c15U + number;
  for (int round = 0; round < 2; ++round) {
    z += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    z ^= z >> 31U;
  }
  return RandomValues(z);
}

ModelCase random_case(RandomValues& random, std::uint64_t number) {
  ModelCase model;
  model.number = number;
  model.shape = {random_size(random), random_size(random), random_size(random)};
  model.samples = random.unit() < 0.9 ? random.integer(1, 4) : random_size(random);
  const auto kinds = all_activations();
  model.activation.kind =
      kinds[static_cast<std::size_t>(random.integer(0, static_cast<index_t>(kinds.size()) - 1))];
  model.activation.alpha = random.uniform(-1.5, 1.5);
  // 1 − κ from 0.9 to 0.001, evenly in its logarithm.
  model.kappa = 1.0 - 0.9 * std::pow(0.001 / 0.9, random.unit());
  model.fill = static_cast<FillKind>(random.integer(0, static_cast<index_t>(FillKind::count) - 1));
  model.strictly_upper = random.unit() < 0.1;
  model.bias = random.unit() < 0.3;
  model.no_D = random.unit() < 0.2;
  model.is_double = random.unit() < 0.5;
  model.input_scale = std::pow(10.0, random.uniform(-3.0, 3.0));
  model.solver = {.forward = random_tolerance(random),
                  .adjoint = random_tolerance(random),
                  .batch_invariant = random.unit() < 0.3};
  return model;
}

std::vector<double> random_A(RandomValues& random, const ModelCase& model) {
  const auto n = static_cast<std::size_t>(model.shape.states);
  std::vector<double> A = random.uniforms(model.shape.states * model.shape.states, -1.0, 1.0);
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      double& a = A[i + j * n];
      if (model.fill == FillKind::positive) a = std::abs(a);
      if (model.fill == FillKind::sparse && random.unit() < 0.8) a = 0.0;
      if (model.fill == FillKind::equal_rows) a = A[j * n];
      if (model.strictly_upper && j <= i) a = 0.0;
    }
  const double norm = model.kappa / lipschitz_constant(model.activation);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < n; ++j) sum += std::abs(A[i + j * n]);
    if (sum == 0.0) continue;
    const double target =
        i == 0 || model.fill == FillKind::edge_rows ? norm : norm * random.uniform(0.3, 1.0);
    for (std::size_t j = 0; j < n; ++j) A[i + j * n] *= target / sum;
  }
  return A;
}

}  // namespace idl::test
