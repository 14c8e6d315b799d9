// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "bench/small_calls/eigen_loop.hpp"
#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/stopwatch.hpp"

/// A few samples at a time, again and again, as a simulation asks that has a model in each cell:
/// the defaults, by predict(), by predict_into() and by a BatchPass, beside the plainest loop over
/// Eigen.
///
/// Counters: microseconds a call; to_eigen, as a multiple of the loop over Eigen, timed alternately
/// (below 1: faster); iterations of both; of_limit, the time that the multiplications of the calls'
/// own iterations take at the measured rate of GEMM as a share of the time that they take: A stays
/// in the cache, so that no memory bounds it.
namespace idl::bench {
namespace {

/// The answers of both are compared with this many times the tolerance: they stop at different
/// steps, which with κ = 0.94 may be a hundred steps' worth apart.
constexpr double k_apart = 100.0;
constexpr double k_kappa = 0.94;
constexpr double k_tolerance = Tolerance{}.absolute;

/// A from N(shift, 1), rows scaled to sums of κ: the shift makes for more iterations.
template <class T>
class SmallCalls {
 public:
  SmallCalls(Context& context, const Size& size, double shift)
      : size_(size),
        A_(normals(size.n * size.n, 1.0, shift)),
        B_(normals(size.n * size.p, 1.0 / std::sqrt(static_cast<double>(size.p)))),
        C_(normals(size.q * size.n, 1.0 / std::sqrt(static_cast<double>(size.n)))),
        D_(normals(size.q * size.p, 1.0 / std::sqrt(static_cast<double>(size.p)))),
        U_(normals(size.p * size.m, 1.0)),
        Y_(static_cast<std::size_t>(size.q * size.m)),
        model_(context, {size.n, size.p, size.q}),
        eigen_(size.n, size.p, size.q, size.m, scaled(A_, size.n).data(), B_.data(), C_.data(),
               D_.data()) {
    upload<T>(context, A_, model_.A());
    upload<T>(context, B_, model_.B());
    upload<T>(context, C_, model_.C());
    upload<T>(context, D_, model_.D());
  }

  const ImplicitModel<T>& model() const { return model_; }
  ConstMatrixView<T> U() const { return {U_.data(), size_.p, size_.m, size_.p, Device::cpu()}; }
  int run_eigen() {
    return eigen_.run(U_.data(), Y_.data(), static_cast<T>(k_tolerance),
                      Tolerance{}.max_iterations);
  }
  /// The largest difference to what Eigen has made.
  double distance(const std::vector<T>& Y) const {
    double worst = 0.0;
    for (std::size_t i = 0; i < Y.size(); ++i)
      worst = std::max(worst, std::abs(static_cast<double>(Y[i]) - static_cast<double>(Y_[i])));
    return worst;
  }

 private:
  std::vector<T> normals(index_t count, double scale, double shift = 0.0) {
    std::normal_distribution<double> normal(shift, 1.0);
    std::vector<T> values(static_cast<std::size_t>(count));
    for (T& value : values) value = static_cast<T>(scale * normal(random_));
    return values;
  }
  static const std::vector<T>& scaled(std::vector<T>& A, index_t n) {
    const auto rows = static_cast<std::size_t>(n);
    for (std::size_t i = 0; i < rows; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < rows; ++j) sum += std::abs(static_cast<double>(A[j * rows + i]));
      for (std::size_t j = 0; j < rows; ++j)
        A[j * rows + i] = static_cast<T>(k_kappa / sum * static_cast<double>(A[j * rows + i]));
    }
    return A;
  }

  std::mt19937_64 random_{1};
  Size size_;
  std::vector<T> A_, B_, C_, D_, U_, Y_;
  ImplicitModel<T> model_;
  EigenLoop<T> eigen_;
};

/// Seconds a call, of some calls together: one is shorter than what the clock can tell well.
template <class Work>
double seconds_each(Work&& work) {
  constexpr int k_calls = 32;
  const auto begin = std::chrono::steady_clock::now();
  for (int k = 0; k < k_calls; ++k) work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() / k_calls;
}

enum class Way { predict, predict_into, forward };

template <class T>
void small_calls(benchmark::State& state, const Size& size, double shift, Way way) {
  Context context(Device::cpu());
  SmallCalls<T> calls(context, size, shift);
  std::vector<T> Y(static_cast<std::size_t>(size.q * size.m));
  const MatrixView<T> Y_view = {Y.data(), size.q, size.m, size.q, Device::cpu()};
  SolveReport report;
  BatchPass<T> pass(context, calls.model(), size.m, {.backward = false});
  const auto call = [&] {
    if (way == Way::predict) {
      const Prediction<T> prediction = calls.model().predict(context, calls.U());
      copy<T>(context, prediction.Y.view(), Y_view);
    } else if (way == Way::predict_into) {
      calls.model().predict_into(context, calls.U(), Y_view, std::nullopt, report);
    } else {
      copy<T>(context, calls.U(), pass.U());
      pass.forward(report);
      copy<T>(context, pass.Y(), Y_view);
    }
  };
  call();
  const int eigen_iterations = calls.run_eigen();
  if (const double distance = calls.distance(Y); !(distance <= k_apart * k_tolerance))
    throw Error("the answers are " + std::to_string(distance) + " apart");
  std::vector<double> ours, eigen;
  for (auto _ : state) {
    eigen.push_back(seconds_each([&] { calls.run_eigen(); }));
    ours.push_back(seconds_each(call));
    state.SetIterationTime(ours.back());
  }
  copy<T>(context, calls.U(), pass.U());
  const SolveReport counted = pass.forward();
  const double seconds = median(ours);
  const auto n = static_cast<double>(size.n);
  const auto p = static_cast<double>(size.p);
  const double flops =
      2.0 * static_cast<double>(size.m) *
      (n * p + (counted.mean_iterations() - 1.0) * n * n + static_cast<double>(size.q) * (n + p));
  state.counters["us"] = seconds * 1e6;
  state.counters["eigen_us"] = median(eigen) * 1e6;
  state.counters["to_eigen"] = seconds / median(eigen);
  state.counters["iterations"] = counted.max_iterations_used();
  state.counters["eigen_iterations"] = eigen_iterations;
  state.counters["of_limit"] = limit_seconds<T>(Device::cpu(), flops, 0.0) / seconds;
}

template <class T>
void add(Device device) {
  for (const index_t n : {20, 100, 300})
    for (const index_t m : {1, 2, 4, 8})
      for (const auto& [shift, kind] :
           {std::pair{0.0, "/"}, std::pair{0.5, "/slow/"}, std::pair{1.0, "/slower/"}})
        for (const auto& [way, name] : {std::pair{Way::predict, "predict"},
                                        {Way::predict_into, "predict_into"},
                                        {Way::forward, "forward"}}) {
          const Size size = {n, 50, 10, m};
          add_case(case_name<T>("small_calls", device) + "/n" + std::to_string(n) + "_p50_m" +
                       std::to_string(m) + kind + name,
                   [size, shift = shift, way = way](benchmark::State& state) {
                     small_calls<T>(state, size, shift, way);
                   })
              ->MinTime(0.01);  // thousands of calls, each with the untimed work of its comparison
        }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  // The peer is a loop on the CPU, and a GPU is no place for one sample.
  if (device.kind != DeviceKind::cpu) return;
  add<float>(device);
  add<double>(device);
});

}  // namespace
}  // namespace idl::bench
