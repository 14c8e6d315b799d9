// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

namespace idl::cli {

/// A file or folder that a flag names; an empty path: the flag was not given.
struct FlagFile {
  std::string flag;
  std::string path;
};

/// Each file that is written is another one, and none is one that is read, by whatever names and
/// links. What killed processes have left beside those that are written is removed.
/// @throws InvalidArgument with both flags
void check_outputs(const std::vector<FlagFile>& read, const std::vector<FlagFile>& written);

}  // namespace idl::cli
