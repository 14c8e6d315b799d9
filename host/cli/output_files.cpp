// SPDX-License-Identifier: MIT
#include "host/cli/output_files.hpp"

#include <filesystem>
#include <set>
#include <system_error>

#include "host/io/atomic_file.hpp"
#include "idl/error.hpp"

namespace idl::cli {
namespace {

/// One name for all names of a file, also of one that is not there yet.
std::filesystem::path place_of(const std::string& path) {
  const std::filesystem::path target = io::follow_links(path);
  std::error_code error;
  const std::filesystem::path whole =
      std::filesystem::weakly_canonical(std::filesystem::absolute(target, error), error);
  return error ? target : whole;
}

}  // namespace

void check_outputs(const std::vector<FlagFile>& read, const std::vector<FlagFile>& written) {
  std::vector<FlagFile> files = read;
  std::set<std::filesystem::path> folders;
  for (const FlagFile& file : written) {
    if (file.path.empty()) continue;
    for (const FlagFile& other : files)
      IDL_CHECK(other.path.empty() || place_of(other.path) != place_of(file.path),
                other.flag + " and " + file.flag + " are the same file, " + file.path);
    files.push_back(file);
    folders.insert(place_of(file.path).parent_path());
  }
  for (const std::filesystem::path& folder : folders) io::remove_leftovers(folder);
}

}  // namespace idl::cli
