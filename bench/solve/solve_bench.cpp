// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <type_traits>
#include <vector>

#include "bench/support/devices.hpp"
#include "bench/support/variant.hpp"
#include "kernels/loop/refined.hpp"

/// The forward solve alone, Z = BU included, by plain Picard iteration with the default tolerance.
///
/// Counters: iterations of the slowest column; seconds per iteration (the first, which has no
/// product, counts as one); samples per second; of_limit, the time that the flops and bytes of the
/// columns' own iterations take at the measured rates of GEMM and copy, as a share of the time
/// that it takes. Variants (variant.hpp) are batch_invariant; anderson; the sweeps; automatic: the
/// precision; block_replay: on a GPU, instead of one kernel; substitution: of the strictly upper
/// part of A, which is iterated otherwise.
namespace idl::bench {
namespace {

template <class T>
double time_solve(benchmark::State& state, Context& context, const Problem& problem,
                  SolveReport& report) {
  const ImplicitModel<T> model = make_model<T>(context, problem);
  const auto U =
      Matrix<T>::from_host(context, problem.size.p, problem.size.m, make_samples<T>(problem).U);
  Matrix<T> X(context, problem.size.n, problem.size.m);
  solver::FixedPointSolver<T> solver(context,
                                     solver::EquilibriumProblem<T>{.A = DenseMap<T>{model.A()},
                                                                   .B = DenseMap<T>{model.B()},
                                                                   .U = U,
                                                                   .X = X,
                                                                   .activation = {}});
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
  // A once an iteration, five passes over n×m (fixed_point_solver.hpp).
  const double bytes = sizeof(T) * (n * p + p * m + iterations * (n * n + 5.0 * n * m));
  return limit_seconds<T>(device, flops, bytes);
}

template <class T>
void solve(benchmark::State& state, Device device, const Problem& problem) {
  Context context(device);
  SolveReport report;
  const double seconds = time_solve<T>(state, context, problem, report);
  label_plans(state, context);
  const double iterations = report.max_iterations_used();
  state.counters["iterations"] = iterations;
  state.counters["mean_iterations"] = report.mean_iterations();
  state.counters["seconds_per_iteration"] = seconds / iterations;
  state.counters["samples_per_second"] = static_cast<double>(problem.size.m) / seconds;
  state.counters["of_limit"] = limit<T>(device, problem.size, report) / seconds;
}

/// Those that are another way on this device and at this size.
template <class T>
std::vector<Variant> variants(Device device, const Problem& problem) {
  std::vector<Variant> all = {
      {.name = "anderson", .options = {.acceleration = Acceleration::anderson}}};
  // Small solves on a GPU are done in one kernel, without sweeps.
  if (device.kind == DeviceKind::cpu || problem.size.n >= 4096) {
    all.push_back({.name = "gauss_seidel", .options = {.sweep = Sweep::gauss_seidel}});
    all.push_back(
        {.name = "gauss_seidel_anderson",
         .options = {.sweep = Sweep::gauss_seidel, .acceleration = Acceleration::anderson}});
  }
  if (problem.origin == Origin::random)
    all.push_back({.name = "substitution", .strictly_upper = true});
  if (problem.size.n <= 1000)
    all.push_back({.name = "batch_invariant", .options = {.batch_invariant = true}});
  const auto n = static_cast<double>(problem.size.n);
  const double flops = 2.0 * n * n * static_cast<double>(problem.size.m);
  if (std::is_same_v<T, float> && device.kind == DeviceKind::cuda && flops >= k_least_refined_flops)
    all.push_back({.name = "automatic", .options = {.precision = Precision::automatic}});
  if (device.kind == DeviceKind::cuda && problem.size.n <= 896)
    all.push_back({.name = "block_replay", .strategy = LoopStrategy::block_replay});
  return all;
}

template <class T>
void add(Device device) {
  for (const Problem& problem : problems<T>(device)) {
    add_case(case_name<T>("solve", device) + "/" + to_string(problem),
             [=](benchmark::State& state) { solve<T>(state, device, problem); });
    if (problem.cache == Cache::warm) continue;
    for (const Variant& other : variants<T>(device, problem))
      add_case(case_name<T>("solve", device) + "/" + to_string(problem) + "/" + other.name,
               [=](benchmark::State& state) { time_variant<T>(state, device, problem, other); });
  }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  add<float>(device);
  add<double>(device);
});

}  // namespace
}  // namespace idl::bench
