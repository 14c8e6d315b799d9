// SPDX-License-Identifier: MIT
#include "tests/random_models/model_checks.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <sstream>
#include <type_traits>

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"
#include "tests/host/dense_oracle.hpp"

namespace idl::test {
namespace {

template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

template <class... Parts>
std::string sentence(const Parts&... parts) {
  std::ostringstream text;
  text.precision(17);
  (text << ... << parts);
  return text.str();
}

template <class R>
R max_norm(const std::vector<R>& x) {
  R worst = R(0);
  for (const R value : x) worst = std::max(worst, std::abs(value));
  return worst;
}

template <class R>
std::vector<R> column(const Dense<R>& X, std::size_t j) {
  const auto first = X.values.begin() + static_cast<std::ptrdiff_t>(X.rows * j);
  return {first, first + static_cast<std::ptrdiff_t>(X.rows)};
}

template <class T>
class Check {
 public:
  using R = Wide<T>;

  Check(Context& context, const ModelCase& model_case, RandomValues& random, Planted planted,
        Tally& tally)
      : context_(context),
        case_(model_case),
        random_(random),
        planted_(planted),
        tally_(tally),
        model_(context, model_case.shape,
               {.activation = model_case.activation,
                .well_posedness = WellPosedness::none(),
                .bias = model_case.bias,
                .no_D = model_case.no_D}) {
    const auto [n, p, q] = case_.shape;
    put(model_.A(), random_A(random, case_));
    put(model_.B(), random.uniforms(n * model_.input_rows(), -1.0, 1.0));
    put(model_.C(), random.uniforms(q * n, -1.0, 1.0));
    if (!case_.no_D) put(model_.D(), random.uniforms(q * model_.input_rows(), -1.0, 1.0));
    U_ = random.uniforms(p * case_.samples, -case_.input_scale, case_.input_scale);
    dY_ = random.uniforms(q * case_.samples, -1.0, 1.0);
  }

  std::optional<std::string> run() {
    BatchPass<T> pass(context_, model_, case_.samples,
                      {.solver = case_.solver, .backward = true, .input_gradient = true});
    put(pass.U(), U_);
    put(pass.dY(), dY_);
    SolveReport forward = pass.forward();
    for (const SolveStatus status : forward.status)
      tally_.statuses[static_cast<std::size_t>(status)] += 1;
    if (planted_ == Planted::small_state_bound)
      for (double& bound : forward.error_bound) bound *= 0.01;
    if (const auto violation = check_state(pass, forward)) return violation;
    SolveReport backward = pass.backward();
    if (planted_ == Planted::small_adjoint_bound)
      for (double& bound : backward.error_bound) bound *= 0.01;
    if (const auto violation = check_adjoint(pass, backward)) return violation;
    if (case_.solver.batch_invariant)
      if (const auto violation = check_composition(pass, forward)) return violation;
    if (case_.number % 20 == 0 && case_.is_double && case_.kappa < 0.97 && is_smooth())
      return check_gradient();
    return std::nullopt;
  }

 private:
  void put(MatrixView<T> target, const std::vector<double>& values) {
    upload<T>(context_, std::vector<T>(values.begin(), values.end()), target);
  }
  Dense<R> wide(ConstMatrixView<T> view) {
    return {static_cast<std::size_t>(view.rows), static_cast<std::size_t>(view.cols),
            download<T>(context_, view)};
  }
  double lipschitz() const { return lipschitz_constant(case_.activation); }
  bool is_smooth() const {
    switch (case_.activation.kind) {
      case ActivationKind::relu:
      case ActivationKind::leaky_relu:
      case ActivationKind::elu:
      case ActivationKind::selu:
      case ActivationKind::hardswish:
      case ActivationKind::abs:
      case ActivationKind::sat:
        return false;
      default:
        return true;
    }
  }

  /// Z of the case in the wide type, with the bias' row of ones.
  Dense<R> wide_U(ConstMatrixView<T> view) {
    const Dense<R> U = wide(view);
    if (!case_.bias) return U;
    Dense<R> longer(U.rows + 1, U.cols);
    for (std::size_t j = 0; j < U.cols; ++j) {
      for (std::size_t i = 0; i < U.rows; ++i) longer(i, j) = U(i, j);
      longer(U.rows, j) = R(1);
    }
    return longer;
  }

