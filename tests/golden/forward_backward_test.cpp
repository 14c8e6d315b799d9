// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/golden/golden_file.hpp"
#include "tests/host/device_test.hpp"

/// Forward pass, loss, gradients and projection against vectors of the original PyTorch package
/// (tests/data/golden/README.md).
namespace idl::test {
namespace {

template <class C>
class GoldenPass : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  static ModelOptions model_options(const io::Safetensors& file) {
    ModelOptions options;
    options.activation = parse_activation(file.metadata.at("activation"));
    const std::string& function = file.metadata.at("function");
    if (function == "ImplicitFunctionTriu")
      options.well_posedness = WellPosedness::strictly_upper_triangular();
    else if (function == "ImplicitFunction")
      options.well_posedness = WellPosedness::none();
    else
      options.well_posedness = WellPosedness::inf_norm_ball(number(file, "kappa"));
    options.bias = file.metadata.at("bias") == "True";
    options.no_D = file.metadata.at("no_D") == "True";
    // silu: L_φκ = 1.04, which the original package accepts.
    options.allow_unproven = options.activation.kind == ActivationKind::silu;
    return options;
  }

  static ModelShape shape(const io::Safetensors& file) {
    return {static_cast<index_t>(number(file, "n")), static_cast<index_t>(number(file, "p")),
            static_cast<index_t>(number(file, "q"))};
  }

  /// The model with the file's parameters; its A is `A_name`, projected.
  ImplicitModel<Scalar> model_of(const io::Safetensors& file, const std::string& A_name) {
    ImplicitModel<Scalar> model(this->context(), shape(file), model_options(file));
    this->put(model.A(), transposed(file.at(A_name)));
    this->put(model.B(), transposed(file.at("B")));
    this->put(model.C(), transposed(file.at("C")));
    if (!model.options().no_D) this->put(model.D(), transposed(file.at("D")));
    model.project(this->context());
    return model;
  }

  /// Both sides' solves are inexact, and so are the sums in T.
  ///  - float64 files were solved to a step of 1e-14 and here to 1e-14 (relative): the states are
  ///    within 2·19·1e-14·‖X‖ of each other for κ = .95, and products of ~10² such numbers with a
  ///    gain of 1/(1−κ) in the adjoint stay below 1e-10 of the largest entry.
  ///  - in float32 the steps are 3e-6, so 2·19·3e-6 = 1.1e-4 of the state, and the same again in
  ///    the adjoint here.
  static double tolerance(const io::Safetensors& file) {
    const bool exact = std::is_same_v<Scalar, double> && number(file, "tol") < 1e-10;
    return exact ? 1e-10 : 2.5e-4;
  }
  static SolverOptions solver_options(const io::Safetensors& file) {
    const bool exact = std::is_same_v<Scalar, double> && number(file, "tol") < 1e-10;
    SolverOptions options;
    options.forward = {
        .max_iterations = 1000, .absolute = exact ? 1e-14 : 1e-6, .relative = exact ? 1e-14 : 1e-6};
    // The adjoint is as small as dY, about 1/m.
    options.adjoint = options.forward;
    options.adjoint.absolute = exact ? 1e-16 : 1e-8;
    return options;
  }

  /// The package stops its adjoint at an absolute step, however small V is: V is wrong by up to
  /// κ/(1−κ)·tol, and gradients by that share of their size.
  double adjoint_tolerance(const io::Safetensors& file, BatchPass<Scalar>& pass) {
    const double kappa = number(file, "kappa");
    const double theirs =
        kappa / (1.0 - kappa) * number(file, "tol") / largest(this->fetch_double(pass.V()));
    return std::max(tolerance(file), theirs);
  }

  static double largest(const std::vector<double>& values) {
    double result = 0.0;
    for (const double value : values) result = std::max(result, std::abs(value));
    return result;
  }
  void expect_near(const std::string& name, const std::vector<double>& expected,
                   ConstMatrixView<Scalar> given, double relative) {
    const double scale = largest(expected);
    ASSERT_GT(scale, 0.0) << name << " says nothing";
    EXPECT_LE(max_difference(this->fetch_double(given), expected), relative * scale) << name;
  }

