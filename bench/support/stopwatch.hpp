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

/// Times work given to a context: on a GPU by events in its stream, on the CPU by the steady clock.
class Stopwatch {
 public:
  Stopwatch(Context& context, Cache cache);
  ~Stopwatch();
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  void start();
  /// Waits for the work. Seconds since start().
  double stop();

 private:
  struct Events;

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
/// timed. prepare() before each run is not timed either. The median in seconds.
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
  return median(std::move(times));
}

template <class Work>
double measure(benchmark::State& state, Context& context, Cache cache, Work&& work) {
  return measure(
      state, context, cache, [] {}, work);
}

}  // namespace idl::bench
