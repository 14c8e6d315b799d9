// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>

#include "bench/support/devices.hpp"
#include "bench/support/problem.hpp"
#include "bench/support/timing.hpp"
#include "host/train/batch_step.hpp"

/// One whole training step from a batch in host memory: transfer, forward pass, loss, backward
/// pass, Adam, projection. The learning rate is zero, so that every step does the same work.
///
/// Counters: samples per second; iterations of both solves (mean per sample); of_limit, the time
/// that the step's flops and bytes take at the measured rates of GEMM and copy, as a share of the
/// time that it takes.
namespace idl::bench {
namespace {

constexpr Size k_sizes[] = {{100, 784, 10, 100}, {300, 3072, 10, 100}, {1000, 784, 10, 256}};

/// A batch in memory from which transfers are fastest.
template <class T>
class PinnedBatch {
 public:
  PinnedBatch(Context& context, const Size& size)
      : backend_(context.backend()),
        U_bytes_(static_cast<std::size_t>(size.p * size.m) * sizeof(T)),
        label_bytes_(static_cast<std::size_t>(size.m) * sizeof(std::int32_t)),
        batch_{.U = static_cast<T*>(backend_->allocate_host(U_bytes_)),
               .labels = static_cast<std::int32_t*>(backend_->allocate_host(label_bytes_)),
               .target = nullptr,
               .samples = size.m} {
    const std::vector<T> U = uniforms<T>(size.p * size.m, 1.0, 3);
    std::memcpy(batch_.U, U.data(), U_bytes_);
    for (index_t j = 0; j < size.m; ++j) batch_.labels[j] = static_cast<std::int32_t>(j % size.q);
  }
  ~PinnedBatch() {
    backend_->release_host(batch_.U, U_bytes_);
    backend_->release_host(batch_.labels, label_bytes_);
  }
  PinnedBatch(const PinnedBatch&) = delete;
  PinnedBatch& operator=(const PinnedBatch&) = delete;

  const HostBatch<T>& get() const { return batch_; }

 private:
  std::shared_ptr<Backend> backend_;
  std::size_t U_bytes_;
  std::size_t label_bytes_;
  HostBatch<T> batch_;
};

template <class T>
void train_step(benchmark::State& state, Device device, const Size& size) {
  Context context(device);
  const PinnedBatch<T> batch(context, size);
  ImplicitModel<T> model = trained_model<T>(context, size);
  Optimizer<T> optimizer(context, model, {.learning_rate = 0.0});
  BatchStep<T> step(context, model, size.m, LossKind::softmax_cross_entropy, {}, true);
  const auto run = [&] {
    step.launch(batch.get());
    optimizer.step(context, model, step.dM());
  };
  run();
  const BatchFigures figures = step.fetch().get(context);
  const double seconds = seconds_of(context, run);
  for (auto _ : state) {
    run();
    context.synchronize();
  }

  const double n = static_cast<double>(size.n);
  const double p = static_cast<double>(size.p);
  const double q = static_cast<double>(size.q);
  const double m = static_cast<double>(size.m);
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
  state.counters["samples_per_second"] = m / seconds;
}

template <class T>
void add(Device device, const Size& size) {
  add_case(case_name<T>("train_step", device) + "/" + to_string(size),
           [=](benchmark::State& state) { train_step<T>(state, device, size); })
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond);
}

[[maybe_unused]] const bool k_added = add_benches([](Device device) {
  for (const Size& size : k_sizes) add<float>(device, size);
  add<double>(device, k_sizes[0]);
  add<double>(device, k_sizes[1]);
});

}  // namespace
}  // namespace idl::bench
