// SPDX-License-Identifier: MIT
// What is printed of a weights.mat converts it. Skipped where python3, or the program that
// IDL_TEST_PYTHON names, has no SciPy or no safetensors.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "idl/io.hpp"
#include "tests/cli/program.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {
namespace {

std::string python() {
  const char* const given = std::getenv("IDL_TEST_PYTHON");
  return given != nullptr ? given : "python3";
}

class Conversion : public testing::Test {
 protected:
  void SetUp() override {
    if (run_shell(folder_.path(), "'" + python() + "' -c 'import scipy.io, safetensors.numpy'")
            .status != 0)
      GTEST_SKIP() << python() << " has no SciPy or no safetensors";
    RandomValues random(5);
    std::vector<std::int64_t> labels;
    for (std::int64_t k = 0; k < 12; ++k) labels.push_back(k % 2);
    io::write_npy(folder_ / "X.npy",
                  io::Array::from<double>({12, 4}, random.uniforms(12 * 4, -1, 1)));
    io::write_npy(folder_ / "y.npy", io::Array::from<std::int64_t>({12}, labels));
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  void train(const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {
        "train",    "--data", path("X.npy"), "--labels", path("y.npy"), "--out",      path("run"),
        "--epochs", "1",      "--device",    "cpu",      "--quiet",     "--overwrite"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const ProgramResult result = run_program(arguments);
    ASSERT_EQ(result.status, 0) << result.err;
  }
  std::vector<double> answers(const std::string& model) const {
    const ProgramResult result =
        run_program({"predict", "--model", path(model), "--input", path("X.npy"), "--output",
                     path("Y.npy"), "--device", "cpu"});
    EXPECT_EQ(result.status, 0) << result.err;
    // Nothing is assumed: the .mat says what the model is.
    EXPECT_EQ(result.err, "");
    return io::read_npy(folder_ / "Y.npy").as<double>();
  }

  TemporaryFolder folder_;
};

TEST_F(Conversion, OfTheWeightsOfEveryKindOfModelKeepsItsAnswers) {
  train({"--hidden", "4"});
  ASSERT_EQ(run_program({"sparsify", "--model", path("run/last.safetensors"), "--output",
                         path("sparse"), "--density", "0.5"})
                .status,
            0);
  for (const std::vector<std::string>& kind :
       {std::vector<std::string>{"--hidden", "4", "--kappa", "0.98", "--activation", "leaky_relu",
                                 "--alpha", "0.2"},
        {"--init", path("sparse")},
        {"--hidden", "4", "--rank", "2", "--bias"},
        {"--hidden", "4", "--well-posedness", "strictly_upper_triangular", "--no-D"},
        {"--hidden", "4", "--recurrent", "3", "--bias"}}) {
    SCOPED_TRACE(kind[0] + " " + kind[1] + (kind.size() > 2 ? " " + kind[2] : ""));
    train(kind);
    const ProgramResult told = run_program({"info", path("run/weights.mat")});
    EXPECT_EQ(told.status, 2);
    const std::string before = "in Python: ";
    const std::size_t place = told.err.find(before);
    ASSERT_NE(place, std::string::npos) << told.err;
    folder_.file("convert.py", told.err.substr(place + before.size()));
    const ProgramResult converted = run_shell(folder_.path(), "'" + python() + "' convert.py");
    ASSERT_EQ(converted.status, 0) << converted.err;
    const std::vector<double> expected = answers("run/last.safetensors");
    const std::vector<double> actual = answers("run/weights.safetensors");
    ASSERT_EQ(actual.size(), expected.size());
    // The same numbers give the same bits; a sparse A has become one with all entries, whose states
    // may be another 3e-6/(1 - .95) off, and rows of C have a norm of some units at most.
    const double tolerance = kind[0] == "--init" ? 5e-4 : 0.0;
    for (std::size_t k = 0; k < actual.size(); ++k) EXPECT_NEAR(actual[k], expected[k], tolerance);
  }
}

}  // namespace
}  // namespace idl::test
