// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/fake_cuda/fake_cuda.hpp"

// What CUDA's handles point to.

struct CUgraph_st {
  std::vector<cudaGraphNodeType> nodes;
  cudaGraph_t body = nullptr;  // of its conditional node
};

struct CUstream_st {
  int device = 0;
  cudaGraph_t graph = nullptr;  // the one that is captured
  bool spoiled = false;
};

namespace idl::fake {

struct Failure {
  int status = 0;
  int times = 0;
};

inline constexpr int k_usual_shared_bytes = 48 << 10;

/// A kernel as nvcc's code announces it before main().
struct Kernel {
  void** module = nullptr;  ///< one per source file
  std::string name;         ///< mangled
  int most_shared_bytes = k_usual_shared_bytes;
};

struct State {
  std::mutex mutex;
  std::map<const void*, Kernel> kernels;     // by what stands for them on the host
  std::map<void**, cudaError_t> not_loaded;  // modules
  int driver = 0;
  std::map<std::string, int> calls;
  std::map<std::string, Failure> failures;
  std::map<std::string, std::function<void()>> actions;
  std::set<cudaStream_t> capturing;
  std::set<cudaGraph_t> graphs;  // those that are let go on purpose are no leaks
  int spoiled_captures = 0;
  std::vector<cudaGraphNodeType> nodes_of_a_launch{cudaGraphNodeTypeKernel};
  cudaMemcpyKind copies = cudaMemcpyDeviceToDevice;
  void* last_pinned = nullptr;
  std::set<const void*> sparse_objects;
  std::map<const void*, const void*> active_buffers;  // of cuSPARSE, with their matrices
  std::vector<std::string> sparse_faults;
  bool hides_cusparse = false;
};

struct ThreadState {
  int device = 0;
  int bound = -1;
};

/// Lives until the process ends.
State& state();
ThreadState& this_thread();

/// Counts a call, runs what hangs on it and returns the status planned for it.
int call(const char* name);
cudaError_t cuda_call(const char* name);
cublasStatus_t blas_call(const char* name);

/// Whether the module of a kernel can be loaded.
/// With dynamic shared memory, of which a launch may ask for as much as the kernel is allowed.
cudaError_t load(const void* kernel, std::size_t shared_bytes = 0);
int most_shared_bytes(const void* kernel);
/// False for less than before, on which another thread may rely.
bool allow_shared_bytes(const void* kernel, int bytes);

/// Notes a fault of the use of cuSPARSE.
void sparse_fault(const std::string& words);
/// Notes one where a stream is being captured.
void must_not_be_captured(const char* name);
/// Notes one where cuSPARSE still uses this memory.
void must_not_be_active(const void* data);

/// A call that gives work to a stream.
cudaError_t enqueue(const char* name, cudaStream_t stream);

}  // namespace idl::fake
