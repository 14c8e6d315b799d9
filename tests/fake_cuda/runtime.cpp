// SPDX-License-Identifier: MIT
// Devices, memory, streams, events, kernels. The declarations are those of CUDA's header.
#include <cstdlib>
#include <cstring>

#include "tests/fake_cuda/state.hpp"

using idl::fake::allow_shared_bytes;
using idl::fake::call;
using idl::fake::cuda_call;
using idl::fake::enqueue;
using idl::fake::load;
using idl::fake::most_shared_bytes;
using idl::fake::state;
using idl::fake::this_thread;

namespace {

constexpr std::size_t k_most_bytes = std::size_t{1} << 40U;

cudaError_t give(const char* name, void** data, std::size_t bytes) {
  idl::fake::must_not_be_captured(name);
  const cudaError_t status = cuda_call(name);
  if (status != cudaSuccess) return status;
  if (bytes > k_most_bytes) return cudaErrorMemoryAllocation;
  *data = std::malloc(bytes == 0 ? 1 : bytes);
  return *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
}

template <class H>
cudaError_t make(const char* name, H* handle) {
  *handle = reinterpret_cast<H>(std::malloc(1));
  return cuda_call(name);
}

template <class H>
cudaError_t destroy(const char* name, H handle) {
  idl::fake::must_not_be_active(reinterpret_cast<const void*>(handle));
  std::free(reinterpret_cast<void*>(handle));
  return cuda_call(name);
}

}  // namespace

cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
const char* cudaGetErrorName(cudaError_t) { return "a planned failure"; }
const char* cudaGetErrorString(cudaError_t) { return "planned by a test"; }

cudaError_t cudaGetDeviceCount(int* count) {
  *count = idl::fake::k_devices;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = this_thread().device;
  return cuda_call("cudaGetDevice");
}
cudaError_t cudaSetDevice(int device) {
  this_thread() = {device, device};
  return cuda_call("cudaSetDevice");
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  *value = 1;
  if (attribute == cudaDevAttrMultiProcessorCount) *value = 108;
  if (attribute == cudaDevAttrComputeCapabilityMajor) *value = 8;
  if (attribute == cudaDevAttrMaxSharedMemoryPerBlockOptin) *value = 163 << 10;
  return cuda_call("cudaDeviceGetAttribute");
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "no device");
  return cudaSuccess;
}
cudaError_t cudaDriverGetVersion(int* version) {
  const std::lock_guard lock(state().mutex);
  *version = state().driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** data, size_t bytes) { return give("cudaMalloc", data, bytes); }
cudaError_t cudaFree(void* data) { return destroy("cudaFree", data); }
cudaError_t cudaHostAlloc(void** data, size_t bytes, unsigned) {
  const cudaError_t status = give("cudaHostAlloc", data, bytes);
  const std::lock_guard lock(state().mutex);
  if (status == cudaSuccess) state().last_pinned = *data;
  return status;
}
cudaError_t cudaFreeHost(void* data) { return destroy("cudaFreeHost", data); }
cudaError_t cudaHostGetDevicePointer(void** device_data, void* data, unsigned) {
  *device_data = data;
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(size_t* available, size_t* total) {
  *available = *total = 1;
  return cudaSuccess;
}
cudaError_t cudaMemPoolCreate(cudaMemPool_t* pool, const cudaMemPoolProps*) {
  return make("cudaMemPoolCreate", pool);
}
cudaError_t cudaMemPoolDestroy(cudaMemPool_t pool) { return destroy("cudaMemPoolDestroy", pool); }
cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cuda_call("cudaMemPoolTrimTo"); }
cudaError_t cudaMallocFromPoolAsync(void** data, size_t bytes, cudaMemPool_t, cudaStream_t) {
  return give("cudaMallocFromPoolAsync", data, bytes);
}
cudaError_t cudaFreeAsync(void* data, cudaStream_t) { return destroy("cudaFreeAsync", data); }
cudaError_t cudaMemcpyAsync(void*, const void*, size_t, cudaMemcpyKind, cudaStream_t stream) {
  return enqueue("cudaMemcpyAsync", stream);
}
cudaError_t cudaMemcpy2DAsync(void*, size_t, const void*, size_t, size_t, size_t, cudaMemcpyKind,
                              cudaStream_t stream) {
  return enqueue("cudaMemcpy2DAsync", stream);
}
cudaError_t cudaMemsetAsync(void*, int, size_t, cudaStream_t stream) {
  return enqueue("cudaMemsetAsync", stream);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new CUstream_st{.device = this_thread().device};
  return cuda_call("cudaStreamCreateWithFlags");
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cuda_call("cudaStreamDestroy");
}
cudaError_t cudaStreamGetDevice(cudaStream_t stream, int* device) {
  *device = stream->device;
  return cuda_call("cudaStreamGetDevice");
}
cudaError_t cudaStreamSynchronize(cudaStream_t) { return cuda_call("cudaStreamSynchronize"); }
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t, unsigned) {
  return enqueue("cudaStreamWaitEvent", stream);
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return make("cudaEventCreateWithFlags", event);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) { return destroy("cudaEventDestroy", event); }
cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t stream) {
  return enqueue("cudaEventRecord", stream);
}
cudaError_t cudaEventQuery(cudaEvent_t) { return cuda_call("cudaEventQuery"); }
cudaError_t cudaEventSynchronize(cudaEvent_t) { return cuda_call("cudaEventSynchronize"); }

cudaError_t cudaLaunchKernel(const void* kernel, dim3, dim3, void**, size_t shared_bytes,
                             cudaStream_t stream) {
  const cudaError_t status = load(kernel, shared_bytes);
  return status == cudaSuccess ? enqueue("cudaLaunchKernel", stream) : status;
}
cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t* config, const void* kernel, void**) {
  const cudaError_t status = load(kernel, config->dynamicSmemBytes);
  return status == cudaSuccess ? enqueue("cudaLaunchKernelExC", config->stream) : status;
}
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void* kernel) {
  *attributes = {};
  const cudaError_t status = load(kernel);
  attributes->maxDynamicSharedSizeBytes = most_shared_bytes(kernel);
  return status == cudaSuccess ? cuda_call("cudaFuncGetAttributes") : status;
}
cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  if (attribute != cudaFuncAttributeMaxDynamicSharedMemorySize) return cudaSuccess;
  return allow_shared_bytes(kernel, value) ? cudaSuccess : cudaErrorInvalidValue;
}
cudaError_t cudaOccupancyMaxActiveClusters(int* count, const void*, const cudaLaunchConfig_t*) {
  *count = 0;
  return cudaSuccess;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* count, const void*, int,
                                                                   size_t, unsigned) {
  *count = 1;
  return cudaSuccess;
}

// What nvcc's code calls before main() and around a launch.
extern "C" {
void** __cudaRegisterFatBinary(void* code) { return static_cast<void**>(code); }
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void** module, const char* kernel, char*, const char* name, int, uint3*,
                            uint3*, dim3*, dim3*, int*) {
  state().kernels[kernel] = {module, name};
}
void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
unsigned __cudaPushCallConfiguration(dim3, dim3, size_t, CUstream_st*) { return 0; }
cudaError_t __cudaPopCallConfiguration(dim3*, dim3*, size_t*, void*) { return cudaSuccess; }
cudaError_t __cudaGetKernel(cudaKernel_t*, const void*) { return cudaSuccess; }
cudaError_t __cudaLaunchKernel(cudaKernel_t, dim3, dim3, void**, size_t, cudaStream_t stream) {
  return enqueue("cudaLaunchKernel", stream);
}
}
