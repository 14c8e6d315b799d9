// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "bench/support/devices.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"
#include "kernels/loop/loop_memory.hpp"

/// What an iteration with a sparse A takes, by each way to run the loop: the slope of the time
/// between solves of 10 and of 110 iterations that nothing stops. Counters: seconds_per_iteration,
/// entries, multiply_adds_per_second. Columns of the short solve are checked in float64 first.
namespace idl::bench {
namespace {

constexpr std::int32_t k_short = 10;
constexpr std::int32_t k_long = 110;
/// Entries of larger ones find no room in a cluster.
constexpr index_t k_most_fused_states = 4096;

struct Size {
  index_t n;
  index_t m;
  double density;
};

struct HostCsr {
  std::vector<std::int64_t> row_offsets{0};
  std::vector<std::int32_t> col_indices;
  std::vector<float> values;
};

/// Entries of either sign with |row sums| of 0.99.
HostCsr random_csr(const Size& size) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> unit;
  HostCsr A;
  std::geometric_distribution<index_t> gap(size.density);
  for (index_t i = 0; i < size.n; ++i) {
    double sum = 0.0;
    for (index_t j = gap(random); j < size.n; j += 1 + gap(random)) {
      A.col_indices.push_back(static_cast<std::int32_t>(j));
      A.values.push_back(static_cast<float>(2.0 * unit(random) - 1.0));
      sum += std::abs(static_cast<double>(A.values.back()));
    }
    for (auto e = static_cast<std::size_t>(A.row_offsets.back()); e < A.values.size(); ++e)
      A.values[e] = static_cast<float>(0.99 * static_cast<double>(A.values[e]) / sum);
    A.row_offsets.push_back(static_cast<std::int64_t>(A.values.size()));
  }
  return A;
}

/// X <- tanh(AX + Z) from zero, and all that it needs.
class SparseSolve {
 public:
  SparseSolve(Context& context, const Size& size)
      : size_(size), A_(random_csr(size)), backend_(backend_of(context)), memory_(backend_) {
    CsrMap<float> map;
    map.A = {.row_offsets = store(A_.row_offsets).data,
             .col_indices = store(A_.col_indices).data,
             .values = store(A_.values).data,
             .rows = size.n,
             .cols = size.n,
             .nnz = static_cast<index_t>(A_.values.size()),
             .device = backend_->device()};
    map.longest_row = size.n;
    std::mt19937 random(11);
    std::uniform_real_distribution<float> unit(-1.0F, 1.0F);
    for (index_t k = 0; k < size.n * size.m; ++k) Z_.push_back(unit(random));
    solve_.A = map;
    solve_.X = {memory_.vector<float>(size.n * size.m).data, size.n, size.m, size.n,
                backend_->device()};
    solve_.product = memory_.matrix<float>(size.n, size.m);
    solve_.f = PicardMap<float>{.Z = {store(Z_).data, size.n, size.m, size.n, backend_->device()},
                                .activation = {.kind = ActivationKind::tanh}};
    solve_.columns = memory_.columns<float>(size.m);
    solve_.step_norms = memory_.vector<float>(size.m);
    solve_.state_norms = memory_.vector<float>(size.m);
  }

  std::unique_ptr<Program> compile(LoopStrategy strategy, std::int32_t iterations) {
    solve_.decision = {.max_iterations = iterations};
    backend_->choose_loop_strategy(strategy);
    return backend_->compile(solve_);
  }

  /// What the short program has left, against naive loops. @throws Error
  void check() const {
    const auto n = static_cast<std::size_t>(size_.n);
    std::vector<float> X(n * static_cast<std::size_t>(size_.m));
    const std::size_t bytes = X.size() * sizeof(float);
    backend_->download({.destination = X.data(),
                        .destination_pitch = bytes,
                        .source = solve_.X.data,
                        .source_pitch = bytes,
                        .width = bytes});
    for (const index_t j : {index_t{0}, size_.m / 2, size_.m - 1}) {
      const std::vector<double> expected = column(static_cast<std::size_t>(j));
      for (std::size_t i = 0; i < n; ++i) {
        const auto got = static_cast<double>(X[i + static_cast<std::size_t>(j) * n]);
        // Ten times the rounding of a row's terms, each below 1.
        if (!(std::abs(got - expected[i]) <= 10.0 * 6e-8 * 100.0))
          throw Error("x is " + std::to_string(got) + " in row " + std::to_string(i) +
                      " of column " + std::to_string(j) + ", expected " +
                      std::to_string(expected[i]));
      }
    }
  }

