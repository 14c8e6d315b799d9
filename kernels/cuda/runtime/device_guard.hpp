// SPDX-License-Identifier: MIT
#pragma once

#include <new>

namespace idl::cuda {

/// Makes `device` the thread's current one for a scope.
class DeviceGuard {
 public:
  /// @throws DeviceError
  explicit DeviceGuard(int device);
  /// For destructors: says what fails instead of throwing.
  DeviceGuard(int device, std::nothrow_t) noexcept;
  ~DeviceGuard();
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int previous_ = 0;
  bool changed_ = false;
};

}  // namespace idl::cuda
