// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "idl/export.hpp"

namespace idl {

/// The host's processor, or an NVIDIA GPU.
enum class DeviceKind : std::uint8_t { cpu, cuda };

/// A place where matrices live and work is done.
struct Device {
  DeviceKind kind = DeviceKind::cpu;  ///< the kind of place
  int index = 0;                      ///< number of the GPU, as CUDA counts them; 0 for the CPU

  /// The host.
  static constexpr Device cpu() { return {}; }
  /// GPU `index`; whether it is there, the Context finds out.
  static constexpr Device cuda(int index = 0) { return {DeviceKind::cuda, index}; }

  /// The same place.
  friend bool operator==(const Device&, const Device&) = default;
};

/// "cpu", "cuda:0", ...
IDL_EXPORT std::string to_string(Device device);

/// Reads "auto" (best_device()), "cpu", "cuda" or "cuda:K".
/// @throws InvalidArgument for any other text, NotSupported for a GPU that this machine lacks.
IDL_EXPORT Device parse_device(std::string_view text);

/// What is known about the GPUs of this machine.
struct CudaDevices {
  int count = 0;  ///< number of GPUs that can be used
  /// Why `count` is zero: the library was built without CUDA, or the driver's own words.
  std::string reason;
};

/// Asks once per process; never throws. Any failure of the driver means "no GPU".
IDL_EXPORT const CudaDevices& cuda_devices();

/// The first GPU where there is one, the CPU otherwise.
IDL_EXPORT Device best_device();

/// A line for people: "NVIDIA H200 (sm_90, 139.8 GiB)" or "CPU (2 threads, AVX-512)".
/// @throws NotSupported where the device does not exist.
IDL_EXPORT std::string describe(Device device);

}  // namespace idl
