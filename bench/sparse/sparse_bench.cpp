// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/sparse/sparse_problem.hpp"
#include "bench/support/devices.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

/// What a sparse A saves on the CPU, beside the same numbers with all zeros stored, in the same
/// process, alternating.
///
/// `loop`: the iterations of a solve alone, Z given; `product`: Z = BU; `solve`: both, of a model
/// whose A and B are sparse; `gradient`: V Xᵀ on the pattern; `step`: the products and loops of a
/// training step of such a model, loss and optimiser apart. Counters: `speedup`, the shortest time
/// of the dense form over the shortest of the sparse; mean iterations; of_limit of loops, the time
/// that the entries' fused multiply-adds take at the measured rate of GEMM, as a share of the time:
/// each takes one load, of which processors make as many.
namespace idl::bench {
namespace {

constexpr double k_row_sum = 0.95;

struct Shape {
  index_t n;
  index_t m;
  double density;
};

std::string to_string(const Shape& shape) {
  std::string density = std::to_string(shape.density);
  density.erase(density.find_last_not_of('0') + 1);
  return "n" + std::to_string(shape.n) + "_m" + std::to_string(shape.m) + "/d" + density;
}

/// Times two ways to the same, alternating; Google Benchmark sees the time of the first.
template <class First, class Second>
double compare(benchmark::State& state, Context& context, const First& sparse,
               const Second& dense) {
  Stopwatch watch(context, Cache::warm);
  const auto time = [&](const auto& work) {
    watch.start();
    work();
    return watch.stop();
  };
  double best_sparse = std::numeric_limits<double>::infinity();
  double best_dense = best_sparse;
  double spent = 0.0;
  constexpr double k_enough = 0.4;
  constexpr int k_most = 200;
  for (int k = 0; k < 5 || (k < k_most && spent < k_enough); ++k) {
    const double by_dense = time(dense);
    const double by_sparse = time(sparse);
    best_dense = std::min(best_dense, by_dense);
    best_sparse = std::min(best_sparse, by_sparse);
    spent += by_dense + by_sparse;
  }
  for (auto _ : state) state.SetIterationTime(best_sparse);
  state.counters["speedup"] = best_dense / best_sparse;
  state.counters["dense_us"] = best_dense * 1e6;
  return best_sparse;
}

template <class T>
double mean(const std::vector<T>& values) {
  double sum = 0.0;
  for (const T value : values) sum += static_cast<double>(value);
  return sum / static_cast<double>(values.size());
}

/// max |got − expected| <= allowed·max|expected|, of a few columns.
template <class T>
void require_near(std::span<const T> got, std::span<const double> expected, double allowed) {
  double worst = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - expected[i]));
    size = std::max(size, std::abs(expected[i]));
  }
  if (!(worst <= allowed * size))
    throw Error("off by " + std::to_string(worst) + " of " + std::to_string(size));
}

/// Roundings of sums of so many terms, and of what comes before and after.
template <class T>
double roundings(index_t terms) {
  return static_cast<double>(std::numeric_limits<T>::epsilon()) * static_cast<double>(terms + 8);
}

/// x = f(op(A)x) in float64, up to a step of the tolerance and roundings.
template <class T>
void check_loop(Context& context, const FixedPoint<T>& solve, ConstMatrixView<T> A) {
  const HostMatrix<T> entries(context, A);
  for (const index_t j : a_few(solve.X.cols)) {
    const HostMatrix<T> x(context, solve.X.columns(j, 1));
    std::vector<double> sums(x.values.size());
    if (const auto* map = std::get_if<PicardMap<T>>(&solve.f)) {
      add_product<T>(entries, x.values, sums);
      const HostMatrix<T> z(context, map->Z.columns(j, 1));
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = std::max(sums[i] + static_cast<double>(z.values[i]), 0.0);
    } else {
      const auto& adjoint = std::get<AdjointMap<T>>(solve.f);
      sums = transposed_product<T>(entries, x.values);
      const HostMatrix<T> g(context, adjoint.G.columns(j, 1));
      const HostMatrix<T> psi(context, adjoint.Psi.columns(j, 1));
      for (std::size_t i = 0; i < sums.size(); ++i)
        sums[i] = static_cast<double>(psi.values[i]) * (sums[i] + static_cast<double>(g.values[i]));
    }
    require_near<T>(x.values, sums, 4 * Tolerance{}.absolute + roundings<T>(A.rows));
  }
}

