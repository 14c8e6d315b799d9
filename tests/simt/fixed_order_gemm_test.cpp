// SPDX-License-Identifier: MIT
// The products that only the shapes which cuBLASLt refuses take to gemm_in_fixed_order: B
// transposed, and bfloat16. The others are in tests/kernels. And those with sparse matrices where
// cuSPARSE is not there.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr index_t k_inner = 37;

template <class E>
ConstMatrixView<E> view(const std::vector<E>& data, index_t rows, index_t cols, index_t ld) {
  return {data.data(), rows, cols, ld, Device::cuda(0)};
}

/// Fractions whose products are not exact, so that the order of a sum shows.
float fraction(index_t i) { return 1.0F / static_cast<float>(i % 29 + 3); }

/// 17×19 by small tiles, 700×800 by large ones.
struct Size {
  index_t rows;
  index_t cols;
};
constexpr Size k_sizes[] = {{17, 19}, {1, 1}, {700, 800}};

TEST(FixedOrderGemm, TakesBTransposed) {
  for (const auto [rows, cols] : k_sizes) {
    for (const bool transpose_A : {false, true}) {
      const index_t A_ld = (transpose_A ? k_inner : rows) + 3;
      const index_t B_ld = cols + 2;
      std::vector<float> A(static_cast<std::size_t>(A_ld * (transpose_A ? rows : k_inner)));
      std::vector<float> B(static_cast<std::size_t>(B_ld * k_inner));
      for (std::size_t i = 0; i < A.size(); ++i) A[i] = fraction(static_cast<index_t>(i));
      for (std::size_t i = 0; i < B.size(); ++i) B[i] = fraction(static_cast<index_t>(5 * i));
      std::vector<float> C(static_cast<std::size_t>(rows * cols), 2.0F);
      Gemm<float> gemm;
      gemm.A = transpose_A ? view(A, k_inner, rows, A_ld) : view(A, rows, k_inner, A_ld);
      gemm.B = view(B, cols, k_inner, B_ld);
      gemm.C = {C.data(), rows, cols, rows, Device::cuda(0)};
      gemm.transpose_A = transpose_A;
      gemm.transpose_B = true;
      gemm.beta = 0.5F;
      gemm_in_fixed_order(gemm, nullptr);
      for (index_t j = 0; j < cols; ++j) {
        for (index_t i = 0; i < rows; ++i) {
          float sum = 0.0F;
          for (index_t l = 0; l < k_inner; ++l) {
            const auto a = static_cast<std::size_t>(transpose_A ? l + i * A_ld : i + l * A_ld);
            sum = std::fma(A[a], B[static_cast<std::size_t>(j + l * B_ld)], sum);
          }
          ASSERT_EQ(C[static_cast<std::size_t>(i + j * rows)], sum + 1.0F) << i << ", " << j;
        }
      }
    }
  }
}

TEST(FixedOrderGemm, TakesBFloat16) {
  for (const auto [rows, cols] : k_sizes) {
    for (const bool transpose_A : {false, true}) {
      const index_t A_ld = (transpose_A ? k_inner : rows) + 3;
      std::vector<BFloat16> A(static_cast<std::size_t>(A_ld * (transpose_A ? rows : k_inner)));
      std::vector<BFloat16> B(static_cast<std::size_t>(k_inner * cols));
      // The upper halves of floats between 1 and 2, and their values as Python would read them.
      const auto bits = [](std::size_t i) { return static_cast<std::uint16_t>(0x3f80 + i % 101); };
      const auto value = [](BFloat16 x) {
        return 1.0F + static_cast<float>(x.bits - 0x3f80) / 128;
      };
      for (std::size_t i = 0; i < A.size(); ++i) A[i] = {bits(i)};
      for (std::size_t i = 0; i < B.size(); ++i) B[i] = {bits(7 * i)};
      std::vector<float> C(static_cast<std::size_t>(rows * cols), std::nanf(""));
      LowGemm gemm;
      gemm.A = transpose_A ? view(A, k_inner, rows, A_ld) : view(A, rows, k_inner, A_ld);
      gemm.B = view(B, k_inner, cols, k_inner);
      gemm.C = {C.data(), rows, cols, rows, Device::cuda(0)};
      gemm.transpose_A = transpose_A;
      gemm_in_fixed_order(gemm, nullptr);
      for (index_t j = 0; j < cols; ++j) {
        for (index_t i = 0; i < rows; ++i) {
          float sum = 0.0F;
          for (index_t l = 0; l < k_inner; ++l) {
            const auto a = static_cast<std::size_t>(transpose_A ? l + i * A_ld : i + l * A_ld);
            sum = std::fma(value(A[a]), value(B[static_cast<std::size_t>(l + j * k_inner)]), sum);
          }
          ASSERT_EQ(C[static_cast<std::size_t>(i + j * rows)], sum) << i << ", " << j;
        }
      }
    }
  }
}

/// Two rows of a larger matrix, whose entries begin at the third; as cuSPARSE's offsets they begin
/// at 0.
TEST(FixedOrderSpmm, TakesSamplesInRowsAndEntriesFromLeftToRight) {
  const std::vector<std::int64_t> row_offsets = {2, 5, 5};
  const std::vector<std::int32_t> columns = {0, 0, 0, 2, 3};
  const std::vector<float> values = {9.0F, 9.0F, fraction(1), fraction(2), fraction(3)};
  const index_t samples = 37;
  const index_t ld = samples + 2;
  std::vector<float> B(static_cast<std::size_t>(ld * 4));
  for (std::size_t i = 0; i < B.size(); ++i) B[i] = fraction(static_cast<index_t>(7 * i));
  std::vector<float> C(static_cast<std::size_t>(samples * 2), -1.0F);
  SampleSpmm<float> spmm;
  spmm.A = {row_offsets.data(), columns.data(), values.data(), 2, 4, 5, Device::cuda(0)};
  spmm.B = view(B, samples, 4, ld);
  spmm.C = {C.data(), samples, 2, samples, Device::cuda(0)};
  sample_spmm_in_fixed_order(spmm, nullptr);
  for (std::size_t j = 0; j < static_cast<std::size_t>(samples); ++j) {
    float sum = 0.0F;
    for (std::size_t e = 2; e < 5; ++e)
      sum = std::fma(values[e], B[j + static_cast<std::size_t>(columns[e] * ld)], sum);
    ASSERT_EQ(C[j], sum);
    ASSERT_EQ(C[j + static_cast<std::size_t>(samples)], 0.0F);
  }
  std::vector<std::int32_t> narrow(3, -1);
  narrow_offsets(row_offsets.data(), narrow.data(), 3, nullptr);
  EXPECT_EQ(narrow, (std::vector<std::int32_t>{0, 3, 3}));
}

}  // namespace
}  // namespace idl::cuda
