// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>

#include "idl/data.hpp"

namespace idl {

/// @throws IoError unless `folder` is one
void check_data_folder(const std::filesystem::path& folder);

/// The folder's own name, also where the path ends in a slash or is ".".
std::string data_folder_name(const std::filesystem::path& folder);

}  // namespace idl
