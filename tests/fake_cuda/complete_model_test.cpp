// SPDX-License-Identifier: MIT
// Contexts of other threads, which wait for no stream but their own, read a model once it is there.
#include <gtest/gtest.h>

#include "idl/context.hpp"
#include "idl/model.hpp"
#include "idl/recurrent.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

class CompleteModel : public testing::Test {
 protected:
  CompleteModel() {
    for (const char* work : {"cudaLaunchKernel", "cudaLaunchKernelExC", "cudaGraphLaunch",
                             "cudaMemcpyAsync", "cudaMemcpy2DAsync", "cudaMemsetAsync"})
      fake::on_call(work, [this] {
        ++done_;
        is_pending_ = true;
      });
    fake::on_call("cudaStreamSynchronize", [this] { is_pending_ = false; });
  }
  ~CompleteModel() override { fake::reset(); }

  /// Whether there was work since it was last asked, and it is all done.
  bool is_complete() { return std::exchange(done_, 0) > 0 && !is_pending_; }

  Context& context() { return context_; }

 private:
  struct Fresh {
    Fresh() { fake::reset(); }
  } fresh_;
  Context context_{Device::cuda(0)};
  int done_ = 0;
  bool is_pending_ = false;
};

constexpr ModelShape k_shape = {.states = 8, .inputs = 3, .outputs = 2};

TEST_F(CompleteModel, OfRandomNumbers) {
  const ImplicitModel<float> model(context(), k_shape);
  EXPECT_TRUE(is_complete());
}

TEST_F(CompleteModel, OfMatrices) {
  const auto matrix = [&](index_t rows, index_t cols) {
    return Matrix<float>(context(), rows, cols);
  };
  const ImplicitModel<float> model(
      context(), ModelMatrices<float>{
                     .A = matrix(8, 8), .B = matrix(8, 3), .C = matrix(2, 8), .D = matrix(2, 3)});
  EXPECT_TRUE(is_complete());
}

TEST_F(CompleteModel, OfAnother) {
  const ImplicitModel<float> model(context(), k_shape);
  Context other(Device::cuda(0));
  EXPECT_TRUE(is_complete());
  const auto clone = model.clone(other);
  EXPECT_TRUE(is_complete());
}

TEST_F(CompleteModel, WithAHead) {
  const ImplicitRnn<float> model(context(), {.inputs = 1, .states = 8, .hidden = 4, .outputs = 2},
                                 {});
  EXPECT_TRUE(is_complete());
}

}  // namespace
}  // namespace idl::test
