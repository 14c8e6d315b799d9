// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/timing.hpp"
#include "host/solver/adjoint.hpp"
#include "host/solver/picard.hpp"

/// The forward and the adjoint solve alone, with the default tolerances.
///
/// Counters: iterations of the slowest column; seconds per iteration (the first, which has no
/// product, counts as one); of_limit, the time that the solve's flops and bytes take at the
/// measured rates of GEMM and copy, as a share of the time that it takes; on batch-invariant cases
/// cost, the time as a multiple of the usual order's.
namespace idl::bench {
namespace {

constexpr Size k_sizes[] = {{100, 784, 10, 100}, {300, 3072, 10, 100}, {1000, 784, 10, 256}};

template <class T>
struct Problem {
  Problem(Context& context, const Size& size)
      : model(trained_model<T>(context, size)),
        U(inputs<T>(context, size)),
        X(context, size.n, size.m),
        V(context, size.n, size.m),
        dY(Matrix<T>::from_host(context, size.q, size.m, uniforms<T>(size.q * size.m, 0.01, 4))) {}

  solver::PicardSolver<T> picard(Context& context, bool batch_invariant) {
    const ImplicitModel<T>& constant = model;
    return {context,
            {.A = constant.A(), .B = constant.B(), .U = U, .X = X, .activation = {}},
            {},
            batch_invariant};
  }
  solver::AdjointSolver<T> adjoint(Context& context, ConstMatrixView<T> Z, bool batch_invariant) {
    const ImplicitModel<T>& constant = model;
    return {
        context,
        {.A = constant.A(), .C = constant.C(), .Z = Z, .X = X, .dY = dY, .V = V, .activation = {}},
        {},
        batch_invariant};
  }

  ImplicitModel<T> model;
  Matrix<T> U;
  Matrix<T> X;
  Matrix<T> V;
  Matrix<T> dY;
};

/// Times `solve`, whose plain form takes `plain_seconds`, and sets the counters.
template <class T, class Solver>
void measure(benchmark::State& state, Context& context, const Size& size, Solver& solve,
             double prelude_flops, double prelude_bytes, double plain_seconds) {
  solve.launch();
  const SolveReport report = solve.report();
  const double seconds = seconds_of(context, [&] { solve.launch(); });
  for (auto _ : state) {
    solve.launch();
    context.synchronize();
  }
  const double n = static_cast<double>(size.n);
  const double m = static_cast<double>(size.m);
  const double iterations = report.max_iterations_used();
  // Per iteration 2n²m flops; A once, five passes over n×m (picard.hpp, adjoint.hpp).
  const double flops = prelude_flops + (iterations - 1.0) * 2.0 * n * n * m;
  const double bytes = prelude_bytes + iterations * sizeof(T) * (n * n + 5.0 * n * m);
  state.counters["iterations"] = iterations;
  state.counters["seconds_per_iteration"] = seconds / iterations;
  state.counters["of_limit"] = limit_seconds<T>(context.device(), flops, bytes) / seconds;
  state.counters["converged"] = static_cast<double>(report.count(SolveStatus::converged)) / m;
  if (plain_seconds > 0.0) state.counters["cost"] = seconds / plain_seconds;
}

template <class T>
void forward(benchmark::State& state, Device device, const Size& size, bool batch_invariant) {
  Context context(device);
  Problem<T> problem(context, size);
  double plain_seconds = 0.0;
  if (batch_invariant) {
    auto plain = problem.picard(context, false);
    plain_seconds = seconds_of(context, [&] { plain.launch(); });
  }
  auto picard = problem.picard(context, batch_invariant);
  const double n = static_cast<double>(size.n);
  const double p = static_cast<double>(size.p);
  const double m = static_cast<double>(size.m);
  measure<T>(state, context, size, picard, 2.0 * n * p * m, sizeof(T) * (n * p + p * m + n * m),
             plain_seconds);
}

template <class T>
void adjoint(benchmark::State& state, Device device, const Size& size, bool batch_invariant) {
  Context context(device);
  Problem<T> problem(context, size);
  auto picard = problem.picard(context, batch_invariant);
  picard.launch();
  double plain_seconds = 0.0;
  if (batch_invariant) {
    auto plain = problem.adjoint(context, picard.Z(), false);
    plain_seconds = seconds_of(context, [&] { plain.launch(); });
  }
  auto solve = problem.adjoint(context, picard.Z(), batch_invariant);
  const double n = static_cast<double>(size.n);
  const double q = static_cast<double>(size.q);
  const double m = static_cast<double>(size.m);
  // Ψ = φ'(AX + Z) and G = CᵀdY.
  measure<T>(state, context, size, solve, 2.0 * n * m * (n + q),
             sizeof(T) * (n * n + 5.0 * n * m + q * (n + m)), plain_seconds);
}

template <class T>
void add(Device device, const Size& size) {
  for (const bool invariant : {false, true}) {
    const std::string tail = "/" + to_string(size) + (invariant ? "/batch_invariant" : "");
    add_case(case_name<T>("forward", device) + tail,
             [=](benchmark::State& state) { forward<T>(state, device, size, invariant); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
    add_case(case_name<T>("adjoint", device) + tail,
             [=](benchmark::State& state) { adjoint<T>(state, device, size, invariant); })
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  for (const Size& size : k_sizes) add<float>(device, size);
  add<double>(device, k_sizes[0]);
  add<double>(device, k_sizes[1]);
});

}  // namespace
}  // namespace idl::bench