  std::optional<std::string> check_state(BatchPass<T>& pass, const SolveReport& report) {
    const Dense<R> A = wide(model_.A());
    const Dense<R> B = wide(model_.B());
    const Dense<R> U = wide_U(pass.U());
    const Dense<R> X = wide(pass.X());
    const Dense<R> Z = multiply(B, U);
    const R kappa = static_cast<R>(lipschitz()) * inf_norm(A);
    const R roundings = static_cast<R>(A.rows + B.cols + 16) * std::numeric_limits<R>::epsilon();
    for (std::size_t j = 0; j < X.cols; ++j) {
      const std::vector<R> x = column(X, j);
      const std::vector<R> z = column(Z, j);
      const Equilibrium<R> solution = solve_equilibrium(A, z, case_.activation, x);
      // What the wide evaluation of φ(Ax+z) may itself be wrong by.
      const R noise = roundings * (inf_norm(A) * max_norm(x) +
                                   inf_norm(B) * max_norm(column(U, j)) + max_norm(x) + R(1));
      R residual = R(0);
      R error = R(0);
      const std::vector<R> f = affine(A, x, z);
      for (std::size_t i = 0; i < x.size(); ++i) {
        residual = std::max(residual, std::abs(phi(case_.activation, f[i]) - x[i]));
        error = std::max(error, std::abs(x[i] - solution.x[i]));
      }
      const R uncertain = (solution.residual + noise) / (R(1) - kappa);
      const double bound = report.error_bound[j];
      if (!(static_cast<double>(residual - noise) <= report.residual[j]))
        return sentence("column ", j, ": the residual is ", static_cast<double>(residual),
                        ", the report says ", report.residual[j]);
      if (!(static_cast<double>(error - uncertain) <= bound))
        return sentence("column ", j, ": the error is ", static_cast<double>(error), ", the bound ",
                        bound);
      if (!std::isfinite(bound)) return sentence("column ", j, ": the bound is ", bound);
      if (report.status[j] == SolveStatus::running || report.status[j] == SolveStatus::diverged)
        return sentence("column ", j, " is ", to_string(report.status[j]));
      if (error > R(10) * uncertain)
        tally_.state_ratios.push_back(static_cast<float>(static_cast<double>(error) / bound));
    }
    return std::nullopt;
  }

  /// Against V = Ψ∘(AᵀV + G), for the Ψ and G that the device computes.
  std::optional<std::string> check_adjoint(BatchPass<T>& pass, const SolveReport& report) {
    const index_t n = case_.shape.states;
    const index_t m = case_.samples;
    const bool invariant = case_.solver.batch_invariant;
    Backend& backend = *backend_of(context_);
    const Dense<R> inputs = wide_U(pass.U());
    Matrix<T> U(context_, model_.input_rows(), m);
    upload<T>(context_, std::vector<T>(inputs.values.begin(), inputs.values.end()), U);
    Matrix<T> Z(context_, n, m);
    Matrix<T> Psi(context_, n, m);
    Matrix<T> G(context_, n, m);
    backend.run(Gemm<T>{.A = model_.B(), .B = U, .C = Z, .batch_invariant = invariant});
    backend.run(Gemm<T>{.A = model_.A(), .B = pass.X(), .C = Psi, .batch_invariant = invariant});
    backend.run(
        ActivationDerivative<T>{.S = Psi, .Z = Z, .Psi = Psi, .activation = case_.activation});
    backend.run(Gemm<T>{.A = model_.C(),
                        .B = pass.dY(),
                        .C = G,
                        .transpose_A = true,
                        .batch_invariant = invariant});
    const Dense<R> A = wide(model_.A());
    const Dense<R> psi = wide(Psi.view());
    const Dense<R> g = wide(G.view());
    const Dense<R> V = wide(pass.V());
    const R kappa = static_cast<R>(lipschitz()) * inf_norm(A);
    for (std::size_t j = 0; j < V.cols; ++j) {
      Dense<R> system(A.rows, A.rows);  // I − ΨAᵀ
      std::vector<R> right(A.rows);
      for (std::size_t i = 0; i < A.rows; ++i) {
        for (std::size_t l = 0; l < A.rows; ++l)
          system(i, l) = (i == l ? R(1) : R(0)) - psi(i, j) * A(l, i);
        right[i] = psi(i, j) * g(i, j);
      }
      const std::vector<R> exact = solve_dense(std::move(system), std::move(right));
      R error = R(0);
      R size = R(0);
      for (std::size_t i = 0; i < A.rows; ++i) {
        error += std::abs(V(i, j) - exact[i]);
        size += std::abs(exact[i]);
      }
      // Backward error of LU on a well-conditioned system.
      const R uncertain =
          R(16) * static_cast<R>(n) * std::numeric_limits<R>::epsilon() * size / (R(1) - kappa);
      const double bound = report.error_bound[j];
      if (!(static_cast<double>(error - uncertain) <= bound))
        return sentence("column ", j, ": the adjoint's error is ", static_cast<double>(error),
                        ", the bound ", bound);
      if (!std::isfinite(bound)) return sentence("column ", j, ": the adjoint's bound is ", bound);
      if (error > R(10) * uncertain)
        tally_.adjoint_ratios.push_back(static_cast<float>(static_cast<double>(error) / bound));
    }
    return std::nullopt;
  }

