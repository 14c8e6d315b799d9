// SPDX-License-Identifier: MIT
// What the backend does with cuSPARSE's handles, descriptors and buffers.
#include <cusparse.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/error.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "kernels/cuda/product/library_spmm.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

class SparseProducts : public testing::Test {
 protected:
  ~SparseProducts() override {
    EXPECT_THAT(fake::sparse_faults(), testing::IsEmpty());
    fake::reset();
  }

  Backend& backend() { return *backend_of(context_); }

  ConstCsrView<float> A(index_t nnz = 5) const {
    return {offsets_.view().data, columns_.view().data, values_.view().data, 3, 3, nnz,
            Device::cuda(0)};
  }
  SampleSpmm<float> product() { return {.A = A(), .B = B_.view(), .C = C_.view()}; }

  Context& context() { return context_; }

  /// Of 3 states and 4 samples.
  FixedPoint<float> solve() {
    FixedPoint<float> solve;
    solve.A = CsrMap<float>{.A = A(), .longest_row = 3};
    solve.X = X_.view();
    solve.product = S_.view();
    solve.f = PicardMap<float>{.Z = Z_.view(), .activation = {}};
    solve.columns = {.status = status_.view(),
                     .iterations = iterations_.view(),
                     .best_steps = best_.view(),
                     .stalled = stalled_.view(),
                     .active = active_.view()};
    solve.step_norms = steps_.view();
    solve.state_norms = norms_.view();
    solve.decision.max_iterations = 10;
    return solve;
  }

  static int prepared() { return fake::calls("cusparseSpMM_preprocess"); }
  static int multiplied() { return fake::calls("cusparseSpMM"); }

 private:
  /// Made first and gone last.
  struct Account {
    Account() { fake::reset(); }
    ~Account() {
      EXPECT_EQ(fake::sparse_objects(), 0);
      EXPECT_THAT(fake::sparse_faults(), testing::IsEmpty());
    }
  } account_;
  Context context_{Device::cuda(0)};
  Matrix<float> B_{context_, 4, 3};
  Matrix<float> C_{context_, 4, 3};
  Matrix<float> X_{context_, 3, 4};
  Matrix<float> S_{context_, 3, 4};
  Matrix<float> Z_{context_, 3, 4};
  Vector<std::int64_t> offsets_{context_, 4};
  Vector<std::int32_t> columns_{context_, 5};
  Vector<float> values_{context_, 5};
  Vector<std::uint8_t> status_{context_, 4};
  Vector<std::int32_t> iterations_{context_, 4};
  Vector<float> best_{context_, 4};
  Vector<std::int32_t> stalled_{context_, 4};
  Vector<std::int32_t> active_{context_, 1};
  Vector<float> steps_{context_, 4};
  Vector<float> norms_{context_, 4};
};

TEST_F(SparseProducts, ArePreparedOnceBeforeTheyAreCaptured) {
  const auto program = backend().compile({product()});
  EXPECT_EQ(prepared(), 1);
  EXPECT_EQ(multiplied(), 1) << "into the graph";
  for (int launch = 0; launch < 3; ++launch) program->launch();
  EXPECT_EQ(prepared(), 1);
  EXPECT_EQ(multiplied(), 1);
  EXPECT_EQ(fake::sparse_objects(), 4) << "the library, A, B and C";
}

TEST_F(SparseProducts, HaveABufferEach) {
  const auto one = backend().compile({product(), product()});
  const auto other = backend().compile({product()});
  EXPECT_EQ(prepared(), 3);
  EXPECT_EQ(fake::sparse_objects(), 1 + 3 * 3);
  EXPECT_EQ(fake::calls("cusparseCreate"), 1);
}

TEST_F(SparseProducts, GiveBackWhatTheyHad) {
  const auto left = [this] {
    const auto program = backend().compile({product()});
    program->launch();
    backend().run(product());
    backend().run_in_order({product()});
    return fake::sparse_objects();
  };
  EXPECT_EQ(left(), 4);
  EXPECT_EQ(fake::sparse_objects(), 1) << "the library";
  EXPECT_EQ(left(), 4);
}

TEST_F(SparseProducts, OfJoinedProgramsStayThoseOfTheirParts) {
  Programs parts;
  for (int part = 0; part < 2; ++part) parts.push_back(backend().compile({product()}));
  const auto joined = backend().join(std::move(parts));
  EXPECT_EQ(prepared(), 2);
  EXPECT_EQ(multiplied(), 4) << "each into its graph and into that of both";
}