  void check(const std::string& name);
  void check_loss(const io::Safetensors& file, BatchPass<Scalar>& pass);
  void check_gradients(const io::Safetensors& file, const ImplicitModel<Scalar>& model,
                       BatchPass<Scalar>& pass);
};

template <class C>
void GoldenPass<C>::check(const std::string& name) {
  const io::Safetensors file = read_golden(name);
  Context& context = this->context();
  const ImplicitModel<Scalar> model = model_of(file, "A");
  const auto m = static_cast<index_t>(number(file, "m"));
  BatchPass<Scalar> pass(context, model, m,
                         {.solver = solver_options(file), .input_gradient = true});
  this->put(pass.U(), file.at("U").as<double>());
  Matrix<Scalar> X0;
  if (file.tensors.contains("X0")) {
    X0 = this->matrix(model.shape().states, m, file.at("X0").as<double>());
    pass.start_from(X0.view());
  }

  const SolveReport forward = pass.forward();
  ASSERT_TRUE(forward.all_converged());
  expect_near("X", file.at("X").as<double>(), pass.X(), tolerance(file));
  expect_near("Y", file.at("Y").as<double>(), pass.Y(), tolerance(file));
  check_loss(file, pass);
  const SolveReport backward = pass.backward();
  ASSERT_TRUE(backward.all_converged());
  check_gradients(file, model, pass);
}

template <class C>
void GoldenPass<C>::check_loss(const io::Safetensors& file, BatchPass<Scalar>& pass) {
  Context& context = this->context();
  const auto labels =
      Vector<std::int32_t>::from_host(context, file.at("labels").as<std::int32_t>());
  Vector<Scalar> losses(context, pass.samples());
  softmax_cross_entropy<Scalar>(context, pass.Y(), labels.view(), pass.dY(), losses, {});
  const std::vector<Scalar> values = download(context, losses);
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  EXPECT_NEAR(mean, file.at("loss").as<double>().at(0), tolerance(file));
}

template <class C>
void GoldenPass<C>::check_gradients(const io::Safetensors& file, const ImplicitModel<Scalar>& model,
                                    BatchPass<Scalar>& pass) {
  const index_t n = model.shape().states;
  const index_t q = model.shape().outputs;
  const index_t p = model.input_rows();
  const ConstMatrixView<Scalar> dM = pass.dM();
  const double adjoint = adjoint_tolerance(file, pass);
  expect_near("grad_A", transposed(file.at("grad_A")), dM.block(0, 0, n, n), adjoint);
  expect_near("grad_B", transposed(file.at("grad_B")), dM.block(0, n, n, p), adjoint);
  expect_near("grad_C", transposed(file.at("grad_C")), dM.block(n, 0, q, n), tolerance(file));
  if (!model.options().no_D)
    expect_near("grad_D", transposed(file.at("grad_D")), dM.block(n, n, q, p), tolerance(file));
  expect_near("grad_U", file.at("grad_U").as<double>(), pass.dU(), adjoint);
}

TYPED_TEST_SUITE(GoldenPass, AllCases, CaseNames);

TYPED_TEST(GoldenPass, AgreesOnTheSmallReluModel) { this->check("relu_small"); }
TYPED_TEST(GoldenPass, AgreesOnAReluModel) { this->check("relu_f64"); }
TYPED_TEST(GoldenPass, AgreesAtTheSizeOfMnist) { this->check("relu_mnist"); }
TYPED_TEST(GoldenPass, AgreesWithBias) { this->check("relu_bias"); }
TYPED_TEST(GoldenPass, AgreesWithoutD) { this->check("relu_nod"); }
TYPED_TEST(GoldenPass, AgreesOnOneSample) { this->check("batch1"); }
TYPED_TEST(GoldenPass, AgreesFromAGivenStart) { this->check("x0"); }
TYPED_TEST(GoldenPass, AgreesWithTanh) { this->check("tanh"); }
TYPED_TEST(GoldenPass, AgreesWithSigmoid) { this->check("sigmoid"); }
TYPED_TEST(GoldenPass, AgreesWithSilu) { this->check("silu"); }
TYPED_TEST(GoldenPass, AgreesOnATriangularModel) { this->check("triu"); }
TYPED_TEST(GoldenPass, AgreesOnAnUnconstrainedModel) { this->check("unconstrained"); }

TYPED_TEST(GoldenPass, ProjectsTheInitialAAsThePackageDoes) {
  using T = typename TypeParam::Scalar;
  for (const char* name :
       {"relu_small", "relu_f64", "relu_mnist", "relu_bias", "batch1", "tanh", "triu"}) {
    const io::Safetensors file = read_golden(name);
    const ImplicitModel<T> model = this->model_of(file, "A_init");
    const std::vector<double> expected = transposed(file.at("A"));
    // The threshold is found from sums of n terms: n roundings of numbers below max|A_init| on
    // either side, and one more for the entry. The file may be float32 itself.
    const double largest = this->largest(file.at("A_init").template as<double>());
    const bool single = std::is_same_v<T, float> || file.at("A").type == io::DataType::f32;
    const double u = single ? 0x1p-24 : 0x1p-53;
    const double n = number(file, "n");
    EXPECT_LE(max_difference(this->fetch_double(model.A()), expected),
              2.0 * (n + 4.0) * u * largest)
        << name;
  }
}

}  // namespace
}  // namespace idl::test