  /// Some of the columns, shuffled, as a batch of their own.
  std::optional<std::string> check_composition(BatchPass<T>& pass, const SolveReport& report) {
    const auto p = static_cast<std::size_t>(case_.shape.inputs);
    std::vector<std::size_t> chosen(static_cast<std::size_t>(case_.samples));
    std::iota(chosen.begin(), chosen.end(), std::size_t{0});
    for (std::size_t i = chosen.size(); i > 1; --i)
      std::swap(chosen[i - 1],
                chosen[static_cast<std::size_t>(random_.integer(0, static_cast<index_t>(i) - 1))]);
    chosen.resize(static_cast<std::size_t>(random_.integer(1, case_.samples)));
    std::vector<double> inputs;
    for (const std::size_t j : chosen)
      inputs.insert(inputs.end(), U_.begin() + static_cast<std::ptrdiff_t>(j * p),
                    U_.begin() + static_cast<std::ptrdiff_t>((j + 1) * p));
    Matrix<T> U(context_, case_.shape.inputs, static_cast<index_t>(chosen.size()));
    put(U, inputs);
    const Prediction<T> other = model_.predict(context_, U, case_.solver);
    tally_.compositions += 1;
    for (std::size_t k = 0; k < chosen.size(); ++k) {
      const auto here = static_cast<index_t>(k);
      const auto there = static_cast<index_t>(chosen[k]);
      std::vector<T> state = download<T>(context_, other.X.view().columns(here, 1));
      if (planted_ == Planted::bit) state[0] = std::nextafter(state[0], T(9));
      const auto same = [](const std::vector<T>& a, const std::vector<T>& b) {
        return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
      };
      if (!same(state, download<T>(context_, pass.X().columns(there, 1))) ||
          !same(download<T>(context_, other.Y.view().columns(here, 1)),
                download<T>(context_, pass.Y().columns(there, 1))) ||
          other.report.iterations[k] != report.iterations[chosen[k]] ||
          other.report.step[k] != report.step[chosen[k]])
        return sentence("column ", chosen[k], " has other bits as number ", k, " of a batch of ",
                        chosen.size());
    }
    return std::nullopt;
  }

  /// Σ dY∘Y at M + h·E, U + h·F, with what the certificates leave open.
  struct Value {
    double loss = 0;
    double uncertain = 0;
  };
  Value loss_at(double h, const std::vector<double>& M, const std::vector<double>& E,
                const std::vector<double>& F, const SolverOptions& exact) {
    std::vector<double> moved = M;
    for (std::size_t i = 0; i < M.size(); ++i) moved[i] += h * E[i];
    put(model_.M(), moved);
    std::vector<double> inputs = U_;
    for (std::size_t i = 0; i < inputs.size(); ++i) inputs[i] += h * F[i];
    Matrix<T> U(context_, case_.shape.inputs, case_.samples);
    put(U, inputs);
    const Prediction<T> prediction = model_.predict(context_, U, exact);
    const std::vector<T> Y = download<T>(context_, prediction.Y.view());
    Value value;
    double magnitudes = 0;
    for (std::size_t i = 0; i < Y.size(); ++i) {
      value.loss += dY_[i] * static_cast<double>(Y[i]);
      magnitudes += std::abs(dY_[i] * static_cast<double>(Y[i]));
    }
    // |C| <= 1 and a little, |dY| <= 1.
    value.uncertain = 1e-15 * static_cast<double>(Y.size()) * magnitudes;
    for (const double bound : prediction.report.error_bound)
      value.uncertain +=
          2.0 * static_cast<double>(case_.shape.states * case_.shape.outputs) * bound;
    return value;
  }

