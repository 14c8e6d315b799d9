// SPDX-License-Identifier: MIT
// cuBLASLt is asked for its advice before a capture, and not in one.
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <memory>
#include <vector>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "kernels/cuda/runtime/capture_lock.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

constexpr index_t k_many = 1500;  // shapes; more than are kept

class Plans : public testing::Test {
 protected:
  Plans() {
    fake::on_call("cudaStreamBeginCapture", [this] { captures_ = true; });
    fake::on_call("cudaStreamEndCapture", [this] { captures_ = false; });
    fake::on_call("cublasLtMatmulAlgoGetHeuristic", [this] { EXPECT_FALSE(captures_); });
  }
  ~Plans() override { fake::reset(); }

  Backend& backend() { return *backend_of(context_); }
  /// C = A B with `inner` terms; nothing is computed.
  Gemm<float> product(index_t inner) {
    return {.A = A_.view().columns(0, inner), .B = B_.view().block(0, 0, inner, 2), .C = C_};
  }
  Gemm<float> transposed_product() {
    Gemm<float> product = {.A = C_.view(), .B = C_.view(), .C = A_.view().columns(0, 3)};
    product.transpose_B = true;
    return product;
  }
  /// Products of the `count` shapes after `first`.
  Sequence products(index_t first, index_t count) {
    Sequence sequence;
    for (index_t i = 1; i <= count; ++i) sequence.emplace_back(product(first + i));
    return sequence;
  }
  static int asked() { return fake::calls("cublasLtMatmulAlgoGetHeuristic"); }

 private:
  static constexpr index_t k_ld = 4 * k_many;
  bool is_reset_ = (fake::reset(), true);
  bool captures_ = false;
  Context context_{Device::cuda(0)};
  Matrix<float> A_{context_, 3, k_ld};
  Matrix<float> B_{context_, k_ld, 2};
  Matrix<float> C_{context_, 3, 2};
};

TEST_F(Plans, OfALongProgramAreThereWhenItIsCaptured) {
  backend().compile(products(0, k_many));
  EXPECT_EQ(asked(), k_many);
}

TEST_F(Plans, OfAProgramAreNotForgottenForThoseBefore) {
  for (index_t i = 0; i < 50; ++i) backend().compile(products(30 * i, 30));
  EXPECT_EQ(asked(), 50 * 30);
}

TEST_F(Plans, OfJoinedProgramsAreThereWhenTheyAreCaptured) {
  std::vector<std::shared_ptr<Program>> parts;
  for (index_t i = 0; i < 3; ++i) parts.push_back(backend().compile(products(500 * i, 500)));
  backend().join(std::move(parts));
}

TEST_F(Plans, AreNotAskedForBesideCapturesOfOtherThreads) {
  std::vector<std::future<void>> captures;
  fake::on_call("cublasLtMatmulAlgoGetHeuristic", [&] {
    captures.push_back(std::async(std::launch::async, [] { const cuda::CaptureLock lock; }));
    EXPECT_EQ(captures.back().wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
  });
  backend().compile({product(7)});
  EXPECT_EQ(captures.size(), 1U);
}

TEST_F(Plans, OfAShapeAreAskedForOnce) {
  for (int i = 0; i < 3; ++i) backend().run(product(5));
  EXPECT_EQ(asked(), 1);
}

TEST_F(Plans, ThatTheLibraryDoesNotHaveLeaveTheProductToOurKernel) {
  fake::fail("cublasLtMatmulAlgoGetHeuristic", CUBLAS_STATUS_NOT_SUPPORTED, 2);
  backend().compile({product(5), transposed_product()});
  EXPECT_EQ(asked(), 2);
  EXPECT_EQ(fake::calls("cublasLtMatmul"), 0);
  EXPECT_EQ(fake::calls("cudaLaunchKernel"), 2);
  backend().run(product(6));
  EXPECT_EQ(fake::calls("cublasLtMatmul"), 1);
}

TEST_F(Plans, DoNotPileUp) {
  for (index_t i = 1; i <= 3 * k_many; ++i) backend().run(product(i));
  const int made = fake::calls("cublasLtMatmulDescCreate");
  const int given_back = fake::calls("cublasLtMatmulDescDestroy");
  EXPECT_EQ(made, 3 * k_many);
  EXPECT_LE(made - given_back, 1024);
}

}  // namespace
}  // namespace idl::test
