// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "kernels/cuda/handle.hpp"

/// Work given to a stream, recorded as a graph instead of being run.
namespace idl::cuda {

/// Ends a capture whose work could not all be enqueued; its graph is lost.
inline void abandon_capture(cudaStream_t stream) noexcept {
  cudaGraph_t broken = nullptr;
  static_cast<void>(cudaStreamEndCapture(stream, &broken));
  if (broken != nullptr) static_cast<void>(cudaGraphDestroy(broken));
  static_cast<void>(cudaGetLastError());
}

/// The graph of what enqueue() gives to `stream`, which must not be in use for anything else.
template <class F>
Graph capture(cudaStream_t stream, cudaStreamCaptureMode mode, const F& enqueue) {
  IDL_CUDA_CHECK(cudaStreamBeginCapture(stream, mode));
  try {
    enqueue();
  } catch (...) {
    abandon_capture(stream);
    throw;
  }
  Graph graph;
  IDL_CUDA_CHECK(cudaStreamEndCapture(stream, graph.put()));
  return graph;
}

/// Adds what enqueue() gives to `stream` to `graph`, which its owner keeps. enqueue() must have
/// been captured with success before: drivers crash when a graph is destroyed after a failed
/// capture into the body of one of its conditional nodes. So after a failure here the graph that
/// owns the body must be let go, not destroyed.
template <class F>
void capture_into(cudaGraph_t graph, cudaStream_t stream, cudaStreamCaptureMode mode,
                  const F& enqueue) {
  IDL_CUDA_CHECK(cudaStreamBeginCaptureToGraph(stream, graph, nullptr, nullptr, 0, mode));
  cudaGraph_t same = nullptr;
  try {
    enqueue();
  } catch (...) {
    static_cast<void>(cudaStreamEndCapture(stream, &same));
    static_cast<void>(cudaGetLastError());
    throw;
  }
  IDL_CUDA_CHECK(cudaStreamEndCapture(stream, &same));
}

inline GraphExec instantiate(const Graph& graph) {
  GraphExec exec;
  IDL_CUDA_CHECK(cudaGraphInstantiate(exec.put(), graph.get(), 0));
  return exec;
}

}  // namespace idl::cuda
