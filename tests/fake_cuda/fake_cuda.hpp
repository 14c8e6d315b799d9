// SPDX-License-Identifier: MIT
#pragma once

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <functional>
#include <string>
#include <vector>

/// CUDA, cuBLASLt and cuSPARSE as far as the CUDA backend calls them, without a device: memory is
/// the host's, kernels do nothing, captures are kept count of, and calls fail where a test says so.
/// It shows what the backend's own code does with its handles, and nothing about the real
/// libraries.
namespace idl::fake {

inline constexpr int k_devices = 2;

/// As after the start of a process.
void reset();

/// How often a function was called since reset(); its name is CUDA's.
int calls(const std::string& name);

/// The next `times` calls fail with `status`, of whichever library.
void fail(const std::string& name, int status, int times = 1);

/// Runs `action` in each call, before it has an effect; an empty one ends that.
void on_call(const std::string& name, std::function<void()> action);

/// What a wait for the whole device does to the captures under way, in whatever thread.
void spoil_captures();
/// Captures that were spoiled so far.
int spoiled_captures();

/// Which graph nodes a kernel becomes in a capture; one for a kernel, unless a test says so.
void set_nodes_of_a_launch(const std::vector<cudaGraphNodeType>& types);
/// Between which places the copies of memcpy nodes go.
void set_copies(cudaMemcpyKind kind);

/// What cudaDriverGetVersion says from here on.
void set_driver(int version);
/// The kernels of the source file that holds `kernel` cannot be loaded from here on: a question
/// about them and their launch fail with `status`.
void fail_to_load(const std::string& kernel, cudaError_t status);

/// The device to which cudaSetDevice has bound this thread; -1 for none.
int bound_device();

/// What cudaHostAlloc gave out last.
void* last_pinned();

/// Handles and descriptors of cuSPARSE that are not given back yet.
int sparse_objects();
/// What was done against cuSPARSE's rules since reset(), in words: something made, asked or given
/// back while a stream was captured, memory taken meanwhile, a buffer that is active for another
/// matrix or given back too early, a product that is not the prepared one or does not repeat its
/// bits.
std::vector<std::string> sparse_faults();
/// As if the loader did not find cuSPARSE, until reset().
void hide_cusparse();

}  // namespace idl::fake
