// SPDX-License-Identifier: MIT
// A model in the caller's memory is the model that owns the same parameters.
#include <cmath>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

template <class C>
class Borrow : public DeviceTest<C> {};
TYPED_TEST_SUITE(Borrow, AllCases, CaseNames);

/// Forward and backward of one pass.
template <class T>
struct Answers {
  std::vector<T> Y, X, dM, dU;
};

TYPED_TEST(Borrow, GivesTheAnswersOfAnOwnerWhereverItsMemoryBegins) {
  using T = typename TypeParam::Scalar;
  for (const auto& [shape, m] : {std::pair(ModelShape{5, 4, 3}, index_t{6}),
                                 std::pair(ModelShape{33, 17, 10}, index_t{40})}) {
    const ImplicitModel<T> owner(this->context(), shape, {.bias = true}, 3);
    const ConstMatrixView<T> M = owner.M();
    const index_t ld = M.rows + 1;
    Vector<T> memory(this->context(), ld * M.cols + 1);
    // One element after the start, with an ld that is odd for one of the shapes.
    const MatrixView<T> borrowed{memory.data() + 1, M.rows, M.cols, ld, this->device()};
    copy<T>(this->context(), M, borrowed);
    const auto model = ImplicitModel<T>::borrow(borrowed, shape, {.bias = true});
    EXPECT_EQ(model.M().data, borrowed.data);
    const auto U = this->matrix(shape.inputs, m, RandomValues(1).uniforms(shape.inputs * m, -1, 1));
    const auto answers = [&](const ImplicitModel<T>& of) {
      BatchPass<T> pass(this->context(), of, m, {.input_gradient = true});
      copy<T>(this->context(), U, pass.U());
      EXPECT_TRUE(pass.forward().all_converged());
      copy<T>(this->context(), pass.Y(), pass.dY());
      EXPECT_TRUE(pass.backward().all_converged());
      return Answers<T>{this->fetch(pass.Y()), this->fetch(pass.X()), this->fetch(pass.dM()),
                        this->fetch(pass.dU())};
    };
    const Answers<T> expected = answers(owner), found = answers(model);
    // A product over another stride may sum in another order on a GPU: tolerances of the solves.
    const auto near = [](const std::vector<T>& a, const std::vector<T>& b) {
      return max_difference({a.begin(), a.end()}, {b.begin(), b.end()});
    };
    const double tolerance = this->device().kind == DeviceKind::cpu ? 0.0 : 1e-3;
    EXPECT_LE(near(found.Y, expected.Y), tolerance);
    EXPECT_LE(near(found.X, expected.X), tolerance);
    EXPECT_LE(near(found.dM, expected.dM), tolerance);
    EXPECT_LE(near(found.dU, expected.dU), tolerance);
  }
}

TYPED_TEST(Borrow, AnOptimizerStepsInTheCallersMemoryAndACloneOwnsItsOwn) {
  using T = typename TypeParam::Scalar;
  constexpr ModelShape k_shape{5, 4, 3};
  ImplicitModel<T> owner(this->context(), k_shape, {}, 3);
  Matrix<T> memory(this->context(), 8, 9);
  copy<T>(this->context(), owner.M(), memory);
  auto model = ImplicitModel<T>::borrow(memory.view(), k_shape);
  const ImplicitModel<T> clone = model.clone(this->context());
  EXPECT_NE(clone.M().data, memory.data());
  const std::vector<T> before = this->fetch(memory);
  const auto dM = this->matrix(8, 9, RandomValues(2).uniforms(72, -1, 1));
  for (ImplicitModel<T>* each : {&owner, &model}) {
    Optimizer<T> optimizer(this->context(), *each, {.learning_rate = 0.5});
    optimizer.step(this->context(), *each, dM);
  }
  EXPECT_EQ(this->fetch(memory), this->fetch(owner.M()));
  EXPECT_EQ(this->fetch(clone.M()), before);

  const ImplicitModel<T> moved = std::move(model);
  EXPECT_EQ(moved.M().data, memory.data());
  // On another device's context.
  Context cpu(Device::cpu());
  EXPECT_EQ(download<T>(cpu, moved.clone(cpu).M()), this->fetch(memory));
}

TYPED_TEST(Borrow, RefusesMemoryThatIsNoM) {
  using T = typename TypeParam::Scalar;
  constexpr ModelShape k_shape{5, 4, 3};
  Matrix<T> memory(this->context(), 8, 10);
  const MatrixView<T> M = memory.view().columns(0, 9);
  const auto refused = [&](const MatrixView<T>& view, std::initializer_list<std::string_view> parts,
                           const ModelOptions& options = {}) {
    EXPECT_TRUE(
        holds(text_of<InvalidArgument>([&] { ImplicitModel<T>::borrow(view, k_shape, options); }),
              parts));
  };
  refused(memory.view(), {"M is 8x10", "expected 8x9"});
  refused(M, {"M is 8x9", "expected 8x10"}, {.bias = true});
  refused({M.data, 8, 9, 7, this->device()}, {"ld 7"});
  refused({nullptr, 8, 9, 8, this->device()}, {"null"});
  auto* odd = reinterpret_cast<T*>(reinterpret_cast<char*>(M.data) + 1);
  refused({odd, 8, 9, M.ld, this->device()}, {"no multiple of"});
  refused(M, {"kappa"}, {.well_posedness = WellPosedness::inf_norm_ball(1.0)});
}

TYPED_TEST(Borrow, APassRestoredToAStateGivesItsGradient) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {5, 4, 3}, {}, 3);
  BatchPass<T> pass(this->context(), model, 6, {.input_gradient = true});
  const auto first = this->matrix(4, 6, RandomValues(1).uniforms(24, -1, 1));
  const auto second = this->matrix(4, 6, RandomValues(2).uniforms(24, -1, 1));
  copy<T>(this->context(), first, pass.U());
  EXPECT_TRUE(pass.forward().all_converged());
  Matrix<T> X(this->context(), 5, 6);
  copy<T>(this->context(), pass.X(), X);
  copy<T>(this->context(), pass.Y(), pass.dY());
  EXPECT_TRUE(pass.backward().all_converged());
  const std::vector<T> dM = this->fetch(pass.dM()), dU = this->fetch(pass.dU());
  copy<T>(this->context(), second, pass.U());
  EXPECT_TRUE(pass.forward().all_converged());
  pass.restore(first, X);
  EXPECT_EQ(this->fetch(pass.X()), this->fetch(X));
  EXPECT_TRUE(pass.backward().all_converged());
  EXPECT_EQ(this->fetch(pass.dM()), dM);
  EXPECT_EQ(this->fetch(pass.dU()), dU);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { pass.restore(X, X); }),
                    {"restore: U is 5x6, expected 4x6"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { pass.restore(first, first); }),
                    {"restore: X is 4x6, expected 5x6"}));
}

}  // namespace
}  // namespace idl::test
