// SPDX-License-Identifier: MIT
#include "idl/custom_activation.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <string>

#include "idl/idl.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"
#include "tests/io/files.hpp"
#include "tests/support/own_activations.hpp"

/// Activations that are not the library's.
namespace idl::test {
namespace {

constexpr double k_alpha = 0.3;

template <class C>
class CustomActivationTest : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;
  static constexpr index_t k_inputs = 4;

  /// The same numbers for every activation.
  ImplicitModel<Scalar> model_of(index_t n, const Activation& activation, bool sparse,
                                 WellPosedness constraint) {
    RandomValues random(41);
    const ModelOptions options{.activation = activation, .well_posedness = constraint};
    ImplicitModel<Scalar> model(this->context(), {n, k_inputs, 3}, options);
    std::vector<double> A = random.matrix_of_norm(n, 0.8);
    if (constraint.kind == WellPosednessKind::strictly_upper_triangular)
      for (index_t j = 0; j < n; ++j)
        for (index_t i = j; i < n; ++i) A[static_cast<std::size_t>(i + j * n)] = 0.0;
    this->put(model.A(), A);
    this->put(model.B(), random.uniforms(n * k_inputs, -1.0, 1.0));
    this->put(model.C(), random.uniforms(3 * n, -1.0, 1.0));
    this->put(model.D(), random.uniforms(3 * k_inputs, -1.0, 1.0));
    if (!sparse) return model;
    const auto copied = [&](ConstMatrixView<Scalar> matrix) {
      Matrix<Scalar> result(this->context(), matrix.rows, matrix.cols);
      copy<Scalar>(this->context(), matrix, result);
      return result;
    };
    return {this->context(),
            ModelMatrices<Scalar>{.A = CsrMatrix<Scalar>::from_dense(this->context(), model.A()),
                                  .B = copied(model.B()),
                                  .C = copied(model.C()),
                                  .D = copied(model.D())},
            options};
  }

