// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "bench/support/check.hpp"
#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"

/// The projection of rows onto the ℓ1 ball of radius 0.95: of rows that are inside, of rows as they
/// are after an optimiser step (a little outside), and of rows far outside.
///
/// Counters: of_limit, the time of reading A once (inside) or reading and writing it once, at the
/// measured rate of copy, as a share of the time that it takes.
namespace idl::bench {
namespace {

constexpr double k_radius = 0.95;

/// Row i against the threshold found by sorting: θ = max(0, max_k (Σ of the k largest − radius)/k).
template <class T>
void check_row(const HostMatrix<T>& before, const HostMatrix<T>& after, index_t i) {
  const auto at = [i](const HostMatrix<T>& matrix, index_t j) {
    return static_cast<double>(matrix.values[static_cast<std::size_t>(i + j * matrix.rows)]);
  };
  std::vector<double> magnitudes;
  for (index_t j = 0; j < before.cols; ++j) magnitudes.push_back(std::abs(at(before, j)));
  const double norm = std::accumulate(magnitudes.begin(), magnitudes.end(), 0.0);
  std::sort(magnitudes.begin(), magnitudes.end(), std::greater<>());
  double theta = 0.0;
  double sum = 0.0;
  for (std::size_t k = 0; k < magnitudes.size(); ++k) {
    sum += magnitudes[k];
    theta = std::max(theta, (sum - k_radius) / static_cast<double>(k + 1));
  }
  const double allowed =
      64.0 * static_cast<double>(std::numeric_limits<T>::epsilon()) * std::max(1.0, norm);
  for (index_t j = 0; j < before.cols; ++j) {
    const double entry = at(before, j);
    const double expected = std::copysign(std::max(std::abs(entry) - theta, 0.0), entry);
    if (!(std::abs(at(after, j) - expected) <= allowed))
      throw Error("row " + std::to_string(i) + ": " + std::to_string(at(after, j)) +
                  " where sorting gives " + std::to_string(expected));
  }
}

template <class T>
void project_rows(benchmark::State& state, Device device, index_t n, double norm) {
  Context context(device);
  Backend& backend = *backend_of(context);
  // Entries between ±scale: rows of norm about n·scale/2.
  const double scale = 2.0 * norm / static_cast<double>(n);
  std::vector<T> values = uniforms<T>(n * n, 2.0 * scale, 5);
  for (T& value : values) value -= static_cast<T>(scale);
  const auto source = Matrix<T>::from_host(context, n, n, values);
  Matrix<T> A(context, n, n);
  const auto restore = [&] { backend.run(CopyMatrix<T>{.X = source, .Y = A}); };
  const auto project = [&] {
    backend.run(ProjectRowsL1<T>{.A = A, .radius = static_cast<T>(k_radius)});
  };
  restore();
  project();
  const HostMatrix<T> before(context, source);
  const HostMatrix<T> after(context, A);
  for (const index_t i : a_few(n)) check_row(before, after, i);
  const double seconds = measure(state, context, Cache::cold, restore, project);
  const double passes = norm < k_radius ? 1.0 : 2.0;
  const double bytes = passes * static_cast<double>(n * n) * sizeof(T);
  state.counters["of_limit"] = limit_seconds<T>(device, 0.0, bytes) / seconds;
}

template <class T>
void add(Device device) {
  struct Start {
    const char* name;
    double norm;
  };
  for (const index_t n : {100, 300, 1000, 4096, 16384}) {
    if (n > 4096 && (device.kind == DeviceKind::cpu || !std::is_same_v<T, float>)) continue;
    for (const Start& start :
         {Start{"inside", 0.8}, {"just_outside", 1.0}, {"far_outside", 30.0}}) {
      add_case(case_name<T>("projection", device) + "/n" + std::to_string(n) + "/" + start.name,
               [=](benchmark::State& state) { project_rows<T>(state, device, n, start.norm); });
    }
  }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  add<float>(device);
  add<double>(device);
});

}  // namespace
}  // namespace idl::bench
