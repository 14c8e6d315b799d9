// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include "bench/support/check.hpp"
#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/solver/fixed_point_solver.hpp"

/// The adjoint solve alone, Ψ = φ'(AX + Z) and G = CᵀdY included, with the default tolerance, for a
/// gradient dY of the size that the mean of a batch's losses has.
///
/// Counters as in bench_solve.
namespace idl::bench {
namespace {

/// A few columns of V = Ψ∘(AᵀV + CᵀdY). Rows where AX + Z is so near zero that its sign is a
/// matter of rounding are left out.
template <class T>
void check_adjoint(Context& context, const ImplicitModel<T>& model, ConstMatrixView<T> Z,
                   ConstMatrixView<T> X, ConstMatrixView<T> dY, ConstMatrixView<T> V,
                   const SolveReport& report) {
  require_end(report);
  constexpr double k_undecided = 1e-5;
  const HostMatrix<T> A(context, model.A());
  const HostMatrix<T> C(context, model.C());
  for (const index_t j : a_few(V.cols)) {
    const HostMatrix<T> x(context, X.columns(j, 1));
    const HostMatrix<T> z(context, Z.columns(j, 1));
    const HostMatrix<T> v(context, V.columns(j, 1));
    const HostMatrix<T> dy(context, dY.columns(j, 1));
    std::vector<double> inner(z.values.begin(), z.values.end());
    add_product<T>(A, x.values, inner);
    const std::vector<double> W = transposed_product<T>(A, v.values);
    const std::vector<double> G = transposed_product<T>(C, dy.values);
    double sum = 0.0;
    for (std::size_t i = 0; i < inner.size(); ++i) {
      if (std::abs(inner[i]) < k_undecided) continue;
      const double image = inner[i] > 0.0 ? W[i] + G[i] : 0.0;
      sum += std::abs(image - static_cast<double>(v.values[i]));
    }
    require_residual(report, j, sum);
  }
}

template <class T>
void adjoint(benchmark::State& state, Device device, const Problem& problem) {
  Context context(device);
  const Size& size = problem.size;
  const ImplicitModel<T> model = make_model<T>(context, problem);
  const auto U = Matrix<T>::from_host(context, size.p, size.m, make_samples<T>(problem).U);
  const auto dY = Matrix<T>::from_host(
      context, size.q, size.m, uniforms<T>(size.q * size.m, 1.0 / static_cast<double>(size.m), 4));
  Matrix<T> X(context, size.n, size.m);
  Matrix<T> V(context, size.n, size.m);
  solver::FixedPointSolver<T> forward(context,
                                      solver::EquilibriumProblem<T>{.A = DenseMap<T>{model.A()},
                                                                    .B = DenseMap<T>{model.B()},
                                                                    .U = U,
                                                                    .X = X,
                                                                    .activation = {}});
  forward.launch();
  solver::FixedPointSolver<T> solver(context, solver::AdjointProblem<T>{.A = DenseMap<T>{model.A()},
                                                                        .C = DenseMap<T>{model.C()},
                                                                        .Z = forward.forcing(),
                                                                        .X = X,
                                                                        .dY = dY,
                                                                        .V = V,
                                                                        .activation = {}});
  solver.launch();
  const SolveReport report = solver.report();
  check_adjoint<T>(context, model, forward.forcing(), X, dY, V, report);
  const double seconds = measure(state, context, problem.cache, [&] { solver.launch(); });

  const auto n = static_cast<double>(size.n);
  const auto q = static_cast<double>(size.q);
  const auto m = static_cast<double>(size.m);
  const double iterations = report.max_iterations_used();
  const double mean = report.mean_iterations();
  const double flops = 2.0 * n * m * (n + q + (mean - 1.0) * n);
  const double bytes =
      sizeof(T) * (n * n + 4.0 * n * m + q * (n + m) + mean * (n * n + 5.0 * n * m));
  state.counters["iterations"] = iterations;
  state.counters["mean_iterations"] = mean;
  state.counters["seconds_per_iteration"] = seconds / iterations;
  state.counters["samples_per_second"] = m / seconds;
  state.counters["of_limit"] = limit_seconds<T>(device, flops, bytes) / seconds;
}

template <class T>
void add(Device device) {
  for (const Problem& problem : problems<T>(device)) {
    add_case(case_name<T>("adjoint", device) + "/" + to_string(problem),
             [=](benchmark::State& state) { adjoint<T>(state, device, problem); });
  }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  add<float>(device);
  add<double>(device);
});

}  // namespace
}  // namespace idl::bench