/// A loop with sparse A, and the same with dense A.
template <class T>
class LoopPair {
 public:
  LoopPair(Context& context, const Shape& shape, bool adjoint, Sweep sweep)
      : entries_(shape.n, shape.n, shape.density, k_row_sum, 11),
        A_(Matrix<T>::from_host(context, shape.n, shape.n, entries_.dense())),
        Z_(normals<T>(context, shape.n, shape.m, 1)),
        Psi_(normals<T>(context, shape.n, shape.m, 2)),
        sparse_memory_(context, shape.n, shape.m),
        dense_memory_(context, shape.n, shape.m) {
    backend_of(context)->run(ActivationDerivative<T>{
        .S = Psi_, .Z = Z_, .Psi = Psi_, .activation = {.kind = ActivationKind::relu}});
    std::variant<PicardMap<T>, AdjointMap<T>> f =
        PicardMap<T>{.Z = Z_, .activation = {.kind = ActivationKind::relu}};
    if (adjoint) f = AdjointMap<T>{.G = Z_, .Psi = Psi_};
    const FixedPoint<T> by_sparse = sparse_memory_.of(entries_.map(), f, sweep);
    const FixedPoint<T> by_dense = dense_memory_.of(DenseMap<T>{A_}, f, sweep);
    sparse = backend_of(context)->compile(by_sparse);
    dense = backend_of(context)->compile(by_dense);
    sparse->launch();
    dense->launch();
    check_loop<T>(context, by_sparse, A_);
    check_loop<T>(context, by_dense, A_);
  }

  const SparseEntries<T>& entries() const { return entries_; }
  Matrix<T>& Z() { return Z_; }
  const Matrix<T>& states() const { return sparse_memory_.X; }
  double mean_iterations(Context& context) const {
    return mean(download<std::int32_t>(context, sparse_memory_.iterations));
  }

  std::unique_ptr<Program> sparse;
  std::unique_ptr<Program> dense;

 private:
  SparseEntries<T> entries_;
  Matrix<T> A_, Z_, Psi_;
  LoopOnly<T> sparse_memory_, dense_memory_;
};

template <class T>
void loop(benchmark::State& state, const Shape& shape, bool adjoint, Sweep sweep) {
  Context context(Device::cpu());
  LoopPair<T> pair(context, shape, adjoint, sweep);
  const double seconds = compare(
      state, context, [&] { pair.sparse->launch(); }, [&] { pair.dense->launch(); });
  const double iterations = pair.mean_iterations(context);
  state.counters["mean_iterations"] = iterations;
  const double flops = 2.0 * static_cast<double>(pair.entries().view().nnz) *
                       static_cast<double>(shape.m) * (iterations - 1.0);
  state.counters["gflops"] = flops / seconds * 1e-9;
  state.counters["of_limit"] = limit_seconds<T>(Device::cpu(), flops, 0.0) / seconds;
}

constexpr index_t k_inputs = 784;

