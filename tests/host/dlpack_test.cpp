// SPDX-License-Identifier: MIT
#if __has_include(<dlpack/dlpack.h>)
#include "idl/dlpack.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "idl/model.hpp"

namespace idl {
namespace {

/// A host tensor as a producer would describe it.
struct HostTensor {
  HostTensor(std::vector<float> values_in, std::vector<std::int64_t> shape_in,
             std::vector<std::int64_t> strides_in)
      : values(std::move(values_in)), shape(std::move(shape_in)), strides(std::move(strides_in)) {
    tensor.data = values.data();
    tensor.device = {kDLCPU, 0};
    tensor.ndim = static_cast<int>(shape.size());
    tensor.dtype = {static_cast<std::uint8_t>(kDLFloat), 32, 1};
    tensor.shape = shape.data();
    tensor.strides = strides.empty() ? nullptr : strides.data();
  }
  std::vector<float> values;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  DLTensor tensor{};
};

TEST(Dlpack, BatchFirstTensorIsAViewWithOneColumnPerSampleOnTheSameMemory) {
  HostTensor host({1, 2, 3, 4, 5, 6}, {2, 3}, {});
  const MatrixView<float> U = from_dlpack<float>(host.tensor);
  EXPECT_EQ(U.data, host.values.data());
  EXPECT_EQ(U.rows, 3);
  EXPECT_EQ(U.cols, 2);
  EXPECT_EQ(U.data[0 + 1 * U.ld], 4.0F);
}

TEST(Dlpack, SlicedBatchKeepsItsStrideAndByteOffset) {
  HostTensor host({0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {2, 3}, {5, 1});
  host.tensor.byte_offset = sizeof(float);
  const MatrixView<float> U = from_dlpack<float>(host.tensor);
  EXPECT_EQ(U.ld, 5);
  EXPECT_EQ(U.data[2 + 1 * U.ld], 8.0F);
}

TEST(Dlpack, OneDimensionIsOneSample) {
  HostTensor host({1, 2, 3}, {3}, {1});
  const MatrixView<float> u = from_dlpack<float>(host.tensor);
  EXPECT_EQ(u.rows, 3);
  EXPECT_EQ(u.cols, 1);
}

TEST(Dlpack, RefusesOtherTypesDimensionsStridesAndDevices) {
  HostTensor host({1, 2, 3, 4}, {2, 2}, {2, 1});
  EXPECT_THROW(from_dlpack<double>(host.tensor), InvalidArgument);
  HostTensor transposed({1, 2, 3, 4}, {2, 2}, {1, 2});
  EXPECT_THROW(from_dlpack<float>(transposed.tensor), InvalidArgument);
  HostTensor overlapping({1, 2, 3, 4}, {2, 2}, {1, 1});
  EXPECT_THROW(from_dlpack<float>(overlapping.tensor), InvalidArgument);
  HostTensor cube({1, 2, 3, 4}, {1, 2, 2}, {});
  EXPECT_THROW(from_dlpack<float>(cube.tensor), InvalidArgument);
  host.tensor.device.device_type = kDLVulkan;
  EXPECT_THROW(from_dlpack<float>(host.tensor), NotSupported);
}

TEST(Dlpack, ExportedMatrixComesBackWithTheSameBytesAndIsReleasedByItsDeleter) {
  Context context(Device::cpu());
  const std::size_t before = context.memory().bytes_in_use;
  const std::array<double, 6> values = {1, 2, 3, 4, 5, 6};
  DLManagedTensor* managed = to_dlpack(Matrix<double>::from_host(context, 3, 2, values));
  EXPECT_GT(context.memory().bytes_in_use, before);
  EXPECT_EQ(managed->dl_tensor.shape[0], 2);
  EXPECT_EQ(managed->dl_tensor.shape[1], 3);
  const ConstMatrixView<double> U = from_dlpack<double>(managed->dl_tensor);
  EXPECT_EQ(download(context, U), std::vector<double>(values.begin(), values.end()));
  managed->deleter(managed);
  EXPECT_EQ(context.memory().bytes_in_use, before);
}

}  // namespace
}  // namespace idl
#endif
