// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include "bench/support/check.hpp"
#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/solver/picard.hpp"

/// The forward solve alone, Z = BU included, with the default tolerance.
///
/// Counters: iterations of the slowest column; seconds per iteration (the first, which has no
/// product, counts as one); samples per second; of_limit, the time that the flops and bytes of the
/// columns' own iterations take at the measured rates of GEMM and copy, as a share of the time
/// that it takes. batch_invariant cases: cost, the time as a multiple of the usual order's.
/// anderson cases: the same multiple, of Picard iteration's; its iterations, the columns that need
/// more than with Picard iteration, and the iterates thrown away.
namespace idl::bench {
namespace {

template <class T>
double time_solve(benchmark::State& state, Context& context, const Problem& problem,
                  bool batch_invariant, SolveReport& report) {
  const ImplicitModel<T> model = make_model<T>(context, problem);
  const auto U =
      Matrix<T>::from_host(context, problem.size.p, problem.size.m, make_samples<T>(problem).U);
  Matrix<T> X(context, problem.size.n, problem.size.m);
  solver::PicardSolver<T> solver(context,
                                 {.A = model.A(), .B = model.B(), .U = U, .X = X, .activation = {}},
                                 {}, {.batch_invariant = batch_invariant});
  solver.launch();
  report = solver.report();
  check_states<T>(context, model, U, X, report);
  return measure(state, context, problem.cache, [&] { solver.launch(); });
}

/// The work that the columns need, each as many iterations as it takes.
template <class T>
double limit(Device device, const Size& size, const SolveReport& report) {
  const auto n = static_cast<double>(size.n);
  const auto p = static_cast<double>(size.p);
  const auto m = static_cast<double>(size.m);
  const double iterations = report.mean_iterations();
  const double flops = 2.0 * n * m * (p + (iterations - 1.0) * n);
  // A once an iteration, five passes over n×m (picard.hpp).
  const double bytes = sizeof(T) * (n * p + p * m + iterations * (n * n + 5.0 * n * m));
  return limit_seconds<T>(device, flops, bytes);
}

template <class T>
void solve(benchmark::State& state, Device device, const Problem& problem) {
  Context context(device);
  SolveReport report;
  const double seconds = time_solve<T>(state, context, problem, false, report);
  const double iterations = report.max_iterations_used();
  state.counters["iterations"] = iterations;
  state.counters["mean_iterations"] = report.mean_iterations();
  state.counters["seconds_per_iteration"] = seconds / iterations;
  state.counters["samples_per_second"] = static_cast<double>(problem.size.m) / seconds;
  state.counters["of_limit"] = limit<T>(device, problem.size, report) / seconds;
}

/// Alternating with the usual order, so that both see the same machine.
template <class T>
void batch_invariant(benchmark::State& state, Device device, const Problem& problem) {
  Context context(device);
  const ImplicitModel<T> model = make_model<T>(context, problem);
  const auto U =
      Matrix<T>::from_host(context, problem.size.p, problem.size.m, make_samples<T>(problem).U);
  Matrix<T> X(context, problem.size.n, problem.size.m);
  const solver::EquilibriumProblem<T> equilibrium = {
      .A = model.A(), .B = model.B(), .U = U, .X = X, .activation = {}};
  solver::PicardSolver<T> usual(context, equilibrium, {});
  solver::PicardSolver<T> invariant(context, equilibrium, {}, {.batch_invariant = true});
  invariant.launch();
  check_states<T>(context, model, U, X, invariant.report());
  Stopwatch watch(context, problem.cache);
  std::vector<double> usual_times;
  const double seconds = measure(
      state, context, problem.cache,
      [&] {
        watch.start();
        usual.launch();
        usual_times.push_back(watch.stop());
      },
      [&] { invariant.launch(); });
  state.counters["cost"] = seconds / median(usual_times);
}

/// Alternating with Picard iteration.
template <class T>
void anderson(benchmark::State& state, Device device, const Problem& problem) {
  Context context(device);
  const ImplicitModel<T> model = make_model<T>(context, problem);
  const auto U =
      Matrix<T>::from_host(context, problem.size.p, problem.size.m, make_samples<T>(problem).U);
  Matrix<T> X(context, problem.size.n, problem.size.m);
  const solver::EquilibriumProblem<T> equilibrium = {
      .A = model.A(), .B = model.B(), .U = U, .X = X, .activation = {}};
  solver::PicardSolver<T> picard(context, equilibrium, {});
  solver::PicardSolver<T> mixed(context, equilibrium, {}, {.acceleration = Acceleration::anderson});
  picard.launch();
  const SolveReport by_picard = picard.report();
  mixed.launch();
  const SolveReport report = mixed.report();
  check_states<T>(context, model, U, X, report);
  Stopwatch watch(context, problem.cache);
  std::vector<double> picard_times;
  const double seconds = measure(
      state, context, problem.cache,
      [&] {
        watch.start();
        picard.launch();
        picard_times.push_back(watch.stop());
      },
      [&] { mixed.launch(); });
  double slower = 0;
  for (std::size_t j = 0; j < report.iterations.size(); ++j)
    slower += report.iterations[j] > by_picard.iterations[j] ? 1 : 0;
  state.counters["cost"] = seconds / median(picard_times);
  state.counters["mean_iterations"] = report.mean_iterations();
  state.counters["picard_mean_iterations"] = by_picard.mean_iterations();
  state.counters["slower_columns"] = slower;
  state.counters["fallbacks"] = static_cast<double>(report.total_fallbacks());
}

template <class T>
void add(Device device) {
  for (const Problem& problem : problems<T>(device)) {
    add_case(case_name<T>("solve", device) + "/" + to_string(problem),
             [=](benchmark::State& state) { solve<T>(state, device, problem); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
    if (problem.size.n > 1000 || problem.cache == Cache::warm) continue;
    add_case(case_name<T>("solve", device) + "/" + to_string(problem) + "/batch_invariant",
             [=](benchmark::State& state) { batch_invariant<T>(state, device, problem); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
    add_case(case_name<T>("solve", device) + "/" + to_string(problem) + "/anderson",
             [=](benchmark::State& state) { anderson<T>(state, device, problem); })
        ->UseManualTime()
        ->Unit(benchmark::kMicrosecond);
  }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  add<float>(device);
  add<double>(device);
});

}  // namespace
}  // namespace idl::bench