  double entries() const { return static_cast<double>(A_.values.size()); }

 private:
  template <class E>
  VectorView<E> store(const std::vector<E>& from) {
    const VectorView<E> to = memory_.vector<E>(static_cast<index_t>(from.size()));
    const std::size_t bytes = from.size() * sizeof(E);
    backend_->upload({.destination = to.data,
                      .destination_pitch = bytes,
                      .source = from.data(),
                      .source_pitch = bytes,
                      .width = bytes});
    return to;
  }

  std::vector<double> column(std::size_t j) const {
    const auto n = static_cast<std::size_t>(size_.n);
    std::vector<double> x(n, 0.0);
    for (std::int32_t iteration = 0; iteration < k_short; ++iteration) {
      std::vector<double> next(n);
      for (std::size_t i = 0; i < n; ++i) {
        auto sum = static_cast<double>(Z_[i + j * n]);
        for (auto e = static_cast<std::size_t>(A_.row_offsets[i]);
             e < static_cast<std::size_t>(A_.row_offsets[i + 1]); ++e)
          sum += static_cast<double>(A_.values[e]) * x[static_cast<std::size_t>(A_.col_indices[e])];
        next[i] = std::tanh(sum);
      }
      x = std::move(next);
    }
    return x;
  }

  Size size_;
  HostCsr A_;
  std::vector<float> Z_;
  std::shared_ptr<Backend> backend_;
  LoopMemory memory_;
  FixedPoint<float> solve_;
};

void time_slope(benchmark::State& state, Device device, const Size& size, LoopStrategy strategy) {
  Context context(device);
  SparseSolve solve(context, size);
  const auto few = solve.compile(strategy, k_short);
  few->launch();
  solve.check();
  const auto many = solve.compile(strategy, k_long);
  many->launch();
  Stopwatch watch(context, Cache::warm);
  std::vector<double> slopes;
  for (auto _ : state) {
    watch.start();
    few->launch();
    const double less = watch.stop();
    watch.start();
    many->launch();
    const double more = watch.stop();
    slopes.push_back((more - less) / (k_long - k_short));
    state.SetIterationTime(more);
  }
  const double seconds = median(std::move(slopes));
  state.SetLabel(std::string(to_string(many->strategy())));
  state.counters["entries"] = solve.entries();
  state.counters["seconds_per_iteration"] = seconds;
  state.counters["multiply_adds_per_second"] =
      solve.entries() * static_cast<double>(size.m) / seconds;
}

int runs_of(const Size& size) {
  if (size.n == 64) return 1;  // for the emulation
  return size.n < 4096 ? 15 : 5;
}

std::string percent(double density) {
  return std::to_string(static_cast<int>(std::lround(100.0 * density)));
}

[[maybe_unused]] const bool k_added = add_benches(
    [](Device device) {
      // The first size is one for an emulation of a GPU, which takes long.
      for (const Size size :
           {Size{64, 1, 0.1}, Size{300, 100, 0.1}, Size{300, 1000, 0.1}, Size{1024, 100, 0.05},
            Size{1024, 100, 0.01}, Size{1024, 1000, 0.2}, Size{1024, 1000, 0.05},
            Size{1024, 1000, 0.01}, Size{4096, 100, 0.05}, Size{4096, 100, 0.01},
            Size{4096, 1000, 0.01}, Size{16384, 100, 0.01}, Size{16384, 1000, 0.01}})
        for (const LoopStrategy strategy :
             {LoopStrategy::fused, LoopStrategy::row_split, LoopStrategy::library_product,
              LoopStrategy::conditional_node}) {
          if (strategy == LoopStrategy::fused && size.n > k_most_fused_states) continue;
          add_case(case_name<float>("sparse_loops", device) + "/n" + std::to_string(size.n) + "_m" +
                       std::to_string(size.m) + "_density" + percent(size.density) + "/" +
                       std::string(to_string(strategy)),
                   [=](benchmark::State& state) { time_slope(state, device, size, strategy); })
              ->Iterations(runs_of(size));
        }
    },
    Compares::with_nothing);

}  // namespace
}  // namespace idl::bench
