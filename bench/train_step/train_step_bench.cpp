// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <cmath>

#include "bench/support/check.hpp"
#include "bench/support/devices.hpp"
#include "bench/support/pinned_batch.hpp"
#include "bench/support/plans.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "host/train/training_step.hpp"

/// One whole training step from a batch in host memory: transfer, forward pass, loss, backward
/// pass, Adam, projection. The learning rate is zero, so that every step does the same work.
///
/// Counters: samples per second; iterations of both solves (mean per sample); of_limit, the time
/// that the step's flops and bytes take at the measured rates of GEMM and copy, as a share of the
/// time that it takes.
namespace idl::bench {
namespace {

template <class T>
double mean_loss(Context& context, TrainingStep<T>& step, const HostBatch<T>& batch) {
  step.launch(batch);
  const BatchFigures figures = step.fetch().get(context);
  return figures.loss_sum / static_cast<double>(figures.samples);
}

/// dM against the difference of the losses along it: L(M + h·dM) − L(M − h·dM) = 2h·‖dM‖² + O(h³).
template <class T>
void check_gradient(Context& context, const ImplicitModel<T>& model, TrainingStep<T>& step,
                    const HostBatch<T>& batch) {
  const Matrix<T> dM = [&] {
    mean_loss(context, step, batch);
    Matrix<T> copied(context, step.dM().rows, step.dM().cols);
    copy<T>(context, step.dM(), copied);
    return copied;
  }();
  double square = 0.0;
  for (const T value : download<T>(context, dM.view()))
    square += static_cast<double>(value) * static_cast<double>(value);
  constexpr double k_change = 0.01;  // of the loss: far above rounding, small for the curvature
  const double h = 0.5 * k_change / square;
  ImplicitModel<T> moved = model.clone(context);
  TrainingStep<T> moved_step(context, moved, batch.samples, LossKind::softmax_cross_entropy, {},
                             false);
  const auto loss_at = [&](double factor) {
    copy<T>(context, model.M(), moved.M());
    backend_of(context)->run(
        AddScaled<T>{.X = dM, .Y = moved.M(), .alpha = static_cast<T>(factor)});
    return mean_loss(context, moved_step, batch);
  };
  const double slope = (loss_at(h) - loss_at(-h)) / (2.0 * h);
  if (!(std::abs(slope - square) <= 0.02 * square))
    throw Error("the loss changes by " + std::to_string(slope) + " along the gradient, not by " +
                std::to_string(square));
}

/// C = op(A)·op(B), r×m with k terms a sum.
struct Product {
  index_t r;
  index_t k;
  index_t m;
  double times = 1.0;
  bool transpose_A = false;
  bool transpose_B = false;
};

template <class T>
double seconds_of(Context& context, const Product& product) {
  constexpr double k_total = 0.05;
  const auto filled = [&](index_t rows, index_t cols, std::uint64_t seed) {
    auto matrix = Matrix<T>::zeros(context, rows, cols);
    backend_of(context)->run(FillRandom<T>{.A = matrix, .seed = seed});
    return matrix;
  };
  const auto& [r, k, m, times, transpose_A, transpose_B] = product;
  const auto A = transpose_A ? filled(k, r, 1) : filled(r, k, 1);
  const auto B = transpose_B ? filled(m, k, 2) : filled(k, m, 2);
  auto C = Matrix<T>::zeros(context, r, m);
  const auto program = backend_of(context)->compile(
      {Gemm<T>{.A = A, .B = B, .C = C, .transpose_A = transpose_A, .transpose_B = transpose_B}});
  return times * shortest(context, k_total, [&] { program->launch(); });
}

/// The products of a step: Z, AX in the loop, Y; G, AX for Ψ, AᵀV in the loop; dM. The first
/// iteration of each loop has none.
template <class T>
double products_seconds(Context& context, const Size& size, double forward, double backward) {
  const auto [n, p, q, m] = size;
  double seconds = 0.0;
  for (const Product& product :
       {Product{n, p, m}, Product{n, n, m, forward}, Product{q, n + p, m},
        Product{n, q, m, 1.0, true}, Product{n, n, m, backward - 1.0, true},
        Product{n + q, m, n + p, 1.0, false, true}})
    seconds += seconds_of<T>(context, product);
  return seconds;
}

template <class T>
void train_step(benchmark::State& state, Device device, const Problem& problem) {
  Context context(device);
  const Size& size = problem.size;
  const Samples<T> samples = make_samples<T>(problem);
  const PinnedBatch<T> batch(context, samples.U, samples.labels);
  ImplicitModel<T> model = make_model<T>(context, problem);
  Optimizer<T> optimizer(context, model, {.learning_rate = 0.0});
  TrainingStep<T> step(context, model, size.m, LossKind::softmax_cross_entropy, {}, true);
  check_gradient<T>(context, model, step, batch.get());
  const BatchFigures figures = [&] {
    step.launch(batch.get());
    return step.fetch().get(context);
  }();
  const double seconds = measure(state, context, problem.cache, [&] {
    step.launch(batch.get());
    optimizer.step(context, model, step.dM());
  });

  label_plans(state, context);
  const auto n = static_cast<double>(size.n);
  const auto p = static_cast<double>(size.p);
  const auto q = static_cast<double>(size.q);
  const auto m = static_cast<double>(size.m);
  const double forward = figures.forward_iterations / m;
  const double backward = figures.adjoint_iterations / m;
  // Z, X, Y; G, Ψ, V; dM. The first iteration of each solve has no product.
  const double flops = 2.0 * m *
                       (n * p + (forward - 1.0) * n * n + q * (n + p) + n * q + backward * n * n +
                        (n + q) * (n + p));
  // Five passes over n×m an iteration; U; Adam reads M, dM and two moments and writes three.
  const double bytes = sizeof(T) * ((forward + backward) * (n * n + 5.0 * n * m) + 2.0 * p * m +
                                    7.0 * (n + q) * (n + p) + 2.0 * n * n);
  state.counters["forward_iterations"] = forward;
  state.counters["adjoint_iterations"] = backward;
  state.counters["of_limit"] = limit_seconds<T>(device, flops, bytes) / seconds;
  state.counters["of_products"] = products_seconds<T>(context, size, forward, backward) / seconds;
  state.counters["samples_per_second"] = m / seconds;
}

template <class T>
void add(Device device) {
  for (const Problem& problem : problems<T>(device)) {
    if (problem.size.m == 10000) continue;  // a batch of inference
    add_case(case_name<T>("train_step", device) + "/" + to_string(problem),
             [=](benchmark::State& state) { train_step<T>(state, device, problem); });
  }
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  add<float>(device);
  add<double>(device);
});

}  // namespace
}  // namespace idl::bench