/// Z = BU with sparse B, and the same with dense B.
template <class T>
class InputPair {
 public:
  InputPair(Context& context, const Shape& shape, MatrixView<T> Z)
      : entries_(shape.n, k_inputs, shape.density, 1.0, 12),
        B_(Matrix<T>::from_host(context, shape.n, k_inputs, entries_.dense())),
        U_(normals<T>(context, k_inputs, shape.m, 3)) {
    Backend& backend = *backend_of(context);
    sparse = backend.compile({Spmm<T>{.A = entries_.view(), .B = U_, .C = Z}});
    dense = backend.compile({Gemm<T>{.A = B_, .B = U_, .C = Z}});
    dense->launch();
    sparse->launch();
    const HostMatrix<T> B(context, B_);
    for (const index_t j : a_few(shape.m)) {
      std::vector<double> sums(static_cast<std::size_t>(shape.n));
      add_product<T>(B, HostMatrix<T>(context, U_.view().columns(j, 1)).values, sums);
      require_near<T>(HostMatrix<T>(context, Z.columns(j, 1)).values, sums, roundings<T>(k_inputs));
    }
  }

  const SparseEntries<T>& entries() const { return entries_; }
  const Matrix<T>& U() const { return U_; }

  std::unique_ptr<Program> sparse;
  std::unique_ptr<Program> dense;

 private:
  SparseEntries<T> entries_;
  Matrix<T> B_, U_;
};

template <class T>
void product(benchmark::State& state, const Shape& shape) {
  Context context(Device::cpu());
  Matrix<T> Z(context, shape.n, shape.m);
  InputPair<T> pair(context, shape, Z);
  compare(
      state, context, [&] { pair.sparse->launch(); }, [&] { pair.dense->launch(); });
}

/// As a model does by default on the CPU.
template <class T>
void solve(benchmark::State& state, const Shape& shape) {
  Context context(Device::cpu());
  LoopPair<T> loops(context, shape, false, Sweep::gauss_seidel);
  InputPair<T> inputs(context, shape, loops.Z());
  compare(
      state, context,
      [&] {
        inputs.sparse->launch();
        loops.sparse->launch();
      },
      [&] {
        inputs.dense->launch();
        loops.dense->launch();
      });
  state.counters["mean_iterations"] = loops.mean_iterations(context);
}

/// The values of a gradient on a pattern.
template <class T>
class PatternGradient {
 public:
  PatternGradient(const SparseEntries<T>& pattern, ConstMatrixView<T> V, ConstMatrixView<T> X)
      : view_(pattern.view()), values_(static_cast<std::size_t>(view_.nnz)), V_(V), X_(X) {}

  Sddmm<T> primitive() {
    // The pattern is only read.
    return {.V = V_,
            .X = X_,
            .P = {.row_offsets = const_cast<std::int64_t*>(view_.row_offsets),
                  .col_indices = const_cast<std::int32_t*>(view_.col_indices),
                  .values = values_.data(),
                  .rows = view_.rows,
                  .cols = view_.cols,
                  .capacity = view_.nnz,
                  .device = view_.device}};
  }

  /// A few rows against sums in float64.
  void check(Context& context) const {
    const HostMatrix<T> V(context, V_);
    const HostMatrix<T> X(context, X_);
    for (const index_t i : a_few(view_.rows)) {
      std::vector<double> sums;
      const std::int64_t begin = view_.row_offsets[i];
      for (std::int64_t e = begin; e < view_.row_offsets[i + 1]; ++e) {
        double sum = 0.0;
        for (index_t j = 0; j < V.cols; ++j)
          sum += static_cast<double>(V.column(j)[static_cast<std::size_t>(i)]) *
                 static_cast<double>(X.column(j)[static_cast<std::size_t>(view_.col_indices[e])]);
        sums.push_back(sum);
      }
      // Sums of numbers of both signs are smaller than their terms.
      require_near<T>(std::span(values_).subspan(static_cast<std::size_t>(begin), sums.size()),
                      sums, 16 * roundings<T>(V.cols));
    }
  }

 private:
  ConstCsrView<T> view_;
  std::vector<T> values_;
  ConstMatrixView<T> V_, X_;
};

