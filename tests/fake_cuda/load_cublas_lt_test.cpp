// SPDX-License-Identifier: MIT
// The real cuBLASLt, which can be loaded without a device, and what is said where it is not found.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "idl/error.hpp"
#include "kernels/cuda/runtime/cublas_lt.hpp"

namespace idl::cuda {
namespace {

std::string refusal_of(const char* soname, const char* folder) {
  try {
    load_cublas_lt(soname, folder);
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "it was loaded";
}

TEST(LoadCublasLt, FindsAllFunctionsWhereTheToolkitIs) {
  const std::string soname = "libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR);
  const CublasLt lt = load_cublas_lt(soname.c_str(), IDL_CUDA_LIBRARY_FOLDER);
  EXPECT_NE(lt.GetStatusString, cublasLtGetStatusString) << "the fake of this program";
  EXPECT_STREQ(lt.GetStatusString(CUBLAS_STATUS_ALLOC_FAILED), "the resource allocation failed");
  cublasLtMatrixLayout_t layout = nullptr;
  ASSERT_EQ(lt.MatrixLayoutCreate(&layout, CUDA_R_32F, 3, 2, 3), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(lt.MatrixLayoutDestroy(layout), CUBLAS_STATUS_SUCCESS);
}

TEST(LoadCublasLt, NamesALibraryThatIsNotThereAndWhereItWasLookedFor) {
  EXPECT_THAT(refusal_of("libcublasLt.so.1", "/nowhere"),
              testing::AllOf(testing::HasSubstr("libcublasLt.so.1: cannot open shared object file"),
                             testing::HasSubstr("/nowhere/libcublasLt.so.1: cannot open"),
                             testing::HasSubstr("LD_LIBRARY_PATH")));
}

TEST(LoadCublasLt, NamesAFunctionThatTheLibraryDoesNotHave) {
  EXPECT_THAT(refusal_of("libc.so.6", "/"), testing::HasSubstr("undefined symbol: cublasLtCreate"));
}

}  // namespace
}  // namespace idl::cuda
