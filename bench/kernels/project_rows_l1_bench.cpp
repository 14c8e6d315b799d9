// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>

#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "kernels/backend.hpp"

/// The projection of rows onto the ℓ1 ball of radius 0.95: of rows that are inside, of rows as they
/// are after an optimiser step (a little outside), and of rows far outside.
///
/// Counters: of_limit, the time of reading A once (inside) or reading and writing it once, at the
/// measured rate of copy, as a share of the time that it takes.
namespace idl::bench {
namespace {

constexpr double k_radius = 0.95;

template <class T>
void project_rows(benchmark::State& state, Device device, index_t n, double norm) {
  Context context(device);
  Backend& backend = *context.backend();
  // Entries between ±scale: rows of norm about n·scale/2.
  const double scale = 2.0 * norm / static_cast<double>(n);
  std::vector<T> values = uniforms<T>(n * n, 2.0 * scale, 5);
  for (T& value : values) value -= static_cast<T>(scale);
  const auto source = Matrix<T>::from_host(context, n, n, values);
  Matrix<T> A(context, n, n);
  using Clock = std::chrono::steady_clock;
  double best = 1e300;
  for (auto _ : state) {
    backend.run(CopyMatrix<T>{.X = source, .Y = A});
    context.synchronize();
    const auto begin = Clock::now();
    backend.run(ProjectRowsL1<T>{.A = A, .radius = static_cast<T>(k_radius)});
    context.synchronize();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    state.SetIterationTime(seconds);
    best = std::min(best, seconds);
  }
  const double passes = norm < k_radius ? 1.0 : 2.0;
  const double bytes = passes * static_cast<double>(n * n) * sizeof(T);
  state.counters["of_limit"] = limit_seconds<T>(device, 0.0, bytes) / best;
}

template <class T>
void add(Device device) {
  struct Start {
    const char* name;
    double norm;
  };
  for (const index_t n : {100, 300, 1000, 4000}) {
    for (const Start& start :
         {Start{"inside", 0.8}, {"just_outside", 1.0}, {"far_outside", 30.0}}) {
      add_case(
          case_name<T>("project_rows_l1", device) + "/n" + std::to_string(n) + "/" + start.name,
          [=](benchmark::State& state) { project_rows<T>(state, device, n, start.norm); })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  add<float>(device);
  add<double>(device);
});

}  // namespace
}  // namespace idl::bench
