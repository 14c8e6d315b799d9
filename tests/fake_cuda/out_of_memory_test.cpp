// SPDX-License-Identifier: MIT
// What happens when the device has no memory left: all pools give back what they keep, the call is
// made once more, and then it is OutOfMemory.
#include <cublasLt.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/error.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

constexpr int k_none_left = cudaErrorMemoryAllocation;

class DeviceMemoryRunsOut : public testing::Test {
 protected:
  ~DeviceMemoryRunsOut() override { fake::reset(); }

  Backend& backend() { return *backend_of(context_); }
  Sequence step() { return {Fill<float>{.Y = X_}}; }

  /// `action` succeeds where `call` lacks memory once, after the pools have been trimmed, and is
  /// OutOfMemory where it lacks it twice.
  template <class Action>
  void expect_second_try(const std::string& call, int status, const Action& action) {
    const int before = fake::calls("cudaMemPoolTrimTo");
    fake::fail(call, status, 1);
    action();
    EXPECT_GT(fake::calls("cudaMemPoolTrimTo"), before) << call;
    fake::fail(call, status, 2);
    EXPECT_THROW(action(), OutOfMemory) << call;
    action();
  }

 private:
  bool is_reset_ = (fake::reset(), true);
  Context context_{Device::cuda(0)};
  Matrix<float> X_{context_, 3, 3};
};

TEST_F(DeviceMemoryRunsOut, ForAMatrix) {
  expect_second_try("cudaMallocFromPoolAsync", k_none_left,
                    [&] { backend().release(backend().allocate(1000), 1000); });
}

TEST_F(DeviceMemoryRunsOut, ForAGraph) {
  expect_second_try("cudaGraphInstantiate", k_none_left, [&] { backend().compile(step()); });
}

TEST_F(DeviceMemoryRunsOut, AtALaunch) {
  const auto program = backend().compile(step());
  expect_second_try("cudaGraphLaunch", k_none_left, [&] { program->launch(); });
}

TEST_F(DeviceMemoryRunsOut, ForTheLibrary) {
  const auto make = [] { const Context context(Device::cuda(0)); };
  expect_second_try("cublasLtCreate", CUBLAS_STATUS_ALLOC_FAILED, make);
}

TEST_F(DeviceMemoryRunsOut, AndEveryContextOfTheDeviceHelps) {
  const auto trimmed_by_a_failure = [&] {
    const int before = fake::calls("cudaMemPoolTrimTo");
    fake::fail("cudaMallocFromPoolAsync", k_none_left, 1);
    backend().release(backend().allocate(1), 1);
    return fake::calls("cudaMemPoolTrimTo") - before;
  };
  EXPECT_EQ(trimmed_by_a_failure(), 1);
  std::optional<Context> here(Device::cuda(0));
  const Context elsewhere(Device::cuda(1));
  EXPECT_EQ(trimmed_by_a_failure(), 2);
  here.reset();
  EXPECT_EQ(trimmed_by_a_failure(), 1);
}

TEST_F(DeviceMemoryRunsOut, OtherFailuresAreNotTriedAgain) {
  fake::fail("cudaGraphInstantiate", cudaErrorInvalidValue);
  EXPECT_THROW(backend().compile(step()), DeviceError);
  EXPECT_EQ(fake::calls("cudaMemPoolTrimTo"), 0);
}

}  // namespace
}  // namespace idl::test
