// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tests/cli/program.hpp"

/// Runs idl under ptrace, so that a fault strikes at a system call of choice: exactly, and the same
/// one every time.
namespace idl::test {

/// A system call that the program's main thread is about to make, if it has to do with files.
struct FileCall {
  std::string name;            ///< "openat", "pread64", "rename", ...
  std::filesystem::path path;  ///< what it names, or what its descriptor has open
  bool changes = false;        ///< creates, writes, syncs, renames, cuts or removes something
};

/// What to do instead of just letting the call happen.
struct Verdict {
  bool kill = false;  ///< SIGKILL before the call happens
  int error = 0;      ///< the call does not happen and fails with this errno
};

/// Asked before each file call under `folder`, in their order.
using Judge = std::function<Verdict(const FileCall&)>;

/// Whether this machine lets a test trace its child and change its calls; otherwise skip.
bool can_trace();

/// Runs idl with `arguments`. File calls on other paths than those below `folder` are not shown.
ProgramResult run_traced(const std::vector<std::string>& arguments,
                         const std::filesystem::path& folder, const Judge& judge);

}  // namespace idl::test
