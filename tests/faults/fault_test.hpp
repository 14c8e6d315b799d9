// SPDX-License-Identifier: MIT
#pragma once

#include "tests/cli/program.hpp"
#include "tests/faults/tiny_training.hpp"

namespace idl::test {

/// A tiny data set, a training on it that nobody disturbed, and a folder for one that is.
class FaultTest : public testing::Test {
 protected:
  static constexpr int k_epochs = 1;
  static constexpr int k_interval = 4;  // checkpoints after step 4 and, the last one, after step 7

  void SetUp() override {
    write_tiny_mnist(data_);
    const ProgramResult result = run_program(training(reference_));
    ASSERT_EQ(result.status, 0) << result.err;
  }

  std::vector<std::string> training(const std::filesystem::path& out) const {
    return tiny_training(data_.path(), out, k_epochs, k_interval);
  }
  /// What gets the run in run_ to its end: --resume, or the training itself where there is no run.
  std::vector<std::string> next() const {
    return std::filesystem::exists(run_ / "config.json") ? resumption(run_) : training(run_);
  }
  /// run_ as a copy of the undisturbed run.
  void begin_with_finished_run() const {
    std::filesystem::remove_all(run_);
    std::filesystem::copy(reference_, run_);
  }
  /// run_ is whole, holds nothing half-written, and ends as if nothing had happened.
  void expect_intact_and_resumable(const std::string& what) const {
    EXPECT_TRUE(!std::filesystem::exists(run_) || temporary_files(run_).empty())
        << what << ": a temporary file is left";
    expect_resumable(what);
  }
  /// The same, but a temporary file may be there: of a process that was killed.
  void expect_resumable(const std::string& what) const {
    EXPECT_EQ(to_text(check_interrupted(run_, reference_)), "") << what;
    const ProgramResult resumed = run_program(next());
    ASSERT_EQ(resumed.status, 0) << what << ": " << resumed.err;
    EXPECT_EQ(to_text(check_finished(run_, reference_)), "") << what;
  }

  TemporaryFolder data_;
  TemporaryFolder folder_;
  std::filesystem::path reference_ = folder_ / "undisturbed";
  std::filesystem::path run_ = folder_ / "run";
};

}  // namespace idl::test
