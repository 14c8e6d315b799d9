// SPDX-License-Identifier: MIT
// What follows from what A is in a model.
#include "host/model/structure/structure.hpp"
#include "host/model/constraint_distance.hpp"

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <variant>
#include <vector>

#include "idl/batch_pass.hpp"
#include "idl/context.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

constexpr ModelShape k_shape{.states = 3, .inputs = 2, .outputs = 4};

TEST(Structure, NamesTheTensorsOfAModelAndTheirPlacesInM) {
  for (const WellPosedness& constraint : {WellPosedness::none(), WellPosedness::inf_norm_ball(),
                                          WellPosedness::strictly_upper_triangular()}) {
    const ParameterLayout plain = layout_of(k_shape, {.well_posedness = constraint});
    EXPECT_EQ(
        plain,
        (ParameterLayout{
            7, 5, {{"A", 0, 0, 3, 3}, {"B", 0, 3, 3, 2}, {"C", 3, 0, 4, 3}, {"D", 3, 3, 4, 2}}}));
    const ParameterLayout other =
        layout_of(k_shape, {.well_posedness = constraint, .bias = true, .no_D = true});
    EXPECT_EQ(other,
              (ParameterLayout{7, 6, {{"A", 0, 0, 3, 3}, {"B", 0, 3, 3, 3}, {"C", 3, 0, 4, 3}}}));
  }
}

TEST(Structure, ATensorThatAModelLacksIsRefusedWithThoseItHas) {
  const ParameterLayout layout = layout_of(k_shape, {.no_D = true});
  EXPECT_EQ(layout.at("C").rows, 4);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { static_cast<void>(layout.at("D")); }),
                    {"'D'", "A, B, C"}));
}

template <class C>
class StructureTest : public DeviceTest<C> {};
TYPED_TEST_SUITE(StructureTest, AllCases, CaseNames);

TYPED_TEST(StructureTest, TensorsOfALayoutAreTheMatricesOfTheModel) {
  using T = typename TypeParam::Scalar;
  ImplicitModel<T> model(this->context(), k_shape, {.bias = true});
  const ParameterLayout layout = model.layout();
  const std::array<MatrixView<T>, 4> matrices = {model.A(), model.B(), model.C(), model.D()};
  ASSERT_EQ(layout.tensors.size(), matrices.size());
  for (std::size_t k = 0; k < matrices.size(); ++k) {
    const MatrixView<T> tensor = layout.tensors[k].of(model.M());
    EXPECT_EQ(tensor.data, matrices[k].data) << k;
    EXPECT_EQ(tensor.rows, matrices[k].rows) << k;
    EXPECT_EQ(tensor.cols, matrices[k].cols) << k;
    EXPECT_EQ(tensor.ld, matrices[k].ld) << k;
  }
}

TYPED_TEST(StructureTest, TheMapOfAModelTellsThatItsAIsStrictlyUpper) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> dense(this->context(), k_shape);
  const LinearMap<T> map = structure_of(dense).maps(dense.M()).A;
  ASSERT_TRUE(std::holds_alternative<DenseMap<T>>(map));
  EXPECT_EQ(std::get<DenseMap<T>>(map).A.data, dense.A().data);
  EXPECT_EQ(rows(map), 3);
  EXPECT_EQ(cols(map), 3);
  const ImplicitModel<T> upper(this->context(), k_shape,
                               {.well_posedness = WellPosedness::strictly_upper_triangular()});
  EXPECT_TRUE(std::holds_alternative<StrictlyUpperMap<T>>(structure_of(upper).maps(upper.M()).A));
}

/// By hand: the rows of |A| sum to 3, 12 and 21; on and below the diagonal are 0, 0+1 and 0+2+1.
TEST(ConstraintDistance, TellsByHowMuchTheProjectionMovesARow) {
  const std::vector<std::vector<double>> rows_of_A = {{0, 1, 2}, {0, 1, 11}, {0, 2, 1}};
  const auto distances = [&](const WellPosedness& constraint) {
    std::vector<double> all;
    for (std::size_t i = 0; i < 3; ++i)
      all.push_back(row_distance(constraint, static_cast<index_t>(i), {{0, 1, 2}, rows_of_A[i]}));
    return all;
  };
  using Values = std::vector<double>;
  EXPECT_EQ(distances(WellPosedness::none()), (Values{0, 0, 0}));
  EXPECT_EQ(distances(WellPosedness::inf_norm_ball(0.5)), (Values{2.5, 11.5, 2.5}));
  EXPECT_EQ(distances(WellPosedness::strictly_upper_triangular()), (Values{0, 1, 3}));
}

/// dM_ij = Σ_k [V; dY]_ik [X; U]_jk, but where M is fixed to zero.
TYPED_TEST(StructureTest, TheGradientIsZeroWhereMIsFixedToZero) {
  using T = typename TypeParam::Scalar;
  constexpr index_t k_samples = 5;
  for (const WellPosedness& constraint :
       {WellPosedness::inf_norm_ball(), WellPosedness::strictly_upper_triangular()}) {
    const ImplicitModel<T> model(this->context(), k_shape,
                                 {.well_posedness = constraint, .no_D = true}, 7);
    BatchPass<T> pass(this->context(), model, k_samples);
    RandomValues random(3);
    const auto U = random.uniforms(k_shape.inputs * k_samples, 0, 1);
    const auto dY = random.uniforms(k_shape.outputs * k_samples, -1, 1);
    this->put(pass.U(), U);
    this->put(pass.dY(), dY);
    static_cast<void>(pass.forward());
    static_cast<void>(pass.backward());
    const auto X = this->fetch_double(pass.X());
    const auto V = this->fetch_double(pass.V());
    const auto dM = this->fetch_double(pass.dM());
    const bool upper = constraint == WellPosedness::strictly_upper_triangular();
    for (index_t i = 0; i < 7; ++i) {
      for (index_t j = 0; j < 5; ++j) {
        double expected = 0;
        const bool fixed = (upper && i < 3 && j <= i) || (i >= 3 && j >= 3);
        for (index_t k = 0; k < k_samples && !fixed; ++k) {
          const auto at = [k](const std::vector<double>& matrix, index_t ld, index_t row) {
            return matrix[static_cast<std::size_t>(row + k * ld)];
          };
          expected +=
              (i < 3 ? at(V, 3, i) : at(dY, 4, i - 3)) * (j < 3 ? at(X, 3, j) : at(U, 2, j - 3));
        }
        const double value = dM[static_cast<std::size_t>(i + 7 * j)];
        if (fixed) {
          EXPECT_EQ(value, 0.0) << i << " " << j;
        } else {
          // Five products of numbers that are at most about one.
          EXPECT_NEAR(value, expected, 100 * std::numeric_limits<T>::epsilon()) << i << " " << j;
        }
      }
    }
  }
}

}  // namespace
}  // namespace idl::test
