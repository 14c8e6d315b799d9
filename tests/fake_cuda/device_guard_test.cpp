// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/device_guard.hpp"

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

/// Each test in a thread that has not called CUDA yet.
void in_fresh_thread(void (*work)()) {
  fake::reset();
  std::jthread(work).join();
}

int current_device() {
  int device = -1;
  cudaGetDevice(&device);
  return device;
}

TEST(DeviceGuard, BindsAFreshThreadToTheDeviceThatItHasAlready) {
  in_fresh_thread([] {
    EXPECT_EQ(fake::bound_device(), -1);
    { const cuda::DeviceGuard guard(0); }
    EXPECT_EQ(fake::bound_device(), 0);
    for (int i = 0; i < 10; ++i) const cuda::DeviceGuard guard(0);
    EXPECT_EQ(fake::calls("cudaSetDevice"), 1);
  });
}

TEST(DeviceGuard, BindsInDestructorsToo) {
  in_fresh_thread([] {
    { const cuda::DeviceGuard guard(0, std::nothrow); }
    EXPECT_EQ(fake::bound_device(), 0);
  });
}

TEST(DeviceGuard, GivesTheDeviceBack) {
  in_fresh_thread([] {
    cudaSetDevice(1);
    {
      const cuda::DeviceGuard guard(0);
      EXPECT_EQ(current_device(), 0);
      const cuda::DeviceGuard inner(1);
      EXPECT_EQ(current_device(), 1);
    }
    EXPECT_EQ(current_device(), 1);
  });
}

}  // namespace
}  // namespace idl::test
