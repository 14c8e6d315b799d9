// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "bench/support/devices.hpp"
#include "bench/support/stopwatch.hpp"
#include "idl/trainer.hpp"
#include "kernels/base/processors.hpp"

/// A training, an evaluation and a solve on the CPU beside processes that never rest, which the
/// bench forks itself.
///
/// Time is that beside them. Counters: quiet_us, the time without them; fair_share_us, what it
/// would be if each processor were divided evenly among its busy processes and this one;
/// of_fair_share, the time as a multiple of that.
namespace idl::bench {
namespace {

constexpr index_t k_inputs = 784;
constexpr index_t k_outputs = 10;

/// Processes that keep all processors busy while it lives.
class BusyProcesses {
 public:
  explicit BusyProcesses(int count) {
    for (int k = 0; k < count; ++k) {
      const pid_t child = fork();
      if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
      if (child == 0) keep_busy();
      children_.push_back(child);
    }
  }
  ~BusyProcesses() {
    for (const pid_t child : children_) kill(child, SIGKILL);
    for (const pid_t child : children_) waitpid(child, nullptr, 0);
  }
  BusyProcesses(const BusyProcesses&) = delete;
  BusyProcesses& operator=(const BusyProcesses&) = delete;

 private:
  [[noreturn]] static void keep_busy() {
    for (volatile unsigned long count = 0;;) count = count + 1;
  }

  std::vector<pid_t> children_;
};

/// Uniform noise around one centre per class.
Dataset make_data(index_t samples) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(0.0F, 1.0F);
  std::vector<float> centres(static_cast<std::size_t>(k_inputs * k_outputs));
  for (float& entry : centres) entry = uniform(random);
  std::vector<float> values;
  std::vector<std::int32_t> labels;
  for (index_t sample = 0; sample < samples; ++sample) {
    const index_t label = sample % k_outputs;
    labels.push_back(static_cast<std::int32_t>(label));
    for (index_t i = 0; i < k_inputs; ++i)
      values.push_back(0.5F *
                       (centres[static_cast<std::size_t>(label * k_inputs + i)] + uniform(random)));
  }
  return Dataset::from_values(std::move(values), std::move(labels), k_inputs, k_outputs);
}

/// Times `work` without and with `each` busy processes for each processor.
template <class Work>
void beside(benchmark::State& state, Context& context, int each, const Work& work) {
  constexpr int k_runs = 7;
  Stopwatch watch(context, Cache::warm);
  work();
  std::vector<double> quiet;
  for (int k = 0; k < k_runs; ++k) {
    watch.start();
    work();
    quiet.push_back(watch.stop());
  }
  const BusyProcesses busy(each * available_processors());
  double total = 0;  // not the median: most runs may lie within one time slice
  for (auto _ : state) {
    watch.start();
    work();
    const double seconds = watch.stop();
    state.SetIterationTime(seconds);
    total += seconds;
  }
  const double seconds = total / static_cast<double>(state.iterations());
  const double fair_share = median(quiet) * (1 + each);
  state.counters["quiet_us"] = median(quiet) * 1e6;
  state.counters["fair_share_us"] = fair_share * 1e6;
  state.counters["of_fair_share"] = seconds / fair_share;
}

void train(benchmark::State& state, index_t states, int each) {
  Context context(Device::cpu());
  const Dataset data = make_data(20000);  // an epoch is many time slices long
  beside(state, context, each, [&] {
    ImplicitModel<float> model(context, {states, k_inputs, k_outputs}, {}, 1);
    TrainerOptions options;
    options.epochs = 1;
    Trainer<float>(context, model, data, nullptr, options).fit();
  });
}

void evaluate(benchmark::State& state, index_t states, int each) {
  Context context(Device::cpu());
  const Dataset data = make_data(10000);
  const ImplicitModel<float> model(context, {states, k_inputs, k_outputs}, {}, 1);
  beside(state, context, each, [&] {
    benchmark::DoNotOptimize(
        idl::evaluate<float>(context, model, data, LossKind::softmax_cross_entropy, 1000));
  });
}

void solve(benchmark::State& state, index_t states, int each) {
  constexpr index_t k_samples = 100;
  Context context(Device::cpu());
  const ImplicitModel<float> model(context, {states, k_inputs, k_outputs}, {}, 1);
  BatchPass<float> pass(context, model, k_samples, {.backward = false});
  const Dataset data = make_data(k_samples);
  std::vector<float> U(static_cast<std::size_t>(k_inputs * k_samples));
  for (index_t sample = 0; sample < k_samples; ++sample)
    data.copy_sample<float>(sample,
                            std::span(U).subspan(static_cast<std::size_t>(sample * k_inputs),
                                                 static_cast<std::size_t>(k_inputs)));
  upload<float>(context, U, pass.U());
  beside(state, context, each, [&] { benchmark::DoNotOptimize(pass.forward()); });
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  if (device.kind != DeviceKind::cpu) return;
  const auto add = [](const std::string& name, auto work, index_t states, int each, int runs) {
    add_case(name + "/n" + std::to_string(states) + "/" + std::to_string(each) + "_busy_per_core",
             [=](benchmark::State& state) { work(state, states, each); })
        ->Iterations(runs);
  };
  for (const int each : {1, 2}) {
    for (const index_t states : {40, 100, 300}) add("train_epoch", train, states, each, 7);
    add("evaluate", evaluate, 100, each, 7);
    for (const index_t states : {40, 100, 300}) add("solve", solve, states, each, 2000);
  }
});

}  // namespace
}  // namespace idl::bench
