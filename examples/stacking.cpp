// SPDX-License-Identifier: MIT
// Two trained models as one. The first cleans noisy waves (regression), the second tells clean
// waves apart (classification); their cascade tells noisy ones apart, with one equation to solve.
// Then two classifiers that were trained from different starts, as one model that adds their
// outputs.
//   stacking [EPOCHS]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <idl/idl.hpp>
#include <random>
#include <vector>

namespace {

constexpr idl::index_t k_points = 16;
constexpr idl::index_t k_classes = 4;
using Model = idl::ImplicitModel<float>;

/// Waves of `k_classes` frequencies with any phase, clean and with noise.
struct Waves {
  std::vector<float> clean;
  std::vector<float> noisy;
  std::vector<std::int32_t> labels;
};

Waves make_waves(idl::index_t samples, unsigned seed) {
  std::mt19937 random(seed);
  const auto uniform = [&] { return static_cast<float>(random()) / 4294967296.0F; };
  Waves waves;
  for (idl::index_t k = 0; k < samples; ++k) {
    const auto label = static_cast<std::int32_t>(k % k_classes);
    const float phase = uniform();
    for (idl::index_t t = 0; t < k_points; ++t) {
      const float turns = static_cast<float>((label + 1) * t) / k_points + phase;
      waves.clean.push_back(std::sin(6.2831853F * turns));
      waves.noisy.push_back(waves.clean.back() + 2.0F * (uniform() - 0.5F));
    }
    waves.labels.push_back(label);
  }
  return waves;
}

Model trained(idl::Context& context, const idl::Dataset& data, idl::index_t states,
              std::int64_t epochs, std::uint64_t seed) {
  Model model(context, {.states = states, .inputs = k_points, .outputs = data.outputs()},
              {.bias = true}, seed);
  idl::TrainerOptions options = {.epochs = epochs, .batch_size = 50};
  if (data.has_targets()) options.loss = idl::LossKind::squared_error;
  options.optimizer.learning_rate = 5e-3;
  idl::Trainer<float>(context, model, data, nullptr, options).fit();
  return model;
}

double accuracy(const std::vector<float>& Y, const std::vector<std::int32_t>& labels) {
  double right = 0;
  for (std::size_t k = 0; k < labels.size(); ++k) {
    const float* y = &Y[k * k_classes];
    right += std::max_element(y, y + k_classes) == y + labels[k] ? 1.0 : 0.0;
  }
  return right / static_cast<double>(labels.size());
}

/// Says how one model compares with what it was made of, and how far its answers may be off.
bool compare(idl::Context& context, const char* what, const Model& model,
             idl::ConstMatrixView<float> U, const std::vector<float>& expected,
             const std::vector<std::int32_t>& labels) {
  const auto answer = model.predict(context, U);
  const std::vector<float> Y = idl::download(context, answer.Y);
  float difference = 0;
  for (std::size_t k = 0; k < Y.size(); ++k)
    difference = std::max(difference, std::abs(Y[k] - expected[k]));
  const auto proof =
      idl::examine_well_posedness<float>(context, model.A(), model.options().activation);
  std::printf(
      "%s: %ld states, accuracy %.3f, answers differ by at most %.1e, |A| = %.3g, "
      "Perron root %.3f, well posed: %s, |x - x*| <= %.1e\n",
      what, static_cast<long>(model.shape().states), accuracy(Y, labels),
      static_cast<double>(difference), proof.inf_norm, proof.perron_root,
      proof.well_posed() ? "yes" : "no", answer.report.worst_error_bound());
  return answer.report.all_converged() && proof.well_posed() && difference < 1e-2F;
}

}  // namespace

int main(int argc, char** argv) try {
  const std::int64_t epochs = argc > 1 ? std::atoll(argv[1]) : 20;
  idl::Context context;
  const Waves train = make_waves(2000, 1);
  const Waves test = make_waves(500, 2);
  const auto cleaning = idl::Dataset::from_values(
      train.noisy, {{train.clean.begin(), train.clean.end()}, k_points}, k_points);
  const auto telling = idl::Dataset::from_values(train.clean, train.labels, k_points, k_classes);
  const auto telling_noisy =
      idl::Dataset::from_values(train.noisy, train.labels, k_points, k_classes);
  const Model cleaner = trained(context, cleaning, 40, epochs, 0);
  const Model teller = trained(context, telling, 20, epochs, 1);
  const auto U = idl::Matrix<float>::from_host(
      context, k_points, static_cast<idl::index_t>(test.labels.size()), test.noisy);

  // One after the other, then as one.
  const auto clean = cleaner.predict(context, U);
  const auto in_sequence = idl::download(context, teller.predict(context, clean.Y).Y);
  std::printf("in sequence: accuracy %.3f\n", accuracy(in_sequence, test.labels));
  bool good = compare(context, "cascade", cascade(context, teller, cleaner), U.view(), in_sequence,
                      test.labels);

  const Model one = trained(context, telling_noisy, 20, epochs, 2);
  const Model other = trained(context, telling_noisy, 20, epochs, 3);
  std::vector<float> sum = idl::download(context, one.predict(context, U).Y);
  const std::vector<float> second = idl::download(context, other.predict(context, U).Y);
  std::printf("each alone: accuracy %.3f and %.3f\n", accuracy(sum, test.labels),
              accuracy(second, test.labels));
  std::transform(sum.begin(), sum.end(), second.begin(), sum.begin(), std::plus<>());
  good = compare(context, "sum", parallel_sum(context, one, other), U.view(), sum, test.labels) &&
         good;
  return good ? 0 : 1;
} catch (const idl::Error& error) {
  std::fprintf(stderr, "stacking: %s\n", error.what());
  return 1;
}
