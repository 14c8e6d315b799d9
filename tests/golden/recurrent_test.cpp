// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <type_traits>
#include <vector>

#include "tests/golden/golden_file.hpp"
#include "tests/host/device_test.hpp"

/// The RNN cell of the original PyTorch package (tests/data/golden/README.md).
namespace idl::test {
namespace {

template <class C>
class GoldenRecurrence : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  /// As GoldenPass has it: the file was solved to a step of 1e-14, in float32 solves stop at 1e-6.
  static constexpr double k_tolerance = std::is_same_v<Scalar, double> ? 1e-10 : 2.5e-4;

  void expect_near(const std::string& name, const std::vector<double>& expected,
                   const std::vector<double>& given) {
    double scale = 0.0;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    ASSERT_GT(scale, 0.0) << name << " says nothing";
    EXPECT_LE(max_difference(given, expected), k_tolerance * scale) << name;
  }
};
TYPED_TEST_SUITE(GoldenRecurrence, AllCases, CaseNames);

TYPED_TEST(GoldenRecurrence, AgreesInOutputsLossAndGradients) {
  using T = typename TypeParam::Scalar;
  const io::Safetensors file = read_golden("rnn");
  Context& context = this->context();
  const auto size = [&](const char* key) { return static_cast<index_t>(number(file, key)); };
  const index_t n = size("n");
  const index_t hidden = size("hidden_size");
  const index_t inputs = size("input_size");
  ImplicitRnn<T> model(context, {.inputs = inputs, .states = n, .hidden = hidden},
                       {.well_posedness = WellPosedness::inf_norm_ball(0.95), .bias = true});
  ImplicitModel<T>& cell = model.cell();
  this->put(cell.A(), transposed(file.at("A")));
  this->put(cell.B(), transposed(file.at("B")));
  this->put(cell.C(), transposed(file.at("C")));
  this->put(cell.D(), transposed(file.at("D")));

  const auto& shape = file.at("x").shape;
  const double least = std::is_same_v<T, double> ? 1e-14 : 1e-6;
  RecurrentPassOptions options = {.input_gradient = true};
  options.solver.forward = {.max_iterations = 1000, .absolute = least, .relative = least};
  options.solver.adjoint = options.solver.forward;
  RecurrentPass<T> pass(context, model, static_cast<index_t>(shape.at(0)),
                        static_cast<index_t>(shape.at(1)), options);
  this->put(pass.x(), file.at("x").as<double>());
  EXPECT_TRUE(pass.forward().solves.all_converged());
  const std::vector<double> outputs = this->fetch_double(pass.outputs());
  const std::vector<double> last = this->fetch_double(pass.last());
  this->expect_near("outputs", file.at("outputs").as<double>(), outputs);
  this->expect_near("h", file.at("h").as<double>(), last);

  // loss = Σ outputs∘w + Σ h²
  const std::vector<double> w = file.at("w").as<double>();
  double loss = 0.0;
  for (std::size_t k = 0; k < w.size(); ++k) loss += outputs[k] * w[k];
  std::vector<double> d_last = last;
  for (double& h : d_last) {
    loss += h * h;
    h *= 2.0;
  }
  EXPECT_NEAR(loss, file.at("loss").as<double>().at(0),
              this->k_tolerance * std::max(1.0, std::abs(loss)));
  this->put(pass.d_outputs(), w);
  this->put(pass.d_last(), d_last);
  EXPECT_TRUE(pass.backward().all_converged());
  const ConstMatrixView<T> dM = pass.dM();
  const index_t columns = cell.input_rows();
  const auto block = [&](index_t row, index_t col, index_t height, index_t width) {
    return this->fetch_double(dM.block(row, col, height, width));
  };
  this->expect_near("grad_A", transposed(file.at("grad_A")), block(0, 0, n, n));
  this->expect_near("grad_B", transposed(file.at("grad_B")), block(0, n, n, columns));
  this->expect_near("grad_C", transposed(file.at("grad_C")), block(n, 0, hidden, n));
  this->expect_near("grad_D", transposed(file.at("grad_D")), block(n, n, hidden, columns));
  this->expect_near("grad_x", file.at("grad_x").as<double>(), this->fetch_double(pass.dx()));
}

}  // namespace
}  // namespace idl::test
