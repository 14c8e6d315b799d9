// SPDX-License-Identifier: MIT
// Captures that code outside of this library spoils.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/error.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

class SpoiledCapture : public testing::Test {
 protected:
  SpoiledCapture() {
    // The loop that asks whether conditional nodes work counts its iterations there: 2.
    fake::on_call("cudaGraphLaunch",
                  [] { static_cast<std::int32_t*>(fake::last_pinned())[1] = 2; });
  }
  ~SpoiledCapture() override { fake::reset(); }

  Backend& backend() { return *backend_of(context_); }
  Sequence step() { return {AddScaled<float>{.X = X_, .Y = Y_}}; }
  std::unique_ptr<Program> compile_loop() { return backend().compile_while(step(), active(), 10); }
  VectorView<const std::int32_t> active() const { return active_.view(); }

  /// The next `times` calls of `name` in a capture come with a wait for the device elsewhere.
  static void spoil(const std::string& name, int times) {
    fake::on_call(name, [left = std::make_shared<int>(times)] {
      if (*left == 0) return;
      *left -= 1;
      fake::spoil_captures();
    });
  }

 private:
  bool is_reset_ = (fake::reset(), true);
  Context context_{Device::cuda(0)};
  Matrix<float> X_{context_, 3, 3};
  Matrix<float> Y_{context_, 3, 3};
  Vector<std::int32_t> active_{context_, 1};
};

TEST_F(SpoiledCapture, IsTriedAgain) {
  spoil("cudaLaunchKernel", 2);
  EXPECT_NE(backend().compile(step()), nullptr);
  EXPECT_EQ(fake::spoiled_captures(), 2);
  EXPECT_EQ(fake::calls("cudaStreamBeginCapture"), 3);
  EXPECT_EQ(fake::calls("cudaGraphInstantiate"), 1);
}

TEST_F(SpoiledCapture, IsTriedAgainWhereItsEndTells) {
  spoil("cudaStreamEndCapture", 1);
  EXPECT_NE(backend().compile(step()), nullptr);
  EXPECT_EQ(fake::calls("cudaStreamBeginCapture"), 2);
}

TEST_F(SpoiledCapture, IsAnErrorWhenItNeverEnds) {
  spoil("cudaLaunchKernel", 1000);
  EXPECT_THROW(backend().compile(step()), DeviceError);
  spoil("cudaLaunchKernel", 0);
  EXPECT_NE(backend().compile(step()), nullptr);
}

TEST_F(SpoiledCapture, IsNoFailureOfTheWorkItself) {
  fake::fail("cudaLaunchKernel", cudaErrorInvalidConfiguration);
  EXPECT_THROW(backend().compile(step()), DeviceError);
  EXPECT_EQ(fake::calls("cudaStreamBeginCapture"), 1);
}

TEST_F(SpoiledCapture, OfALoopsBodyIsTriedAgain) {
  backend().choose_loop_strategy(LoopStrategy::conditional_node);
  spoil("cudaStreamBeginCaptureToGraph", 3);
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::spoiled_captures(), 3);
}

TEST_F(SpoiledCapture, SaysNothingAboutConditionalNodes) {
  spoil("cudaStreamBeginCaptureToGraph", 1000);
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::calls("cudaGraphAddNode"), 0);
  spoil("cudaStreamBeginCaptureToGraph", 0);
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::calls("cudaGraphAddNode"), 2) << "one to ask, one for the loop";
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::calls("cudaGraphAddNode"), 3);
}

using ConditionalNodes = SpoiledCapture;

// Drivers before 12.4 load nothing of a file whose kernels call cudaGraphSetConditional.
TEST_F(ConditionalNodes, ThatADriverDoesNotKnowAreReplacedByBlocksAndNothingElseIsMissed) {
  for (const int driver : {12020, 13000}) {
    fake::set_driver(driver);
    fake::fail_to_load("begin_loop_kernel", cudaErrorSharedObjectSymbolNotFound);
    Context context(Device::cuda(0));
    Backend& backend = *backend_of(context);
    const auto loop = backend.compile_while(step(), active(), 10);
    ASSERT_NE(loop, nullptr);
    *static_cast<std::int32_t*>(fake::last_pinned()) = 1;
    const int launched = fake::calls("cudaGraphLaunch");
    loop->launch();
    EXPECT_EQ(fake::calls("cudaGraphLaunch") - launched, 2) << "a block of 8, and one of 2";
    backend.choose_loop_strategy(LoopStrategy::conditional_node);
    EXPECT_THROW(backend.compile_while(step(), active(), 10), NotSupported);
  }
}

TEST_F(ConditionalNodes, AreAskedForAgainWhereMemoryWasShort) {
  fake::fail("cudaFuncGetAttributes", cudaErrorMemoryAllocation);
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::calls("cudaGraphAddNode"), 0);
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::calls("cudaGraphAddNode"), 2);
}

TEST_F(ConditionalNodes, AreAskedForAgainWhereThereWasNoMemoryForTheQuestion) {
  fake::fail("cudaGraphInstantiate", cudaErrorMemoryAllocation, 2);
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::calls("cudaGraphAddNode"), 1);
  EXPECT_NE(compile_loop(), nullptr);
  EXPECT_EQ(fake::calls("cudaGraphAddNode"), 3);
}

TEST_F(SpoiledCapture, OfTheCallersIsNotRiskedByAContextOnItsStream) {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed);
  EXPECT_THROW(Context({.device = Device::cuda(0), .stream = stream}), InvalidArgument);
  EXPECT_EQ(fake::calls("cudaStreamGetDevice"), 0);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
}

TEST_F(ConditionalNodes, AndAQuestionThatAnOldDriverCannotAnswerAreNoReasonToRefuseAStream) {
  cudaStream_t stream = nullptr;
  cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);
  fake::fail("cudaStreamGetDevice", cudaErrorCallRequiresNewerDriver);
  {
    const Context context({.device = Device::cuda(0), .stream = stream});
    EXPECT_EQ(context.stream(), stream);
  }
  EXPECT_THROW(Context({.device = Device::cuda(1), .stream = stream}), InvalidArgument);
  cudaStreamDestroy(stream);
}

TEST_F(ConditionalNodes, ThatCannotBeMadeAreReplacedByBlocks) {
  // The start of a loop becomes more nodes than a loop can begin with.
  fake::set_nodes_of_a_launch({cudaGraphNodeTypeKernel, cudaGraphNodeTypeKernel});
  EXPECT_NE(compile_loop(), nullptr);
  backend().choose_loop_strategy(LoopStrategy::conditional_node);
  EXPECT_THROW(compile_loop(), NotSupported);
}

}  // namespace
}  // namespace idl::test