  struct Results {
    std::vector<Scalar> X, Y, dU;
    std::vector<double> bounds;
  };
  Results results_of(const ImplicitModel<Scalar>& model, index_t m, const SolverOptions& solver) {
    RandomValues random(43);
    BatchPassOptions options{.solver = solver, .input_gradient = true};
    BatchPass<Scalar> pass(this->context(), model, m, options);
    this->put(pass.U(), random.uniforms(k_inputs * m, -1.0, 1.0));
    this->put(pass.dY(), random.uniforms(3 * m, -1.0, 1.0));
    const SolveReport report = pass.forward();
    EXPECT_TRUE(report.all_converged());
    EXPECT_TRUE(pass.backward().all_converged());
    return {this->fetch(pass.X()), this->fetch(pass.Y()), this->fetch(pass.dU()),
            report.error_bound};
  }
};
TYPED_TEST_SUITE(CustomActivationTest, CpuCases, CaseNames);

TYPED_TEST(CustomActivationTest, HasTheBitsOfTheLibrarysOwnInEveryWayToSolve) {
  const Activation own = custom_activation<OwnLeakyRelu>(k_alpha);
  const Activation same = Activation::leaky_relu(k_alpha);
  for (const WellPosedness constraint :
       {WellPosedness::inf_norm_ball(0.9), WellPosedness::strictly_upper_triangular()})
    for (const bool sparse : {false, true})
      for (const index_t n : {1, 37, 300})
        for (const index_t m : {1, 21}) {
          const auto with_own = this->model_of(n, own, sparse, constraint);
          const auto with_same = this->model_of(n, same, sparse, constraint);
          for (const Sweep sweep : {Sweep::jacobi, Sweep::gauss_seidel})
            for (const Acceleration acceleration : {Acceleration::none, Acceleration::anderson}) {
              const SolverOptions solver{.sweep = sweep, .acceleration = acceleration};
              const auto a = this->results_of(with_own, m, solver);
              const auto b = this->results_of(with_same, m, solver);
              ASSERT_TRUE(same_bits(a.X, b.X)) << n << " " << m << " " << sparse;
              ASSERT_TRUE(same_bits(a.Y, b.Y)) << n << " " << m << " " << sparse;
              ASSERT_TRUE(same_bits(a.dU, b.dU)) << n << " " << m << " " << sparse;
            }
        }
}

TYPED_TEST(CustomActivationTest, SolvesItsOwnEquation) {
  using T = typename TypeParam::Scalar;
  const index_t n = 20, m = 3;
  const auto model =
      this->model_of(n, custom_activation<LogCosh>(), false, WellPosedness::inf_norm_ball(0.9));
  const auto results = this->results_of(model, m, {});
  RandomValues random(43);
  const std::vector<double> U = random.uniforms(this->k_inputs * m, -1.0, 1.0);
  const auto A = this->fetch_double(model.A());
  const auto B = this->fetch_double(model.B());
  for (std::size_t j = 0; j < 3; ++j)
    for (std::size_t i = 0; i < 20; ++i) {
      double s = 0;
      for (std::size_t k = 0; k < 20; ++k)
        s += A[i + k * 20] * static_cast<double>(results.X[k + j * 20]);
      for (std::size_t k = 0; k < 4; ++k)
        s += B[i + k * 20] * static_cast<double>(static_cast<T>(U[k + j * 4]));
      EXPECT_NEAR(static_cast<double>(results.X[i + j * 20]), std::log(std::cosh(s)),
                  results.bounds[j] * 2.0);
    }
}

TYPED_TEST(CustomActivationTest, KeepsNanInItsColumn) {
  using T = typename TypeParam::Scalar;
  const auto model =
      this->model_of(37, custom_activation<LogCosh>(), false, WellPosedness::inf_norm_ball(0.9));
  std::vector<double> U = RandomValues(5).uniforms(4 * 5, -1.0, 1.0);
  const auto clean = model.predict(this->context(), this->matrix(4, 5, U));
  U[4 * 2 + 1] = std::numeric_limits<double>::quiet_NaN();
  const auto spoiled = model.predict(this->context(), this->matrix(4, 5, U));
  EXPECT_EQ(spoiled.report.status[2], SolveStatus::diverged);
  EXPECT_EQ(this->take_warnings().size(), 1U);
  const std::vector<T> a = this->fetch(clean.Y), b = this->fetch(spoiled.Y);
  for (std::size_t j = 0; j < 5; ++j)
    if (j != 2) {
      EXPECT_TRUE(same_bits(std::span(a).subspan(3 * j, 3), std::span(b).subspan(3 * j, 3)));
    }
}

TYPED_TEST(CustomActivationTest, IsRefusedWhereItsSlopeTimesKappaIsNotBelowOne) {
  using T = typename TypeParam::Scalar;
  const Activation silu = custom_activation<OwnSilu>();
  const auto make = [&](const ModelOptions& options) {
    return ImplicitModel<T>(this->context(), {5, 4, 3}, options);
  };
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      (void)make({.activation = silu,
                                  .well_posedness = WellPosedness::inf_norm_ball(0.95)});
                    }),
                    {"own_silu", "1.099839", "choose kappa below 0.9092", "allow_unproven"}));
  (void)make({.activation = silu, .well_posedness = WellPosedness::inf_norm_ball(0.9 / 1.1)});
  (void)make({.activation = silu,
              .well_posedness = WellPosedness::inf_norm_ball(0.95),
              .allow_unproven = true});
}

TYPED_TEST(CustomActivationTest, IsNamedInFilesAndFoundByItsName) {
  using T = typename TypeParam::Scalar;
  const TemporaryFolder folder;
  const auto path = folder / "own_activation.safetensors";
  const Activation own = custom_activation<OwnLeakyRelu>(k_alpha);
  const ImplicitModel<T> model(this->context(), {5, 4, 3}, {.activation = own}, 3);
  save_model(this->context(), model, path.string());
  io::Safetensors file = io::read_safetensors(path.string());
  EXPECT_EQ(file.metadata.at("activation"), "own_leaky_relu");
  EXPECT_EQ(load_model<T>(this->context(), path.string()).options().activation, own);
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] {
                      (void)load_model<T>(this->context(), path.string(),
                                          {.activation = ActivationKind::relu});
                    }),
                    {"own_leaky_relu", "relu"}));
  file.metadata["activation"] = "never_made_known";
  io::write_safetensors(path.string(), file);
  EXPECT_TRUE(holds(text_of<IoError>([&] { (void)load_model<T>(this->context(), path.string()); }),
                    {path.string(), "'never_made_known'", "custom_activation()"}));
}