template <class T>
void gradient(benchmark::State& state, const Shape& shape) {
  Context context(Device::cpu());
  Backend& backend = *backend_of(context);
  const SparseEntries<T> A(shape.n, shape.n, shape.density, k_row_sum, 11);
  const auto V = normals<T>(context, shape.n, shape.m, 4);
  const auto X = normals<T>(context, shape.n, shape.m, 5);
  Matrix<T> dA(context, shape.n, shape.n);
  PatternGradient<T> on_pattern(A, V, X);
  const auto sparse = backend.compile({on_pattern.primitive()});
  const auto dense = backend.compile({Gemm<T>{.A = V, .B = X, .C = dA, .transpose_B = true}});
  dense->launch();
  sparse->launch();
  on_pattern.check(context);
  compare(
      state, context, [&] { sparse->launch(); }, [&] { dense->launch(); });
}

/// Z = BU, the solve, the adjoint solve, and the gradients of A and B.
template <class T>
void step(benchmark::State& state, const Shape& shape) {
  Context context(Device::cpu());
  Backend& backend = *backend_of(context);
  LoopPair<T> forward(context, shape, false, Sweep::gauss_seidel);
  LoopPair<T> adjoint(context, shape, true, Sweep::gauss_seidel);
  InputPair<T> inputs(context, shape, forward.Z());
  Matrix<T> dA(context, shape.n, shape.n);
  Matrix<T> dB(context, shape.n, k_inputs);
  const Matrix<T>& V = adjoint.states();
  const Matrix<T>& X = forward.states();
  PatternGradient<T> on_A(forward.entries(), V, X);
  PatternGradient<T> on_B(inputs.entries(), V, inputs.U());
  const auto gradients = backend.compile({on_A.primitive(), on_B.primitive()});
  const auto dense_gradients =
      backend.compile({Gemm<T>{.A = V, .B = X, .C = dA, .transpose_B = true},
                       Gemm<T>{.A = V, .B = inputs.U(), .C = dB, .transpose_B = true}});
  gradients->launch();
  on_A.check(context);
  on_B.check(context);
  compare(
      state, context,
      [&] {
        inputs.sparse->launch();
        forward.sparse->launch();
        adjoint.sparse->launch();
        gradients->launch();
      },
      [&] {
        inputs.dense->launch();
        forward.dense->launch();
        adjoint.dense->launch();
        dense_gradients->launch();
      });
}

template <class T, class Body>
void add(std::string_view what, const Shape& shape, Body body) {
  add_case(case_name<T>("sparse", Device::cpu()) + "/" + std::string(what) + "/" + to_string(shape),
           body)
      ->Iterations(1);
}

template <class T>
void add_all() {
  using State = benchmark::State;
  constexpr double k_densities[] = {0.5, 0.4, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005};
  for (const index_t n : {100, 300, 1024, 4096})
    for (const index_t m : {100, 1000})
      for (const double density : k_densities) {
        const Shape shape = {n, m, density};
        add<T>("loop", shape, [=](State& s) { loop<T>(s, shape, false, Sweep::jacobi); });
        if (m > 100) continue;
        add<T>("loop_gauss_seidel", shape,
               [=](State& s) { loop<T>(s, shape, false, Sweep::gauss_seidel); });
        add<T>("adjoint", shape, [=](State& s) { loop<T>(s, shape, true, Sweep::jacobi); });
      }
  for (const index_t n : {100, 300, 1024, 4096})
    for (const index_t m : {100, 1000})
      for (const double density : {0.2, 0.1, 0.05, 0.01}) {
        const Shape shape = {n, m, density};
        add<T>("solve", shape, [=](State& s) { solve<T>(s, shape); });
        if (n > 1024 && m > 100) continue;  // seconds for one dense step
        add<T>("step", shape, [=](State& s) { step<T>(s, shape); });
        if (n < 300 || n > 1024 || m > 100) continue;
        add<T>("product", shape, [=](State& s) { product<T>(s, shape); });
        add<T>("gradient", shape, [=](State& s) { gradient<T>(s, shape); });
      }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  if (device.kind != DeviceKind::cpu) return;
  add_all<float>();
  add_all<double>();
});

}  // namespace
}  // namespace idl::bench
