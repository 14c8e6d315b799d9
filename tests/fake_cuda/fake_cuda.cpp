// SPDX-License-Identifier: MIT
#include "tests/fake_cuda/fake_cuda.hpp"

#include <map>
#include <mutex>
#include <utility>

#include "tests/fake_cuda/state.hpp"

namespace idl::fake {

State& state() {
  static State* const one = new State;
  return *one;
}

ThreadState& this_thread() {
  thread_local ThreadState one;
  return one;
}

int call(const char* name) {
  std::function<void()> action;
  {
    const std::lock_guard lock(state().mutex);
    state().calls[name] += 1;
    const auto found = state().actions.find(name);
    if (found != state().actions.end()) action = found->second;
  }
  if (action) action();
  const std::lock_guard lock(state().mutex);
  const auto planned = state().failures.find(name);
  if (planned == state().failures.end() || planned->second.times == 0) return 0;
  planned->second.times -= 1;
  return planned->second.status;
}

cudaError_t cuda_call(const char* name) { return static_cast<cudaError_t>(call(name)); }
cublasStatus_t blas_call(const char* name) { return static_cast<cublasStatus_t>(call(name)); }

cudaError_t enqueue(const char* name, cudaStream_t stream) {
  const cudaError_t status = cuda_call(name);
  const std::lock_guard lock(state().mutex);
  if (stream == nullptr || stream->graph == nullptr) return status;
  if (stream->spoiled) return cudaErrorStreamCaptureInvalidated;
  const auto& nodes = state().nodes_of_a_launch;
  stream->graph->nodes.insert(stream->graph->nodes.end(), nodes.begin(), nodes.end());
  return status;
}

void reset() {
  State& s = state();
  const std::lock_guard lock(s.mutex);
  s.calls.clear();
  s.failures.clear();
  s.actions.clear();
  s.spoiled_captures = 0;
  s.nodes_of_a_launch = {cudaGraphNodeTypeKernel};
  s.copies = cudaMemcpyDeviceToDevice;
  s.not_loaded.clear();
  s.driver = CUDART_VERSION;
  s.sparse_faults.clear();
  s.hides_cusparse = false;
  this_thread() = {};
}

int calls(const std::string& name) {
  const std::lock_guard lock(state().mutex);
  return state().calls[name];
}

void fail(const std::string& name, int status, int times) {
  const std::lock_guard lock(state().mutex);
  state().failures[name] = {status, times};
}

void on_call(const std::string& name, std::function<void()> action) {
  const std::lock_guard lock(state().mutex);
  state().actions[name] = std::move(action);
}

void spoil_captures() {
  const std::lock_guard lock(state().mutex);
  for (cudaStream_t stream : state().capturing) {
    if (!stream->spoiled) state().spoiled_captures += 1;
    stream->spoiled = true;
  }
}

int spoiled_captures() {
  const std::lock_guard lock(state().mutex);
  return state().spoiled_captures;
}

void set_nodes_of_a_launch(const std::vector<cudaGraphNodeType>& types) {
  const std::lock_guard lock(state().mutex);
  state().nodes_of_a_launch = types;
}

void set_copies(cudaMemcpyKind kind) {
  const std::lock_guard lock(state().mutex);
  state().copies = kind;
}

void set_driver(int version) {
  const std::lock_guard lock(state().mutex);
  state().driver = version;
}

void fail_to_load(const std::string& kernel, cudaError_t status) {
  const std::lock_guard lock(state().mutex);
  for (const auto& [address, known] : state().kernels) {
    if (known.name.find(kernel) != std::string::npos) state().not_loaded[known.module] = status;
  }
}

cudaError_t load(const void* kernel, std::size_t shared_bytes) {
  const std::lock_guard lock(state().mutex);
  const Kernel& known = state().kernels[kernel];
  if (shared_bytes > static_cast<std::size_t>(known.most_shared_bytes))
    return cudaErrorInvalidValue;
  const auto found = state().not_loaded.find(known.module);
  return found == state().not_loaded.end() ? cudaSuccess : found->second;
}

int most_shared_bytes(const void* kernel) {
  const std::lock_guard lock(state().mutex);
  return state().kernels[kernel].most_shared_bytes;
}

bool allow_shared_bytes(const void* kernel, int bytes) {
  const std::lock_guard lock(state().mutex);
  int& most = state().kernels[kernel].most_shared_bytes;
  if (bytes < most) return false;
  most = bytes;
  return true;
}

int bound_device() { return this_thread().bound; }

void* last_pinned() {
  const std::lock_guard lock(state().mutex);
  return state().last_pinned;
}

}  // namespace idl::fake