template <class C>
class CustomActivationOnDevice : public DeviceTest<C> {};
TYPED_TEST_SUITE(CustomActivationOnDevice, CudaCases, CaseNames);

TYPED_TEST(CustomActivationOnDevice, IsRefusedWithoutKernels) {
  using T = typename TypeParam::Scalar;
  const ImplicitModel<T> model(this->context(), {5, 4, 3},
                               {.activation = custom_activation<OwnLeakyRelu>()}, 3);
  const auto U = Matrix<T>::zeros(this->context(), 4, 2);
  EXPECT_TRUE(holds(text_of<NotSupported>([&] { (void)model.predict(this->context(), U); }),
                    {"own_leaky_relu", "no kernels for cuda:0", "idl/cuda/custom_activation.cuh"}));
}

template <class T>
struct Nameless : OwnSilu<T> {
  static constexpr std::string_view k_name = "";
};
template <class T>
struct TakenName : OwnSilu<T> {
  static constexpr std::string_view k_name = "tanh";
};
template <class T>
struct OtherSilu : OwnSilu<T> {
  static constexpr double k_at_zero = 0.5;
};
template <class T>
struct NoSlope : OwnSilu<T> {
  static constexpr std::string_view k_name = "no_slope";
  static double lipschitz(double) { return std::numeric_limits<double>::infinity(); }
};

/// The same as OwnSilu but far out, or but for φ'.
template <class T>
struct OtherFarOut : OwnSilu<T> {
  T operator()(T x) const { return x > T(9) ? T(9) : OwnSilu<T>::operator()(x); }
};
template <class T>
struct OtherSlope : OwnSilu<T> {
  T derivative(T x) const { return OwnSilu<T>::derivative(x) * T(0.5); }
};

TEST(CustomActivations, AreKnownByNamesOfTheirOwn) {
  const Activation silu = custom_activation<OwnSilu>();
  EXPECT_EQ(silu, custom_activation<OwnSilu>());
  EXPECT_EQ(to_string(silu), "own_silu");
  EXPECT_EQ(parse_activation("own_silu"), silu);
  EXPECT_EQ(lipschitz_constant(silu), 1.0998393201288670);
  EXPECT_FALSE(has_alpha(silu));
  EXPECT_TRUE(has_alpha(custom_activation<OwnLeakyRelu>()));
  EXPECT_EQ(lipschitz_constant(custom_activation<OwnLeakyRelu>(-3.0)), 3.0);
  EXPECT_NE(custom_activation<OwnLeakyRelu>(0.5), custom_activation<OwnLeakyRelu>());
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { custom_activation<Nameless>(); }), {"name"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { custom_activation<TakenName>(); }), {"'tanh'"}));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([] { custom_activation<OtherSilu>(); }), {"'own_silu'"}));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([] { custom_activation<OtherFarOut>(); }), {"'own_silu'"}));
  EXPECT_TRUE(
      holds(text_of<InvalidArgument>([] { custom_activation<OtherSlope>(); }), {"'own_silu'"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] { custom_activation<NoSlope>(); }),
                    {"'no_slope'", "Lipschitz", "inf"}));
  EXPECT_TRUE(holds(text_of<InvalidArgument>([] {
                      custom_activation<OwnLeakyRelu>(std::numeric_limits<double>::quiet_NaN());
                    }),
                    {"own_leaky_relu", "alpha"}));
  EXPECT_TRUE(holds(
      text_of<InvalidArgument>([] { (void)lipschitz_constant({.kind = ActivationKind::custom}); }),
      {"custom_activation<Phi>()"}));
}

