// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <string>

#include "bench/support/check.hpp"
#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/stopwatch.hpp"
#include "idl/batch_pass.hpp"

/// What a caller waits for, by the steady clock on every device: `predict`, the whole call;
/// `compile`, the making of a BatchPass, backward pass included, which predict() and a training do
/// once per shape; `forward`, a call of that pass's forward(). The difference of the first and the
/// last is what keeping the pass saves. Counter: samples per second.
namespace idl::bench {
namespace {

template <class T>
struct Setting {
  Setting(Device device, const Problem& problem)
      : context(device),
        model(make_model<T>(context, problem)),
        U(Matrix<T>::from_host(context, problem.size.p, problem.size.m,
                               make_samples<T>(problem).U)) {}

  Context context;
  ImplicitModel<T> model;
  Matrix<T> U;
};

template <class T>
void predict(benchmark::State& state, Device device, const Problem& problem) {
  Setting<T> with(device, problem);
  const Prediction<T> prediction = with.model.predict(with.context, with.U);
  check_states<T>(with.context, with.model, with.U, prediction.X, prediction.report);
  const double seconds = measure_wall(state, with.context, [&] {
    benchmark::DoNotOptimize(with.model.predict(with.context, with.U));
  });
  state.counters["samples_per_second"] = static_cast<double>(problem.size.m) / seconds;
}

template <class T>
void compile(benchmark::State& state, Device device, const Problem& problem) {
  Setting<T> with(device, problem);
  measure_wall(state, with.context, [&] {
    benchmark::DoNotOptimize(BatchPass<T>(with.context, with.model, problem.size.m));
  });
}

template <class T>
void forward(benchmark::State& state, Device device, const Problem& problem) {
  Setting<T> with(device, problem);
  BatchPass<T> pass(with.context, with.model, problem.size.m);
  copy<T>(with.context, with.U, pass.U());
  const SolveReport report = pass.forward();
  check_states<T>(with.context, with.model, with.U, pass.X(), report);
  const double seconds =
      measure_wall(state, with.context, [&] { benchmark::DoNotOptimize(pass.forward()); });
  state.counters["samples_per_second"] = static_cast<double>(problem.size.m) / seconds;
}

[[maybe_unused]] const bool k_added = add_benches(
    [](Device device) {
      using Body = void (*)(benchmark::State&, Device, const Problem&);
      const auto add = [device](const char* name, Body body, const Problem& problem) {
        add_case(case_name<float>(name, device) + "/" + to_string(problem),
                 [=](benchmark::State& state) { body(state, device, problem); });
      };
      constexpr Size k_sizes[] = {{100, 50, 10, 1}, {100, 784, 10, 100}, {300, 784, 10, 100}};
      for (const Size& size : k_sizes) {
        const Problem problem = {.size = size};
        add("predict", predict<float>, problem);
        add("compile", compile<float>, problem);
        add("forward", forward<float>, problem);
      }
    },
    Compares::with_nothing);

}  // namespace
}  // namespace idl::bench
