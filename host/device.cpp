// SPDX-License-Identifier: MIT
#include "idl/device.hpp"

#include "host/options/number_range.hpp"
#include "idl/error.hpp"

namespace idl {

std::string to_string(Device device) {
  if (device.kind == DeviceKind::cpu) return "cpu";
  return "cuda:" + std::to_string(device.index);
}

Device parse_device(std::string_view text) {
  if (text == "auto") return best_device();
  if (text == "cpu") return Device::cpu();
  int index = -1;
  if (text == "cuda") index = 0;
  if (text.substr(0, 5) == "cuda:") index = parse_number<int>(text.substr(5)).value_or(-1);
  IDL_CHECK(index >= 0, "device: '" + std::string(text) + "' is none of auto, cpu, cuda, cuda:K");
  const CudaDevices& gpus = cuda_devices();
  if (index < gpus.count) return Device::cuda(index);
  const std::string why =
      gpus.count > 0 ? "this machine has " + std::to_string(gpus.count) + " GPU(s)" : gpus.reason;
  throw NotSupported("device: there is no " + to_string(Device::cuda(index)) + ": " + why);
}

Device best_device() { return cuda_devices().count > 0 ? Device::cuda(0) : Device::cpu(); }

}  // namespace idl
