// SPDX-License-Identifier: MIT
// What a loop's body became in a graph decides whether a conditional node is trusted with it.
#include <gtest/gtest.h>

#include <memory>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

class LoopBody : public testing::Test {
 protected:
  LoopBody() {
    // The loop that asks whether conditional nodes work counts its iterations there: 2.
    fake::on_call("cudaGraphLaunch",
                  [] { static_cast<std::int32_t*>(fake::last_pinned())[1] = 2; });
    EXPECT_EQ(strategy_for(1), LoopStrategy::conditional_node);
  }
  ~LoopBody() override { fake::reset(); }

  /// How a loop of so many steps is run, each of them one launch.
  LoopStrategy strategy_for(int steps) {
    Sequence sequence;
    for (int k = 0; k < steps; ++k) sequence.emplace_back(AddScaled<float>{.X = X_, .Y = Y_});
    return backend_of(context_)->compile_while(sequence, active_.view(), 10)->strategy();
  }

 private:
  bool is_reset_ = (fake::reset(), true);
  Context context_{Device::cuda(0)};
  Matrix<float> X_{context_, 3, 3};
  Matrix<float> Y_{context_, 3, 3};
  Vector<std::int32_t> active_{context_, 1};
};

TEST_F(LoopBody, MayHoldOneMemset) {
  fake::set_nodes_of_a_launch({cudaGraphNodeTypeMemset});
  EXPECT_EQ(strategy_for(1), LoopStrategy::conditional_node);
  EXPECT_EQ(strategy_for(2), LoopStrategy::block_replay);
}

TEST_F(LoopBody, MayCopyWithinTheDevice) {
  fake::set_nodes_of_a_launch({cudaGraphNodeTypeMemcpy});
  EXPECT_EQ(strategy_for(3), LoopStrategy::conditional_node);
  fake::set_copies(cudaMemcpyHostToDevice);
  EXPECT_EQ(strategy_for(3), LoopStrategy::block_replay);
}

TEST_F(LoopBody, MustNotHoldWhatTheHostDoesOrWaitsFor) {
  for (const auto type : {cudaGraphNodeTypeHost, cudaGraphNodeTypeEventRecord,
                          cudaGraphNodeTypeMemAlloc, cudaGraphNodeTypeConditional}) {
    fake::set_nodes_of_a_launch({type});
    EXPECT_EQ(strategy_for(1), LoopStrategy::block_replay) << static_cast<int>(type);
  }
}

}  // namespace
}  // namespace idl::test