  std::optional<std::string> check_gradient() {
    const SolverOptions exact = {.forward = {.max_iterations = 20000, .absolute = 1e-15},
                                 .adjoint = {.max_iterations = 20000, .absolute = 1e-15}};
    // Inputs of size 1 keep differences of the third order small.
    for (double& u : U_) u /= case_.input_scale;
    BatchPass<T> pass(context_, model_, case_.samples,
                      {.solver = exact, .backward = true, .input_gradient = true});
    put(pass.U(), U_);
    put(pass.dY(), dY_);
    static_cast<void>(pass.forward());
    static_cast<void>(pass.backward());
    const std::vector<T> dM = download<T>(context_, pass.dM());
    const std::vector<T> dU = download<T>(context_, pass.dU());
    const std::vector<T> held = download<T>(context_, model_.M());
    const std::vector<double> M(held.begin(), held.end());
    std::vector<double> E = random_.uniforms(static_cast<index_t>(M.size()), -1.0, 1.0);
    const std::vector<double> F = random_.uniforms(static_cast<index_t>(U_.size()), -1.0, 1.0);
    const auto rows = static_cast<std::size_t>(case_.shape.states + case_.shape.outputs);
    if (case_.no_D)  // stays zero
      for (std::size_t i = 0; i < E.size(); ++i)
        if (i % rows >= static_cast<std::size_t>(case_.shape.states) &&
            i / rows >= static_cast<std::size_t>(case_.shape.states))
          E[i] = 0.0;
    double slope = 0;
    double size = 0;
    const auto add = [&](double term) {
      slope += term;
      size += std::abs(term);
    };
    for (std::size_t i = 0; i < E.size(); ++i) add(static_cast<double>(dM[i]) * E[i]);
    for (std::size_t i = 0; i < F.size(); ++i) add(static_cast<double>(dU[i]) * F[i]);
    if (planted_ == Planted::gradient) slope += 0.01 * size;

    // A may leave the ball by a little: h·n << 1 − κ.
    const double h = 1e-4 / static_cast<double>(case_.shape.states);
    double noise = 0;
    const auto difference = [&](double step) {
      const Value ahead = loss_at(step, M, E, F, exact);
      const Value behind = loss_at(-step, M, E, F, exact);
      noise = std::max(noise, (ahead.uncertain + behind.uncertain) / (2 * step));
      return (ahead.loss - behind.loss) / (2 * step);
    };
    const double coarse = difference(h);
    const double fine = difference(h / 2);
    put(model_.M(), M);
    tally_.gradients += 1;
    const double allowed = 2 * std::abs(coarse - fine) + noise + 1e-9 * size;
    if (!(std::abs(slope - fine) <= allowed))
      return sentence("the slope along a direction is ", slope, ", differences give ", fine,
                      " up to ", allowed);
    return std::nullopt;
  }

  Context& context_;
  const ModelCase& case_;
  RandomValues& random_;
  Planted planted_;
  Tally& tally_;
  ImplicitModel<T> model_;
  std::vector<double> U_;
  std::vector<double> dY_;
};

}  // namespace

void Tally::add(const Tally& other) {
  for (std::size_t i = 0; i < statuses.size(); ++i) statuses[i] += other.statuses[i];
  state_ratios.insert(state_ratios.end(), other.state_ratios.begin(), other.state_ratios.end());
  adjoint_ratios.insert(adjoint_ratios.end(), other.adjoint_ratios.begin(),
                        other.adjoint_ratios.end());
  gradients += other.gradients;
  compositions += other.compositions;
}

template <class T>
std::optional<std::string> check_model(Context& context, const ModelCase& model,
                                       RandomValues& random, Planted planted, Tally& tally) {
  return Check<T>(context, model, random, planted, tally).run();
}

template std::optional<std::string> check_model<float>(Context&, const ModelCase&, RandomValues&,
                                                       Planted, Tally&);
template std::optional<std::string> check_model<double>(Context&, const ModelCase&, RandomValues&,
                                                        Planted, Tally&);

}  // namespace idl::test
