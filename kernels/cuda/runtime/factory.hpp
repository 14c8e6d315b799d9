// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "idl/device.hpp"
#include "kernels/backend.hpp"

namespace idl::cuda {

/// @param borrowed  the caller's stream, on that device; nullptr: one of its own
/// @throws NotSupported (no code for the device in this build), InvalidArgument (a stream of
///         another device), DeviceError, OutOfMemory
std::shared_ptr<Backend> make_cuda_backend(int device, CUstream_st* borrowed);

/// Any failure means "no GPU", with the driver's words; also where there is no driver at all.
CudaDevices query_cuda_devices() noexcept;

/// "NVIDIA H200 (sm_90, 139.8 GiB)". The device exists.
std::string describe_cuda_device(int device);

/// Backend::facts() of the current device alone: versions, and how many clusters of each size of
/// the fused loops run on it at the same time.
Facts current_device_facts(int multiprocessors);

}  // namespace idl::cuda
