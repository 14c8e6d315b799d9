// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/golden/golden_file.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"

/// Models of the original PyTorch package, loaded from files that hold their parameters, give its
/// answers or none (tests/data/golden/README.md).
namespace idl::test {
namespace {

template <class C>
class GoldenFile : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  /// What the package's state_dict is, as a file; with `metadata`, what the vectors' file says.
  std::filesystem::path state_dict(const io::Safetensors& golden, bool metadata) {
    io::Safetensors file;
    for (const char* name : {"A", "B", "C", "D"})
      if (golden.tensors.contains(name)) file.tensors[name] = golden.at(name);
    if (metadata) file.metadata = golden.metadata;
    io::write_safetensors(folder_ / "model.safetensors", file);
    return folder_ / "model.safetensors";
  }

  /// The states agree as they do in forward_backward_test.cpp, where the tolerances are derived;
  /// the outputs are sums of them.
  void expect_its_answers(const io::Safetensors& golden, const ImplicitModel<Scalar>& model) {
    const bool exact = std::is_same_v<Scalar, double> && number(golden, "tol") < 1e-10;
    SolverOptions options;
    options.forward = {
        .max_iterations = 1000, .absolute = exact ? 1e-14 : 1e-6, .relative = exact ? 1e-14 : 1e-6};
    const auto& shape = golden.at("U").shape;
    const auto U = this->matrix(shape[1], shape[0], golden.at("U").template as<double>());
    const auto prediction = model.predict(this->context(), U, options);
    EXPECT_TRUE(prediction.report.all_converged());
    const std::vector<double> Y = golden.at("Y").template as<double>();
    double largest = 0.0;
    for (const double value : Y) largest = std::max(largest, std::abs(value));
    EXPECT_LE(max_difference(this->fetch_double(prediction.Y), Y),
              (exact ? 1e-10 : 2.5e-4) * largest);
  }

  ImplicitModel<Scalar> load(const std::filesystem::path& path, const LoadOptions& options = {}) {
    return load_model<Scalar>(this->context(), path, options);
  }
  std::string only_warning() {
    const std::vector<std::string> warnings = this->take_warnings();
    EXPECT_EQ(warnings.size(), 1U);
    return warnings.empty() ? "" : warnings.front();
  }

  TemporaryFolder folder_;
};
TYPED_TEST_SUITE(GoldenFile, AllCases, CaseNames);

TYPED_TEST(GoldenFile, OfAStrictlyUpperTriangularModelIsRecognised) {
  const io::Safetensors golden = read_golden("triu");
  for (const bool metadata : {false, true}) {
    const auto model = this->load(this->state_dict(golden, metadata));
    EXPECT_EQ(model.options().well_posedness.kind, WellPosednessKind::strictly_upper_triangular);
    EXPECT_TRUE(
        holds(this->only_warning(), {"well_posedness: strictly_upper_triangular (recognised"}));
    this->expect_its_answers(golden, model);
  }
}

TYPED_TEST(GoldenFile, GivesTheAnswersOfTheActivationThatIsSaidInItOrByTheCaller) {
  for (const char* name : {"tanh", "sigmoid", "relu_f64", "relu_small", "relu_mnist", "batch1"}) {
    const io::Safetensors golden = read_golden(name);
    this->expect_its_answers(golden, this->load(this->state_dict(golden, true)));
    const auto kind = parse_activation(golden.metadata.at("activation")).kind;
    const auto path = this->state_dict(golden, false);
    this->expect_its_answers(golden,
                             this->load(path, {.activation = kind, .kappa = 0.95, .bias = false}));
    EXPECT_TRUE(this->take_warnings().empty());
  }
}

TYPED_TEST(GoldenFile, SaysThatItWasTakenForReluWhereNobodySaysWhatItIs) {
  const auto model = this->load(this->state_dict(read_golden("tanh"), false));
  EXPECT_EQ(model.options().activation.kind, ActivationKind::relu);
  EXPECT_TRUE(holds(this->only_warning(), {"activation: relu (assumed; the file does not say)",
                                           "kappa: 0.95 (assumed", "bias: false (assumed"}));
}

TYPED_TEST(GoldenFile, WithABiasOrWithoutDGivesItsAnswersWhereThatIsSaid) {
  for (const char* name : {"relu_bias", "relu_nod"}) {
    const io::Safetensors golden = read_golden(name);
    this->expect_its_answers(golden, this->load(this->state_dict(golden, true)));
    const bool bias = golden.metadata.at("bias") == "True";
    this->expect_its_answers(
        golden, this->load(this->state_dict(golden, false), {.bias = bias, .no_D = !bias}));
    EXPECT_TRUE(holds(this->only_warning(), {"activation: relu (assumed"}));
  }
}

TYPED_TEST(GoldenFile, OfAModelOutsideTheBallIsRefusedUntilThatIsSaid) {
  io::Safetensors golden = read_golden("unconstrained");
  const double norm = leave_the_ball(golden);
  const auto path = this->state_dict(golden, true);
  EXPECT_TRUE(holds(text_of<IoError>([&] { (void)this->load(path); }),
                    {path.string(), "|A|_inf is " + std::to_string(norm).substr(0, 4), "0.95",
                     "--kappa", "--well-posedness", "--project"}));
  EXPECT_TRUE(this->take_warnings().empty()) << "nothing was loaded";
  this->expect_its_answers(golden, this->load(path, {.well_posedness = WellPosednessKind::none}));
}

}  // namespace
}  // namespace idl::test
