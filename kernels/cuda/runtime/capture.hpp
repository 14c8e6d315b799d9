// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <string_view>
#include <thread>
#include <vector>

#include "idl/error.hpp"
#include "kernels/cuda/runtime/capture_lock.hpp"
#include "kernels/cuda/runtime/handle.hpp"
#include "kernels/cuda/runtime/pool.hpp"

/// Work given to a stream, recorded as a graph instead of being run.
namespace idl::cuda {

/// A capture went wrong that was spoiled on the way, as a wait for the device by code that knows
/// nothing of CaptureLock does it, the caller's own or a framework's. The next may succeed.
class CaptureSpoiled final : public DeviceError {
 public:
  explicit CaptureSpoiled(std::string_view sign)
      : DeviceError("CUDA", "the capture of a stream", sign, {}) {}
};

/// What record() returns, tried again a few times where its captures were spoiled.
template <class F>
auto retry_spoiled_capture(const F& record) {
  constexpr int k_attempts = 5;
  for (int attempt = 1; attempt < k_attempts; ++attempt) {
    try {
      return record();
    } catch (const CaptureSpoiled&) {
      std::this_thread::yield();
    }
  }
  return record();
}

/// @throws CaptureSpoiled, DeviceError
inline void end_capture(cudaStream_t stream, cudaGraph_t* graph) {
  const cudaError_t status = cudaStreamEndCapture(stream, graph);
  if (status == cudaErrorStreamCaptureInvalidated) {
    static_cast<void>(cudaGetLastError());
    throw CaptureSpoiled(cudaGetErrorName(status));
  }
  IDL_CUDA_CHECK(status);
}

/// Ends a capture whose work could not all be enqueued, and returns its graph, if there is any.
/// @throws CaptureSpoiled if that is why, with `failure`
inline cudaGraph_t abandon_capture(cudaStream_t stream, const char* failure) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  static_cast<void>(cudaStreamIsCapturing(stream, &status));
  cudaGraph_t broken = nullptr;
  static_cast<void>(cudaStreamEndCapture(stream, &broken));
  static_cast<void>(cudaGetLastError());
  if (status == cudaStreamCaptureStatusInvalidated) throw CaptureSpoiled(failure);
  return broken;
}

/// The mode that trusts the caller. The others forbid this thread what might be unsafe, such as
/// cudaMalloc, and would stop a first launch that loads its kernel's code, or cuBLASLt's set-up,
/// half-way. Nothing here needs their watch: what is enqueued has its memory before, and a wait for
/// the device ends a capture in every mode.
inline constexpr cudaStreamCaptureMode k_capture_mode = cudaStreamCaptureModeRelaxed;

/// The graph of what enqueue() gives to `stream`, which must not be in use for anything else.
template <class F>
Graph capture(cudaStream_t stream, const F& enqueue) {
  return retry_spoiled_capture([&] {
    const CaptureLock lock;
    IDL_CUDA_CHECK(cudaStreamBeginCapture(stream, k_capture_mode));
    try {
      enqueue();
    } catch (const std::exception& error) {
      const Graph broken(abandon_capture(stream, error.what()));
      throw;
    }
    Graph graph;
    end_capture(stream, graph.put());
    return graph;
  });
}

/// Adds what enqueue() gives to `stream` to `graph`, which may be the body of a conditional node.
/// enqueue() should have been captured by capture() with success before: after a failed capture
/// into a graph of the caller's, drivers crash when that graph, or the one around it, is destroyed.
/// So after a failure here it must be let go, not destroyed. @throws CaptureSpoiled, DeviceError
template <class F>
void capture_into(cudaGraph_t graph, cudaStream_t stream, const F& enqueue) {
  const CaptureLock lock;
  IDL_CUDA_CHECK(cudaStreamBeginCaptureToGraph(stream, graph, nullptr, nullptr, 0, k_capture_mode));
  try {
    enqueue();
  } catch (const std::exception& error) {
    static_cast<void>(abandon_capture(stream, error.what()));
    throw;
  }
  cudaGraph_t same = nullptr;
  end_capture(stream, &same);
}

/// `pool` is of the device where the graph will run. @throws OutOfMemory, DeviceError
inline GraphExec instantiate(const Graph& graph, MemoryPool& pool) {
  GraphExec exec;
  pool.check_with_room("cudaGraphInstantiate",
                       [&] { return cudaGraphInstantiate(exec.put(), graph.get(), 0); });
  return exec;
}

inline std::vector<cudaGraphNode_t> nodes_of(cudaGraph_t graph) {
  std::size_t count = 0;
  IDL_CUDA_CHECK(cudaGraphGetNodes(graph, nullptr, &count));
  std::vector<cudaGraphNode_t> nodes(count);
  if (count > 0) IDL_CUDA_CHECK(cudaGraphGetNodes(graph, nodes.data(), &count));
  return nodes;
}

/// Ready to launch; empty where there is nothing to do.
inline GraphExec instantiate_unless_empty(const Graph& graph, MemoryPool& pool) {
  return nodes_of(graph.get()).empty() ? GraphExec() : instantiate(graph, pool);
}

/// Nothing for an empty one. @throws OutOfMemory, DeviceError
inline void launch_graph(const GraphExec& exec, cudaStream_t stream, MemoryPool& pool) {
  if (!exec) return;
  pool.check_with_room("cudaGraphLaunch", [&] { return cudaGraphLaunch(exec.get(), stream); });
}

}  // namespace idl::cuda
