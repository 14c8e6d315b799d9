// SPDX-License-Identifier: MIT
#include <memory>
#include <vector>

#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "tests/kernels/kernel_test.hpp"

namespace idl::test {
namespace {

template <class C>
class ProgramTest : public KernelTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// A loop whose columns converge after as many iterations as `wanted` says: the step of column j
  /// halves from 2^wanted_j, and the tolerance is 1. X_{k+1} = X_k/2 in exact arithmetic.
  struct Loop {
    ColumnStatus<Element> columns;
    Sequence prelude;
    Sequence step;
    MatrixView<Element> X;
  };
  Loop halving(const std::vector<int>& wanted, std::int32_t max_iterations) {
    const auto m = static_cast<index_t>(wanted.size());
    Loop loop;
    loop.columns = {.status = this->statuses(m),
                    .iterations = this->vector(std::vector<std::int32_t>(wanted.size())),
                    .best_steps = this->reals(m),
                    .stalled = this->vector(std::vector<std::int32_t>(wanted.size())),
                    .active = this->vector(std::vector<std::int32_t>{0})};
    const auto steps = this->reals(m);
    const auto norms = this->reals(m);
    std::vector<double> start;
    for (const int count : wanted) start.push_back(std::ldexp(1.0, count));
    const auto X0 = this->view(1, m, start);
    loop.X = this->view(1, m);
    const auto S = this->view(1, m);
    loop.prelude = {CopyMatrix<Element>{.X = X0, .Y = loop.X},
                    ResetStatus<Element>{loop.columns, steps, norms}};
    loop.step = {Gemm<Element>{.A = this->view(1, 1, {0.5}), .B = loop.X, .C = S},
                 PicardUpdate<Element>{.S = S,
                                       .Z = this->view(1, m),
                                       .X = loop.X,
                                       .activation = {ActivationKind::identity},
                                       .step_norms = steps,
                                       .state_norms = norms,
                                       .status = loop.columns.status},
                 UpdateStatus<Element>{.step_norms = steps,
                                       .state_norms = norms,
                                       .columns = loop.columns,
                                       .absolute = Element(1),
                                       .max_iterations = max_iterations}};
    return loop;
  }
};
TYPED_TEST_SUITE(ProgramTest, AllCases, CaseNames);

TYPED_TEST(ProgramTest, StraightSequencesRunInOrderAsOftenAsTheyAreLaunched) {
  using T = typename TypeParam::Scalar;
  const auto Y = this->view(3, 3);
  const auto X = this->view(3, 3, 1.0);
  auto program =
      backend_of(this->context())
          ->compile({Fill<T>{.Y = Y, .value = T(5)}, AddScaled<T>{.X = X, .Y = Y, .alpha = T(2)},
                     AddScaled<T>{.X = Y, .Y = X, .alpha = T(1)}});
  program->launch();
  EXPECT_EQ(this->fetch_double(X)[4], 8.0);
  program->launch();
  EXPECT_EQ(this->fetch_double(X)[4], 29.0);
  EXPECT_EQ(program->sequence().size(), 3U);
}

TYPED_TEST(ProgramTest, LoopRunsEachColumnExactlyAsOftenAsItNeeds) {
  const std::vector<int> wanted = {1, 7, 3, 20, 1, 12, 9, 2, 5};
  const auto loop = this->halving(wanted, 100);
  auto prelude = backend_of(this->context())->compile(loop.prelude);
  auto program = backend_of(this->context())->compile_while(loop.step, loop.columns.active, 100);
  for (int launch = 0; launch < 2; ++launch) {
    prelude->launch();
    program->launch();
    const auto iterations = this->fetch_vector(loop.columns.iterations);
    for (std::size_t j = 0; j < wanted.size(); ++j) EXPECT_EQ(iterations[j], wanted[j]);
    EXPECT_EQ(this->fetch_double(loop.X), std::vector<double>(wanted.size(), 1.0));
    EXPECT_EQ(this->fetch_vector(loop.columns.active)[0], 0);
  }
}

TYPED_TEST(ProgramTest, LoopNeverExceedsItsMaximum) {
  for (const std::int32_t maximum : {0, 1, 2, 7, 8, 9, 17}) {
    const auto loop = this->halving({30, 30, 4}, 1000);
    backend_of(this->context())->compile(loop.prelude)->launch();
    auto program =
        backend_of(this->context())->compile_while(loop.step, loop.columns.active, maximum);
    program->launch();
    const auto iterations = this->fetch_vector(loop.columns.iterations);
    EXPECT_EQ(iterations[0], maximum);
    EXPECT_EQ(iterations[2], std::min(maximum, 4));
  }
}

TYPED_TEST(ProgramTest, LoopEndsWhereNoMoreThanWantedAreActive) {
  for (const std::int32_t until : {0, 1, 2, 3}) {
    const auto loop = this->halving({9, 2, 5, 7}, 1000);
    backend_of(this->context())->compile(loop.prelude)->launch();
    backend_of(this->context())
        ->compile_while(loop.step, loop.columns.active, 100, until)
        ->launch();
    const std::int32_t iterations[] = {9, 7, 5, 2};  // until that many are left
    const auto answer = this->fetch_vector(loop.columns.iterations);
    // Where blocks are replayed, a loop may go on for some iterations more.
    EXPECT_GE(answer[0], iterations[until]);
    EXPECT_LE(this->fetch_vector(loop.columns.active)[0], until);
    if (TypeParam::k_device == DeviceKind::cpu) {
      EXPECT_EQ(answer[0], iterations[until]);
    }
  }
}

TYPED_TEST(ProgramTest, LoopWithoutActiveColumnsDoesNothing) {
  using T = typename TypeParam::Scalar;
  const auto Y = this->view(1, 1, 1.0);
  const auto active = this->vector(std::vector<std::int32_t>{0});
  auto program =
      backend_of(this->context())
          ->compile_while({AddScaled<T>{.X = this->view(1, 1, 1.0), .Y = Y}}, active, 10);
  program->launch();
  EXPECT_EQ(this->fetch_double(Y)[0], 1.0);
}

TYPED_TEST(ProgramTest, JoinedProgramsDoWhatTheyDoOneByOne) {
  using T = typename TypeParam::Scalar;
  Backend& backend = *backend_of(this->context());
  for (const LoopStrategy strategy :
       {LoopStrategy::fused, LoopStrategy::conditional_node, LoopStrategy::block_replay}) {
    const auto loop = this->halving({3, 17, 1, 9, 30}, 20);
    const auto total = this->view(1, 5, 0.1);
    const auto old = this->view(1, 5);
    backend.choose_loop_strategy(strategy);
    std::vector<std::shared_ptr<Program>> parts;
    parts.push_back(backend.compile({CopyMatrix<T>{.X = total, .Y = old},
                                     AddScaled<T>{.X = old, .Y = total, .alpha = T(0.3)}}));
    parts.push_back(backend.compile(loop.prelude));
    try {
      parts.push_back(backend.compile_while(loop.step, loop.columns.active, 20));
    } catch (const NotSupported&) {
      continue;
    }
    parts.push_back(backend.compile(Sequence{}));
    parts.push_back(backend.compile({AddScaled<T>{.X = loop.X, .Y = total, .alpha = T(0.7)}}));
    parts.push_back(backend.compile_while(loop.step, loop.columns.active, 0));
    const auto answers_of = [&](const auto& launch) {
      this->put(total, std::vector<double>(5, 0.1));
      std::vector<std::vector<double>> answers;
      for (int k = 0; k < 2; ++k) {
        launch();
        answers.push_back(this->fetch_double(total));
        answers.push_back(this->fetch_double(loop.X));
      }
      return answers;
    };
    const auto expected = answers_of([&] {
      for (const auto& part : parts) part->launch();
    });
    const std::unique_ptr<Program> joined = backend.join(std::move(parts));
    parts.clear();
    EXPECT_EQ(answers_of([&] { joined->launch(); }), expected);
    EXPECT_EQ(joined->sequence().size(), 11U);
  }
}

TYPED_TEST(ProgramTest, JoinsMayBeJoinedAndEmpty) {
  using T = typename TypeParam::Scalar;
  Backend& backend = *backend_of(this->context());
  const auto Y = this->view(2, 2, 1.0);
  const auto Z = this->view(2, 2);
  const auto ones = this->view(2, 2, 1.0);
  const auto double_and_add_one = [&] {
    return std::vector<std::shared_ptr<Program>>{
        backend.compile({CopyMatrix<T>{.X = Y, .Y = Z}}),
        backend.compile({AddScaled<T>{.X = Z, .Y = Y}, AddScaled<T>{.X = ones, .Y = Y}})};
  };
  backend
      .join({backend.join({}), backend.join(double_and_add_one()),
             backend.join(double_and_add_one())})
      ->launch();
  EXPECT_EQ(this->fetch_double(Y), std::vector<double>(4, 7.0));
  backend.join({})->launch();
}

TYPED_TEST(ProgramTest, WrongStepsAreRefusedWhenCompiled) {
  using T = typename TypeParam::Scalar;
  EXPECT_THROW(backend_of(this->context())
                   ->compile({CopyMatrix<T>{.X = this->view(1, 2), .Y = this->view(2, 1)}}),
               InvalidArgument);
  EXPECT_THROW(backend_of(this->context())->compile_while({}, {}, 1), InvalidArgument);
}

}  // namespace
}  // namespace idl::test