/// The faults that the check finds, one struct each, of what is right otherwise.
template <class T>
struct WrongSlope : OwnSilu<T> {
  T derivative(T x) const { return x > T(2) && x < T(3) ? T(1.0) : OwnSilu<T>::derivative(x); }
};
template <class T>
struct WrongConstant : OwnSilu<T> {
  static double lipschitz(double) { return 1.0998; }
};
template <class T>
struct WrongAtZero : OwnSilu<T> {
  static constexpr double k_at_zero = 0.25;
};
template <class T>
struct SwallowsNan : OwnSilu<T> {
  T operator()(T x) const { return x == x ? OwnSilu<T>::operator()(x) : T(0); }
};
template <class T>
struct OverflowsFarOut : OwnSilu<T> {
  T operator()(T x) const { return x * std::exp(x) / (T(1) + std::exp(x)); }
};
template <class T>
struct Jumps : OwnSilu<T> {
  T operator()(T x) const { return OwnSilu<T>::operator()(x) + (x > T(1.5) ? T(0.5) : T(0)); }
};
template <class T>
struct RoughInFloat : OwnSilu<T> {
  T operator()(T x) const {
    return OwnSilu<T>::operator()(x) * (sizeof(T) == 4 ? T(1.00001) : T(1));
  }
};

template <class T>
struct SaturatesFarOut : OwnSilu<T> {
  T operator()(T x) const { return x > T(30) ? T(30) : OwnSilu<T>::operator()(x); }
};
template <class T>
struct OtherSlopeInFloat : OwnSilu<T> {
  T derivative(T x) const { return OwnSilu<T>::derivative(x) * (sizeof(T) == 4 ? T(-1) : T(1)); }
};

TEST(CheckActivation, FindsNothingWrongWithWhatIsRight) {
  const ActivationReport silu = check_activation<OwnSilu>();
  EXPECT_EQ(silu.faults, std::vector<std::string>{});
  EXPECT_TRUE(silu.kinks.empty());
  EXPECT_NEAR(silu.steepest, 1.0998393201288670, 1e-12);
  EXPECT_NEAR(silu.at, 2.39935728, 1e-5);
  EXPECT_EQ(check_activation<LogCosh>().faults, std::vector<std::string>{});
  const ActivationReport leaky = check_activation<OwnLeakyRelu>(-2.0);
  EXPECT_EQ(leaky.faults, std::vector<std::string>{});
  ASSERT_EQ(leaky.kinks.size(), 1U);
  EXPECT_NEAR(leaky.kinks[0], 0.0, 1e-12);
}

TEST(CheckActivation, SaysWhatIsWrongAndWhere) {
  const auto found = [](const ActivationReport& report,
                        std::initializer_list<std::string_view> parts) {
    std::string all;
    for (const std::string& fault : report.faults) all += fault + "\n";
    return holds(all, parts);
  };
  EXPECT_TRUE(found(check_activation<WrongSlope>(), {"at x = 2.0", "derivative is 1,"}));
  EXPECT_TRUE(found(check_activation<WrongConstant>(), {"at x = 2.39", "1.0998"}));
  EXPECT_TRUE(found(check_activation<WrongAtZero>(), {"at x = 0", "k_at_zero is 0.25"}));
  EXPECT_TRUE(found(check_activation<SwallowsNan>(), {"of NaN, in double", "of NaN, in float"}));
  EXPECT_TRUE(found(check_activation<OverflowsFarOut>(), {"at x = ", "finite up to 1e4"}));
  EXPECT_TRUE(found(check_activation<Jumps>(), {"between x = 1.49", "Lipschitz constant"}));
  EXPECT_TRUE(found(check_activation<RoughInFloat>(), {"in float and", "in double"}));
  EXPECT_TRUE(found(check_activation<SaturatesFarOut>(), {"at x = 3", "difference of the values"}));
  EXPECT_TRUE(found(check_activation<OtherSlopeInFloat>(), {"the derivative is", "in float and"}));
}

}  // namespace
}  // namespace idl::test
