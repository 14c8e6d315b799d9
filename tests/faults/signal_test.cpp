// SPDX-License-Identifier: MIT
// Schedulers end a training with SIGTERM, terminals that close with SIGHUP, people with SIGINT.
#include "tests/cli/program.hpp"
#include "tests/faults/tiny_training.hpp"

namespace idl::test {
namespace {

/// A training that is long enough to be interrupted, under way.
class Signals : public testing::Test {
 protected:
  static constexpr int k_many_epochs = 100'000;

  void SetUp() override { write_tiny_mnist(data_); }

  RunningProgram start() const {
    return {output_, tiny_training(data_.path(), run_, k_many_epochs, 0)};
  }
  /// Waits until an epoch is done: from then on signals are remembered, not deadly.
  void wait_for_an_epoch(const RunningProgram& program) const {
    for (int i = 0; i < 3000; ++i) {
      if (std::filesystem::exists(run_ / "checkpoint.safetensors")) return;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    program.signal(SIGKILL);
    FAIL() << "no epoch within 30 s";
  }
  /// The run stopped in good order, and what it wrote can be gone on with.
  void expect_orderly_stop(const ProgramResult& result, int status) const {
    EXPECT_EQ(result.status, status) << result.err;
    EXPECT_NE(
        result.out.find(std::string("stopped; go on with: ") + IDL_PROGRAM + " train --resume"),
        std::string::npos)
        << result.out;
    EXPECT_TRUE(result.err.empty()) << result.err;
    EXPECT_TRUE(temporary_files(run_).empty());
    EXPECT_TRUE(std::filesystem::exists(run_ / "spy.png"));
    const auto steps = checkpoint_steps(run_);
    std::vector<std::string> arguments = resumption(run_);
    arguments.insert(arguments.end(), {"--epochs", std::to_string(steps / 7 + 2)});
    const ProgramResult resumed = run_program(arguments);
    EXPECT_EQ(resumed.status, 0) << resumed.err;
    EXPECT_EQ(checkpoint_steps(run_), (steps / 7 + 2) * 7);
  }

  TemporaryFolder data_;
  TemporaryFolder folder_;
  TemporaryFolder output_;
  std::filesystem::path run_ = folder_ / "run";
};

TEST_F(Signals, TerminationStopsInGoodOrder) {
  const RunningProgram program = start();
  wait_for_an_epoch(program);
  program.signal(SIGTERM);
  expect_orderly_stop(program.wait(), 128 + SIGTERM);
}

TEST_F(Signals, ATerminalThatClosesStopsInGoodOrder) {
  const RunningProgram program = start();
  wait_for_an_epoch(program);
  program.signal(SIGHUP);
  expect_orderly_stop(program.wait(), 128 + SIGHUP);
}

// `timeout` signals its child and then the child's group; systemd and terminals repeat themselves
// as well. That must not take the checkpoint away.
TEST_F(Signals, RepeatedTerminationStillStopsInGoodOrder) {
  const RunningProgram program = start();
  wait_for_an_epoch(program);
  for (int i = 0; i < 20; ++i) {
    program.signal(SIGTERM);
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  program.signal(SIGHUP);
  expect_orderly_stop(program.wait(), 128 + SIGTERM);
}

// nohup and shells that start a job in the background say so by ignoring the signal.
TEST_F(Signals, ThatWereIgnoredAtTheStartStayIgnored) {
  ::signal(SIGHUP, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  const RunningProgram program = start();
  ::signal(SIGHUP, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  wait_for_an_epoch(program);
  program.signal(SIGHUP);
  program.signal(SIGINT);
  const auto steps = checkpoint_steps(run_);
  for (int i = 0; i < 3000 && checkpoint_steps(run_) < steps + 14; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_GE(checkpoint_steps(run_), steps + 14) << "the training does not go on";
  program.signal(SIGTERM);
  expect_orderly_stop(program.wait(), 128 + SIGTERM);
}

}  // namespace
}  // namespace idl::test
