// SPDX-License-Identifier: MIT
// Captures go side by side, and nothing that waits for the device meets one.
#include "kernels/cuda/runtime/capture_lock.hpp"
#include "host/backend_of.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <latch>
#include <mutex>
#include <thread>

#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

using namespace std::chrono_literals;

TEST(CaptureLock, LetsCapturesGoSideBySide) {
  std::latch both(2);
  const auto capture = [&] {
    const cuda::CaptureLock lock;
    both.arrive_and_wait();
  };
  std::jthread first(capture);
  std::jthread second(capture);
}

TEST(CaptureLock, KeepsAwayWhatWaitsForTheDevice) {
  std::atomic<bool> waited = false;
  std::jthread waiting;
  {
    const cuda::CaptureLock lock;
    waiting = std::jthread([&] {
      const cuda::DeviceWaitLock alone;
      waited = true;
    });
    std::this_thread::sleep_for(20ms);
    EXPECT_FALSE(waited);
  }
  waiting.join();
  EXPECT_TRUE(waited);
}

TEST(CaptureLock, NeverMakesAThreadWaitForItself) {
  {
    const cuda::CaptureLock capture;
    const cuda::DeviceWaitLock inside;
    const cuda::CaptureLock again;
  }
  const cuda::DeviceWaitLock alone;
  const cuda::DeviceWaitLock again;
  const cuda::CaptureLock capture;
}

TEST(CaptureLock, ContextsComeAndGoWhileOthersCapture) {
  fake::reset();
  Context context(Device::cuda(0));
  Matrix<float> X(context, 3, 3);
  std::promise<void> begun;
  std::once_flag once;
  // Long enough for the other thread to come in between if it could.
  fake::on_call("cudaLaunchKernel", [&] {
    std::call_once(once, [&] { begun.set_value(); });
    std::this_thread::sleep_for(20ms);
  });
  std::jthread other([&] {
    begun.get_future().wait();
    const Context short_lived(Device::cuda(0));
  });
  backend_of(context)->compile({Fill<float>{.Y = X}, Fill<float>{.Y = X}});
  other.join();
  fake::on_call("cudaLaunchKernel", {});
  EXPECT_EQ(fake::calls("cublasLtDestroy"), 1);
  EXPECT_EQ(fake::spoiled_captures(), 0);
}

}  // namespace
}  // namespace idl::test
