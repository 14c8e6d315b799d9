// SPDX-License-Identifier: MIT
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <vector>

#include "bench/support/check.hpp"
#include "bench/support/plans.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "host/solver/fixed_point_solver.hpp"

namespace idl::bench {

/// Another way to the same answer.
struct Variant {
  std::string name;
  SolverOptions options{};
  LoopStrategy strategy = LoopStrategy::automatic;
  LoopStrategy usual = LoopStrategy::automatic;  ///< what it is compared with
  /// With the strictly upper part of A alone: by substitution, which the usual way knows nothing
  /// of.
  bool strictly_upper = false;
};

/// Times a forward solve by `other`, alternating with the usual way, so that both see the same
/// machine. Counters: cost, the time as a multiple of the usual way's; the iterations of both, the
/// columns that need more than usual, the iterates thrown away, and the low-precision iterations
/// per column.
template <class T>
void time_variant(benchmark::State& state, Device device, const Problem& problem,
                  const Variant& other) {
  Context context(device);
  ImplicitModel<T> model = make_model<T>(context, problem);
  if (other.strictly_upper) backend_of(context)->run(MaskStrictlyUpper<T>{.A = model.A()});
  const auto U =
      Matrix<T>::from_host(context, problem.size.p, problem.size.m, make_samples<T>(problem).U);
  Matrix<T> X(context, problem.size.n, problem.size.m);
  solver::EquilibriumProblem<T> equilibrium = {
      .A = DenseMap<T>{model.A()}, .B = DenseMap<T>{model.B()}, .U = U, .X = X, .activation = {}};
  backend_of(context)->choose_loop_strategy(other.usual);
  solver::FixedPointSolver<T> usual(context, equilibrium);
  backend_of(context)->choose_loop_strategy(other.strategy);
  if (other.strictly_upper) equilibrium.A = StrictlyUpperMap<T>{model.A()};
  solver::FixedPointSolver<T> varied(context, equilibrium, other.options);
  usual.launch();
  const SolveReport by_usual = usual.report();
  varied.launch();
  const SolveReport report = varied.report();
  check_states<T>(context, model, U, X, report);
  Stopwatch watch(context, problem.cache);
  std::vector<double> usual_times;
  const double seconds = measure(
      state, context, problem.cache,
      [&] {
        watch.start();
        usual.launch();
        usual_times.push_back(watch.stop());
      },
      [&] { varied.launch(); });
  label_plans(state, context);
  double slower = 0;
  for (std::size_t j = 0; j < report.iterations.size(); ++j)
    slower += report.iterations[j] > by_usual.iterations[j] ? 1 : 0;
  const auto columns = static_cast<double>(report.iterations.size());
  state.counters["cost"] = seconds / median(usual_times);
  state.counters["mean_iterations"] = report.mean_iterations();
  state.counters["usual_mean_iterations"] = by_usual.mean_iterations();
  state.counters["slower_columns"] = slower;
  state.counters["fallbacks"] = static_cast<double>(report.total_fallbacks());
  state.counters["low_precision_iterations"] =
      static_cast<double>(report.total_low_precision_iterations()) / columns;
}

}  // namespace idl::bench
