// SPDX-License-Identifier: MIT
// What a description of a recurrent pass has to be, and what its steps leave.
#include "kernels/recurrence.hpp"

#include <string>

#include "tests/kernels/solve_test.hpp"

namespace idl::test {
namespace {

template <class C>
class RecurrenceTest : public SolveTest<C> {
 protected:
  using Element = typename C::Scalar;

  /// Two sequences, of 3 and 2 steps, of the cell x = relu(u), h <- x with u_t = x_t + 2h: steps 0
  /// to 2 of callers' matrices with room for 4.
  Recurrence<Element> small() {
    FixedPoint<Element> solve;
    this->set_columns(solve, 6, 9);
    Recurrence<Element> pass;
    pass.A = DenseMap<Element>{this->view(1, 1)};
    pass.B = DenseMap<Element>{this->view(1, 2, {1, 2})};
    pass.C = DenseMap<Element>{this->view(1, 1, 1.0)};
    pass.lengths = this->vector(std::vector<std::int32_t>{3, 2});
    pass.x = this->view(1, 8, {1, 2, 3, k_nan, 10, 20, k_nan, k_nan});
    pass.X = this->view(1, 6, 9.0);
    pass.U = this->view(2, 6, 9.0);
    pass.Z = this->view(1, 6, 9.0);
    pass.H = this->view(1, 8, 9.0);
    pass.h = this->view(1, 2, {1, 0});
    pass.loop.product = this->view(1, 2);
    pass.loop.output = this->view(1, 2);
    pass.loop.columns = solve.columns;
    pass.loop.step_norms = solve.step_norms;
    pass.loop.state_norms = solve.state_norms;
    pass.loop.decision = {.max_iterations = 20};
    return pass;
  }
  std::string refusal(const Recurrence<Element>& pass) {
    return text_of<InvalidArgument>([&] { backend_of(this->context())->compile(pass); });
  }
};
TYPED_TEST_SUITE(RecurrenceTest, AllCases, CaseNames);

TYPED_TEST(RecurrenceTest, RunsTheStepsThatSequencesHave) {
  using List = std::vector<double>;
  const auto pass = this->small();
  backend_of(this->context())->compile(pass)->launch();
  // 1 + 2·1, 2 + 2·3, 3 + 2·8 and 10, 20 + 2·10; in X one step of both after the other.
  EXPECT_EQ(this->fetch_double(pass.X), (List{3, 10, 8, 40, 19, 0}));
  EXPECT_EQ(this->fetch_double(pass.U), (List{1, 1, 10, 0, 2, 3, 20, 10, 3, 8, 0, 0}));
  EXPECT_EQ(this->fetch_double(pass.H), (List{3, 8, 19, 9, 10, 40, 0, 9}));
  EXPECT_EQ(this->fetch_double(pass.h), (List{19, 40}));
  EXPECT_EQ(this->fetch_vector(pass.loop.columns.status),
            (std::vector<std::uint8_t>{1, 1, 1, 1, 1, 1}));
  EXPECT_EQ(this->fetch_vector(pass.loop.columns.iterations)[5], 0);
  EXPECT_TRUE(this->frames_untouched());
}

TYPED_TEST(RecurrenceTest, ADescriptionThatDoesNotFitIsRefused) {
  auto pass = this->small();
  pass.first = 2;
  EXPECT_TRUE(holds(this->refusal(pass), {"Recurrence", "x has 8 columns", "5 steps"}));
  pass = this->small();
  pass.U = this->view(3, 6);
  EXPECT_TRUE(holds(this->refusal(pass), {"U has 3 rows", "B has 2 columns"}));
  pass = this->small();
  pass.h = this->view(2, 2);
  EXPECT_TRUE(holds(this->refusal(pass), {"h has 2 rows", "C has 1 rows"}));
  pass = this->small();
  pass.lengths = this->vector(std::vector<std::int32_t>{3, 2, 1, 1});
  EXPECT_TRUE(holds(this->refusal(pass), {"6 columns", "4 elements"}));
  pass = this->small();
  pass.loop.sweep = Sweep::automatic;
  EXPECT_TRUE(holds(this->refusal(pass), {"sweep is automatic"}));
}

}  // namespace
}  // namespace idl::test
