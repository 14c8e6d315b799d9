// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/io/files.hpp"

/// Runs the program idl as a user does.
namespace idl::test {

struct ProgramResult {
  int status = -1;  ///< exit status; 128 + signal where a signal ended it
  std::string out;
  std::string err;
};

/// A program under way, its output going to files of `folder`.
class RunningProgram {
 public:
  RunningProgram(const TemporaryFolder& folder, const std::vector<std::string>& arguments,
                 const char* program = IDL_PROGRAM)
      : out_(folder / "stdout.txt"), err_(folder / "stderr.txt") {
    process_ = ::fork();
    if (process_ == 0) run(arguments, program);
  }
  void signal(int number) const { ::kill(process_, number); }
  const std::filesystem::path& out() const { return out_; }

  ProgramResult wait() const {
    int status = 0;
    ::waitpid(process_, &status, 0);
    ProgramResult result{.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                         .out = read_text(out_),
                         .err = read_text(err_)};
    std::filesystem::remove(out_);
    std::filesystem::remove(err_);
    return result;
  }

 private:
  [[noreturn]] void run(const std::vector<std::string>& arguments, const char* program) const {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    ::dup2(::open(out_.c_str(), flags, 0644), STDOUT_FILENO);
    ::dup2(::open(err_.c_str(), flags, 0644), STDERR_FILENO);
    std::vector<char*> argv = {const_cast<char*>("idl")};
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    ::execv(program, argv.data());
    ::_exit(127);
  }

  std::filesystem::path out_;
  std::filesystem::path err_;
  pid_t process_ = -1;
};

inline ProgramResult run_program(const std::vector<std::string>& arguments) {
  const TemporaryFolder folder;
  return RunningProgram(folder, arguments).wait();
}

/// Gives `text` to a shell in `folder`.
inline ProgramResult run_shell(const std::filesystem::path& folder, const std::string& text) {
  const TemporaryFolder output;
  return RunningProgram(output, {"-c", "cd \"$0\" && " + text, folder.string()}, "/bin/sh").wait();
}

/// Status 2 and exactly one line on standard error that holds all of `parts`.
inline void expect_refusal(const ProgramResult& result,
                           const std::vector<std::string>& parts = {}) {
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  EXPECT_EQ(result.err.rfind("idl: ", 0), 0U) << result.err;
  for (const std::string& part : parts)
    EXPECT_NE(result.err.find(part), std::string::npos) << part << " is not in: " << result.err;
}

/// A tiny data set in the format of MNIST: 4×4 pixels, ten classes, each a bright pixel of its own
/// and some noise.
inline void write_tiny_mnist(const TemporaryFolder& folder, std::uint32_t train = 200,
                             std::uint32_t test = 60) {
  const auto write = [&](const std::string& prefix, std::uint32_t count, std::uint32_t seed) {
    std::string images =
        big_endian(0x0803, 4) + big_endian(count, 4) + big_endian(4, 4) + big_endian(4, 4);
    std::string labels = big_endian(0x0801, 4) + big_endian(count, 4);
    std::uint32_t random = seed;
    for (std::uint32_t k = 0; k < count; ++k) {
      const std::uint32_t label = (k * 7 + seed) % 10;
      for (std::uint32_t pixel = 0; pixel < 16; ++pixel) {
        random = random * 1664525U + 1013904223U;
        images.push_back(static_cast<char>(pixel == label ? 250 : (random >> 26)));
      }
      labels.push_back(static_cast<char>(label));
    }
    folder.file(prefix + "-images-idx3-ubyte", images);
    folder.file(prefix + "-labels-idx1-ubyte", labels);
  };
  write("train", train, 1);
  write("t10k", test, 2);
}

}  // namespace idl::test
