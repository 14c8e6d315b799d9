// SPDX-License-Identifier: MIT
// The real cuSPARSE, which can be loaded without a device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "idl/error.hpp"
#include "kernels/cuda/runtime/cusparse.hpp"

namespace idl::cuda {
namespace {

TEST(LoadCusparse, FindsAllFunctionsWhereTheToolkitIs) {
  const std::string soname = "libcusparse.so." + std::to_string(CUSPARSE_VER_MAJOR);
  const Cusparse library = load_cusparse(soname.c_str(), IDL_CUDA_LIBRARY_FOLDER);
  EXPECT_NE(library.SpMM, cusparseSpMM) << "the fake of this program";
  EXPECT_STREQ(library.GetErrorString(CUSPARSE_STATUS_ALLOC_FAILED), "out of memory");
  cusparseDnMatDescr_t matrix = nullptr;
  float element = 0.0F;
  ASSERT_EQ(library.CreateDnMat(&matrix, 1, 1, 1, &element, CUDA_R_32F, CUSPARSE_ORDER_ROW),
            CUSPARSE_STATUS_SUCCESS);
  EXPECT_EQ(library.DestroyDnMat(matrix), CUSPARSE_STATUS_SUCCESS);
}

TEST(LoadCusparse, SaysWhatIsMissing) {
  try {
    load_cusparse("libc.so.6", "/");
    ADD_FAILURE() << "libc has cuSPARSE's functions";
  } catch (const DeviceError& error) {
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr("cuSPARSE"),
                               testing::HasSubstr("undefined symbol: cusparseCreate")));
  }
}

}  // namespace
}  // namespace idl::cuda
