// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "bench/support/devices.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "idl/recurrent.hpp"
#include "kernels/backend.hpp"

/// Passes of a recurrent model over all steps of sequences, forward and backward, by the way that
/// the library takes by itself (`automatic`: on a GPU one kernel, where the cell is small) and step
/// after step (`steps`). Counter `iterations` is the mean of a step and sequence; `of_estimate` is
/// the time, as a multiple of T·(iterations·0.12 µs + 1 µs): what a GPU was expected to take, once
/// for all sequences that it runs at the same time.
namespace idl::bench {
namespace {

struct RecurrentSize {
  RecurrentShape shape;
  index_t sequences;
  index_t steps;
};

template <class T>
void fill(Context& context, MatrixView<T> target, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  std::vector<T> values(static_cast<std::size_t>(target.rows * target.cols));
  for (T& value : values) value = static_cast<T>(uniform(random));
  upload<T>(context, values, target);
}

void require_converged(const SolveReport& report) {
  const bool all = std::ranges::all_of(report.status, [](SolveStatus status) {
    return status == SolveStatus::converged || status == SolveStatus::stagnated;
  });
  if (!all) throw Error("a step has not converged");
}

double mean_of(const std::vector<std::int32_t>& counts) {
  double sum = 0;
  for (const std::int32_t count : counts) sum += count;
  return sum / static_cast<double>(counts.size());
}

void time_pass(benchmark::State& state, Device device, const RecurrentSize& size, bool backward,
               LoopStrategy strategy) {
  Context context(device);
  const ImplicitRnn<float> model(context, size.shape);
  backend_of(context)->choose_loop_strategy(strategy);
  RecurrentPass<float> pass(context, model, size.sequences, size.steps, {.backward = backward});
  fill(context, pass.x(), 1);
  const RecurrentReport report = pass.forward();
  require_converged(report.solves);
  double iterations = mean_of(report.solves.iterations);
  if (backward) {
    fill(context, pass.d_outputs(), 2);
    const SolveReport adjoint = pass.backward();
    require_converged(adjoint);
    iterations = mean_of(adjoint.iterations);
  }
  const double seconds = measure(state, context, Cache::cold,
                                 [&] { backward ? pass.backward_async() : pass.forward_async(); });
  constexpr double k_iteration = 0.12e-6;
  constexpr double k_step = 1e-6;
  state.counters["iterations"] = iterations;
  state.counters["of_estimate"] =
      seconds / (static_cast<double>(size.steps) * (iterations * k_iteration + k_step));
}

[[maybe_unused]] const bool k_added = add_benches(
    [](Device device) {
      // The last one is for an emulation of a GPU.
      for (const RecurrentSize& size :
           {RecurrentSize{{.inputs = 1, .states = 20, .hidden = 20}, 7000, 59},
            RecurrentSize{{.inputs = 1, .states = 20, .hidden = 20}, 100, 59},
            RecurrentSize{{.inputs = 8, .states = 64, .hidden = 48}, 1000, 20},
            RecurrentSize{{.inputs = 1, .states = 3, .hidden = 2}, 2, 3}})
        for (const bool backward : {false, true})
          for (const LoopStrategy strategy :
               {LoopStrategy::automatic, LoopStrategy::conditional_node}) {
            const std::string sizes = "/n" + std::to_string(size.shape.states) + "_h" +
                                      std::to_string(size.shape.hidden) + "_m" +
                                      std::to_string(size.sequences) + "_T" +
                                      std::to_string(size.steps);
            add_case("recurrence/" + to_string(device) + "/f32" + sizes +
                         (backward ? "/backward" : "/forward") +
                         (strategy == LoopStrategy::automatic ? "/automatic" : "/steps"),
                     [=](benchmark::State& state) {
                       time_pass(state, device, size, backward, strategy);
                     });
          }
    },
    Compares::with_nothing);

}  // namespace
}  // namespace idl::bench
