// SPDX-License-Identifier: MIT
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"

namespace idl {

DeviceMemory::DeviceMemory(std::shared_ptr<Backend> backend, std::size_t bytes)
    : backend_(std::move(backend)), bytes_(bytes) {
  if (bytes_ > 0) data_ = backend_->allocate(bytes_);
}

DeviceMemory::~DeviceMemory() {
  if (data_ != nullptr) backend_->release(data_, bytes_);
}

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  if (this != &other) {
    if (data_ != nullptr) backend_->release(data_, bytes_);
    backend_ = std::move(other.backend_);
    data_ = std::exchange(other.data_, nullptr);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

}  // namespace idl
