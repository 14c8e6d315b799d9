// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/device.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"

namespace idl {

/// A Context on the first GPU; skipped where there is none.
class CudaBackendTest : public testing::Test {
 protected:
  void SetUp() override {
    if (cuda_devices().count == 0) GTEST_SKIP() << "no GPU: " << cuda_devices().reason;
    context_.emplace(Device::cuda());
  }

  Context& context() { return *context_; }
  Backend& backend() { return *backend_of(*context_); }

  Matrix<float> filled(index_t rows, index_t cols, float value) {
    return Matrix<float>::from_host(
        context(), rows, cols, std::vector<float>(static_cast<std::size_t>(rows * cols), value));
  }
  Vector<std::int32_t> integer(std::int32_t value) {
    return Vector<std::int32_t>::from_host(context(), std::vector<std::int32_t>{value});
  }

 private:
  std::optional<Context> context_;
};

}  // namespace idl
