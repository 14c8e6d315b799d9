// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "idl/context.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

/// What the end of a Context says where cuBLAS does not take its handle back.
std::string complaint(cudaError_t state_of_the_driver) {
  fake::reset();
  std::optional<Context> context(Device::cuda(0));
  fake::fail("cublasLtDestroy", CUBLAS_STATUS_NOT_INITIALIZED);
  fake::on_call("cublasLtDestroy", [=] { fake::fail("cudaGetDevice", state_of_the_driver, 1); });
  testing::internal::CaptureStderr();
  context.reset();
  fake::reset();
  return testing::internal::GetCapturedStderr();
}

TEST(ReportFailure, SaysWhatCublasDidNotTakeBack) {
  EXPECT_NE(complaint(cudaSuccess).find("giving back a handle failed"), std::string::npos);
}

TEST(ReportFailure, IsSilentWhereTheDriverIsUnloadedAtTheEnd) {
  EXPECT_EQ(complaint(cudaErrorCudartUnloading), "");
}

}  // namespace
}  // namespace idl::test
