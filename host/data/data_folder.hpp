// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "idl/data.hpp"

namespace idl {

/// @throws IoError unless `folder` is one
void check_data_folder(const std::filesystem::path& folder);

/// The folder's own name, also where the path ends in a slash or is "."; that of its parent where
/// it is "raw".
std::string data_folder_name(const std::filesystem::path& folder);

/// The file of a data set in the format IDX, "train-images-idx3-ubyte", under this name or as
/// "train-images.idx3-ubyte", plain or with ".gz".
std::optional<std::filesystem::path> find_idx_file(const std::filesystem::path& folder,
                                                   const std::string& name);

}  // namespace idl