TEST_F(SparseProducts, OfALoopAreInItsBody) {
  fake::on_call("cudaGraphLaunch", [] { static_cast<std::int32_t*>(fake::last_pinned())[1] = 2; });
  const Vector<std::int32_t> active(context(), 1);
  EXPECT_EQ(backend().compile_while({product()}, active.view(), 10)->strategy(),
            LoopStrategy::conditional_node);
  EXPECT_EQ(multiplied(), 2) << "a rehearsal, and the body";
  // What the library's work becomes in a graph decides.
  fake::set_nodes_of_a_launch({cudaGraphNodeTypeHost});
  EXPECT_EQ(backend().compile_while({product()}, active.view(), 10)->strategy(),
            LoopStrategy::block_replay);
}

TEST_F(SparseProducts, AreMadeByOurKernelWhereThereIsNoLibrary) {
  fake::hide_cusparse();
  const int launched = fake::calls("cudaLaunchKernel");
  backend().run(product());
  backend().compile({product()})->launch();
  EXPECT_EQ(multiplied(), 0);
  EXPECT_EQ(fake::calls("cudaLaunchKernel") - launched, 2);
}

TEST_F(SparseProducts, AreAskedForInVainWhereThereIsNoLibrary) {
  fake::hide_cusparse();
  backend().choose_loop_strategy(LoopStrategy::library_product);
  EXPECT_THROW(backend().compile(solve()), NotSupported);
}

TEST_F(SparseProducts, AreMadeByOurKernelWhereTheLibraryHasNoWordForThem) {
  const cuda::Stream stream = cuda::make_stream();
  cuda::MemoryPool pool(0, stream.get());
  cuda::LibrarySpmm library(0, pool, stream.get());
  SampleSpmm<float> spmm = product();
  spmm.A.nnz = index_t{1} << 31;
  EXPECT_FALSE(library.prepare(spmm)) << "offsets beyond 32 bits";
  spmm.A.nnz = 0;
  EXPECT_FALSE(library.prepare(spmm));
  EXPECT_EQ(fake::calls("cusparseCreate"), 0) << "nor is it loaded for that";
  spmm.A.nnz = (index_t{1} << 31) - 1;
  EXPECT_TRUE(library.prepare(spmm));
}

TEST_F(SparseProducts, AreTriedAgainWhereMemoryIsShort) {
  fake::fail("cusparseCreate", CUSPARSE_STATUS_ALLOC_FAILED, 1);
  backend().run(product());
  EXPECT_GT(fake::calls("cudaMemPoolTrimTo"), 0);
  Context other(Device::cuda(0));
  fake::fail("cusparseCreate", CUSPARSE_STATUS_INSUFFICIENT_RESOURCES, 2);
  EXPECT_THROW(backend_of(other)->run(product()), OutOfMemory);
  backend_of(other)->run(product());
}

TEST_F(SparseProducts, LeaveNothingBehindWhereAStepFails) {
  for (const char* call :
       {"cusparseCreateConstCsr", "cusparseCreateConstDnMat", "cusparseCreateDnMat",
        "cusparseSpMM_bufferSize", "cusparseSpMM_preprocess", "cusparseSpMM"}) {
    fake::fail(call, CUSPARSE_STATUS_EXECUTION_FAILED);
    try {
      backend().compile({product()});
      ADD_FAILURE() << call << " failed, and nobody noticed";
    } catch (const DeviceError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("cuSPARSE")) << call;
    }
    EXPECT_EQ(fake::sparse_objects(), 1) << call;
  }
}

TEST_F(SparseProducts, TellTheLibrarysVersionOnceItIsLoaded) {
  const auto tells = [this] {
    const Facts facts = backend().facts();
    return std::ranges::count(facts, Facts::value_type("cusparse", "12603"));
  };
  EXPECT_EQ(tells(), 0);
  backend().run(product());
  EXPECT_EQ(tells(), 1);
}

TEST_F(SparseProducts, OfASolveAreThoseOfItsStrategy) {
  backend().choose_loop_strategy(LoopStrategy::library_product);
  const auto program = backend().compile(solve());
  EXPECT_EQ(program->strategy(), LoopStrategy::library_product);
  EXPECT_EQ(prepared(), 1);
  EXPECT_GT(multiplied(), 0);
  const int so_far = prepared();
  backend().choose_loop_strategy(LoopStrategy::row_split);
  EXPECT_EQ(backend().compile(solve())->strategy(), LoopStrategy::row_split);
  EXPECT_EQ(prepared(), so_far);
}

}  // namespace
}  // namespace idl::test
