// SPDX-License-Identifier: MIT
#include "bench/support/stopwatch.hpp"

#include <chrono>
#include <string>

#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"

#if IDL_HAVE_CUDA
#include <cuda_runtime_api.h>
#endif

namespace idl::bench {

#if IDL_HAVE_CUDA

struct Stopwatch::Events {
  cudaEvent_t begin = nullptr;
  cudaEvent_t end = nullptr;

  /// Events belong to a device; those of another than the stream's cannot be recorded in it.
  explicit Events(int device) {
    check(cudaSetDevice(device), "cudaSetDevice");
    check(cudaEventCreate(&begin), "cudaEventCreate");
    check(cudaEventCreate(&end), "cudaEventCreate");
  }
  ~Events() {
    if (begin != nullptr) cudaEventDestroy(begin);
    if (end != nullptr) cudaEventDestroy(end);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  void start(CUstream_st* stream) { check(cudaEventRecord(begin, stream), "cudaEventRecord"); }
  double stop(CUstream_st* stream) {
    check(cudaEventRecord(end, stream), "cudaEventRecord");
    check(cudaEventSynchronize(end), "cudaEventSynchronize");
    float milliseconds = 0.0F;
    check(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  static void check(cudaError_t status, const char* call) {
    if (status != cudaSuccess) throw DeviceError("CUDA", call, cudaGetErrorName(status), __FILE__);
  }
};

#else

// Without CUDA a GPU is an emulation of one, which waits in each call: the steady clock times it.
struct Stopwatch::Events {
  explicit Events(int) {}
  void start(CUstream_st*) {}
  double stop(CUstream_st*) { return 0.0; }
};

#endif

double now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

Stopwatch::Stopwatch(Context& context, Cache cache) : context_(&context) {
#if IDL_HAVE_CUDA
  if (context.device().kind != DeviceKind::cuda) return;
  events_ = std::make_unique<Events>(context.device().index);
  if (cache == Cache::cold) flushed_ = Matrix<float>(context, 1 << 14, 1 << 12);
#else
  static_cast<void>(cache);
#endif
}

Stopwatch::~Stopwatch() = default;

void Stopwatch::flush() {
  if (flushed_.rows() > 0) backend_of(*context_)->run(Fill<float>{.Y = flushed_, .value = 0.0F});
}

void Stopwatch::start_queued() {
  // Some 200 µs: longer than the host needs for all launches of a training step.
  constexpr int k_flushes = 3;
  for (int k = 0; k < k_flushes; ++k) flush();
  events_->start(context_->stream());
}

void Stopwatch::start() {
  flush();
  context_->synchronize();
  begin_ = now();
  if (events_) events_->start(context_->stream());
}

double Stopwatch::stop() {
  if (events_) return events_->stop(context_->stream());
  context_->synchronize();
  return now() - begin_;
}

}  // namespace idl::bench
