// SPDX-License-Identifier: MIT
#include "idl/device.hpp"

namespace idl {

std::string to_string(Device device) {
  if (device.kind == DeviceKind::cpu) return "cpu";
  return "cuda:" + std::to_string(device.index);
}

}  // namespace idl
