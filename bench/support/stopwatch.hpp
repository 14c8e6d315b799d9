// SPDX-License-Identifier: MIT
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "idl/context.hpp"
#include "idl/matrix.hpp"

namespace idl::bench {

/// Whether a GPU's second-level cache is flushed before each run. On a CPU nothing is flushed.
enum class Cache { cold, warm };

/// Seconds of the steady clock.
double now();

/// Times work given to a context: on a GPU by events in its stream, on the CPU by the steady clock.
class Stopwatch {
 public:
  Stopwatch(Context& context, Cache cache);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  /// On an idle device: the time of the host's first launches counts.
  void start();
  /// Whether start_queued() is there: on a GPU, with cold caches.
  bool can_queue() const { return events_ != nullptr && flushed_.rows() > 0; }
  /// Behind flushes that still run, so that what is launched meanwhile waits for the device, and
  /// not the device for it: the device's own time.
  void start_queued();
  /// Waits for the work. Seconds since start().
  double stop();

 private:
  struct Events;
  void flush();

  Context* context_;
  Matrix<float> flushed_;  ///< larger than the cache of any GPU; empty where nothing is flushed
  std::unique_ptr<Events> events_;
  double begin_ = 0.0;
};

inline double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// The shortest of several runs with warm caches, which take `total` seconds together at least.
template <class Work>
double shortest(Context& context, double total, Work&& work) {
  constexpr int k_least_runs = 5;
  Stopwatch watch(context, Cache::warm);
  work();
  double best = std::numeric_limits<double>::infinity();
  double spent = 0.0;
  for (int k = 0; k < k_least_runs || spent < total; ++k) {
    watch.start();
    work();
    const double seconds = watch.stop();
    best = std::min(best, seconds);
    spent += seconds;
  }
  return best;
}

/// Runs a case as often as Google Benchmark asks for (UseManualTime), after one run that is not
/// timed. prepare() before each run is not timed either. The median in seconds. On a GPU with cold
/// caches a few more runs give the counter device_seconds, the median of the device's own time.
template <class Prepare, class Work>
double measure(benchmark::State& state, Context& context, Cache cache, Prepare&& prepare,
               Work&& work) {
  Stopwatch watch(context, cache);
  std::vector<double> times;
  prepare();
  work();
  for (auto _ : state) {
    prepare();
    watch.start();
    work();
    times.push_back(watch.stop());
    state.SetIterationTime(times.back());
  }
  if (watch.can_queue()) {
    std::vector<double> own_times;
    for (std::size_t k = 0; k < std::min<std::size_t>(times.size(), 20); ++k) {
      prepare();
      watch.start_queued();
      work();
      own_times.push_back(watch.stop());
    }
    state.counters["device_seconds"] = median(std::move(own_times));
  }
  return median(std::move(times));
}

/// The same by the steady clock on every device: what a caller waits for.
template <class Work>
double measure_wall(benchmark::State& state, Context& context, Work&& work) {
  std::vector<double> times;
  work();
  context.synchronize();
  for (auto _ : state) {
    const double begin = now();
    work();
    context.synchronize();
    times.push_back(now() - begin);
    state.SetIterationTime(times.back());
  }
  return median(std::move(times));
}

template <class Work>
double measure(benchmark::State& state, Context& context, Cache cache, Work&& work) {
  return measure(
      state, context, cache, [] {}, work);
}

}  // namespace idl::bench
