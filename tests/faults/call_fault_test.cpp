// SPDX-License-Identifier: MIT
// Each single system call by which a training touches its files is, in its turn, the last one, or
// the one that fails, or the one before which a file has become shorter.
#include <cerrno>
#include <fstream>
#include <map>

#include "idl/io.hpp"
#include "tests/faults/fault_test.hpp"
#include "tests/faults/traced_program.hpp"

namespace idl::test {
namespace {

namespace fs = std::filesystem;

class CallFaults : public FaultTest {
 protected:
  void SetUp() override {
    if (!can_trace()) GTEST_SKIP() << "this machine lets no test trace its child";
    FaultTest::SetUp();
  }

  /// Runs idl; `verdict` tells the fate of call number `k` among those that `chosen` takes.
  /// Returns that call; its name is empty where there were fewer.
  template <class Chosen, class Fate>
  FileCall strike(const std::vector<std::string>& arguments, const fs::path& folder, int k,
                  Chosen&& chosen, Fate&& fate) {
    FileCall struck;
    int count = 0;
    result_ = run_traced(arguments, folder, [&](const FileCall& call) {
      if (!chosen(call) || count++ != k) return Verdict{};
      struck = call;
      return fate(call);
    });
    return struck;
  }

  /// Cuts the file that `call` reads before it is read, for each such call in turn.
  void expect_refusal_of_shrinking(const std::vector<std::string>& arguments,
                                   const fs::path& file) {
    const std::string whole = read_text(file);
    int cuts = 0;
    for (const std::uintmax_t size : {std::uintmax_t{0}, std::uintmax_t{whole.size() - 1}}) {
      for (int k = 0;; ++k) {
        const FileCall struck = strike(
            arguments, file, k,
            [](const FileCall& call) { return call.name == "pread64" || call.name == "read"; },
            [&](const FileCall&) {
              fs::resize_file(file, size);
              return Verdict{};
            });
        std::ofstream(file, std::ios::binary) << whole;
        if (struck.name.empty()) break;
        SCOPED_TRACE("cut to " + std::to_string(size) + " bytes before read " + std::to_string(k));
        expect_refusal(result_, {file.filename().string()});
        ++cuts;
      }
    }
    EXPECT_GE(cuts, 2);
    EXPECT_EQ(result_.status, 0) << "undisturbed: " << result_.err;
  }

  ProgramResult result_;
};

constexpr auto k_changes = [](const FileCall& call) { return call.changes; };
constexpr auto k_reads = [](const FileCall& call) { return !call.changes; };

/// An error that each call can have in practice.
int error_of(const FileCall& call) {
  static const std::map<std::string, int> errors = {
      {"write", ENOSPC},    {"writev", ENOSPC}, {"pwrite64", ENOSPC}, {"openat", ENFILE},
      {"fsync", EIO},       {"close", EDQUOT},  {"ftruncate", EIO},   {"rename", EROFS},
      {"renameat2", EROFS}, {"mkdir", ENOSPC},  {"unlink", EROFS},    {"unlinkat", EROFS},
      {"read", EIO},        {"pread64", ESTALE}};
  return errors.at(call.name);
}

TEST_F(CallFaults, AnyChangeMayBeTheLast) {
  int k = 0;
  for (;; k += IDL_FAULT_STRIDE) {
    fs::remove_all(run_);
    const FileCall struck = strike(training(run_), run_, k, k_changes,
                                   [](const FileCall&) { return Verdict{.kill = true}; });
    if (struck.name.empty()) break;
    EXPECT_EQ(result_.status, 128 + SIGKILL);
    expect_resumable("killed before change " + std::to_string(k) + ", " + struck.name + " " +
                     struck.path.string());
    if (HasFatalFailure()) return;
  }
  // Eight files and one checkpoint more, each of at least six changes.
  EXPECT_GT(k, 60);
}

TEST_F(CallFaults, AnyChangeMayFail) {
  int refused = 0;
  for (int k = 0;; k += IDL_FAULT_STRIDE) {
    fs::remove_all(run_);
    const FileCall struck = strike(training(run_), run_, k, k_changes, [](const FileCall& call) {
      return Verdict{.error = error_of(call)};
    });
    if (struck.name.empty()) break;
    const std::string what =
        "change " + std::to_string(k) + " failed, " + struck.name + " " + struck.path.string();
    SCOPED_TRACE(what);
    // Only a descriptor without changes of its own may fail to close and nobody be told.
    if (struck.name == "close" && result_.status == 0) {
      EXPECT_NE(struck.path.extension(), ".tmp");
      EXPECT_EQ(to_text(check_finished(run_, reference_)), "");
      continue;
    }
    expect_refusal(result_, {run_.string()});
    ++refused;
    expect_intact_and_resumable(what);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(refused, 50 / IDL_FAULT_STRIDE);
}

TEST_F(CallFaults, AnyReadOfAResumptionMayFail) {
  begin_with_finished_run();
  for (const fs::path& folder : {run_, data_.path()}) {
    int refused = 0;
    for (int k = 0;; ++k) {
      const FileCall struck =
          strike(resumption(run_), folder, k, k_reads,
                 [](const FileCall& call) { return Verdict{.error = error_of(call)}; });
      if (struck.name.empty()) break;
      SCOPED_TRACE("read " + std::to_string(k) + " failed, " + struck.name + " " +
                   struck.path.string());
      ++refused;
      if (struck.name == "openat" && struck.path == run_ && result_.status == 0) continue;
      expect_refusal(result_);
      EXPECT_EQ(to_text(check_finished(run_, reference_)), "");
    }
    EXPECT_GT(refused, 5);
  }
}

TEST_F(CallFaults, FilesThatBecomeShorterWhileTheyAreReadAreRefused) {
  const fs::path model = reference_ / "best.safetensors";
  expect_refusal_of_shrinking({"info", "--model", model.string()}, model);
  const std::vector<std::string> evaluation = {
      "evaluate", "--model", model.string(), "--data", data_.path().string(), "--device", "cpu"};
  expect_refusal_of_shrinking(evaluation, data_ / "t10k-images-idx3-ubyte");
  expect_refusal_of_shrinking(evaluation, data_ / "t10k-labels-idx1-ubyte");
  const fs::path input = folder_ / "U.npy";
  io::write_npy(input, io::Array::from<float>({2, 16}, std::vector<float>(32, 0.5F)));
  expect_refusal_of_shrinking({"predict", "--model", model.string(), "--input", input.string(),
                               "--output", (folder_ / "Y.npy").string(), "--device", "cpu"},
                              input);
}

TEST_F(CallFaults, ACheckpointThatBecomesShorterWhileItIsReadIsRefused) {
  begin_with_finished_run();
  expect_refusal_of_shrinking(resumption(run_), run_ / "checkpoint.safetensors");
  EXPECT_EQ(to_text(check_finished(run_, reference_)), "");
}

}  // namespace
}  // namespace idl::test
