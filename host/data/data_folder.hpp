// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "idl/data.hpp"

namespace idl {

/// What the folder of each data set holds, for people.
inline constexpr const char* k_mnist_files =
    "MNIST (train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, "
    "t10k-labels-idx1-ubyte)";
inline constexpr const char* k_cifar10_files =
    "CIFAR-10 (data_batch_1.bin to data_batch_5.bin, test_batch.bin)";

/// @param files  what it should hold
/// @throws IoError unless `folder` is one
void check_data_folder(const std::filesystem::path& folder, const std::string& files);

/// The folder's own name, also where the path ends in a slash or is "."; that of its parent where
/// it is "raw".
std::string data_folder_name(const std::filesystem::path& folder);

/// The file of a data set in the format IDX, "train-images-idx3-ubyte", under this name or as
/// "train-images.idx3-ubyte", plain or with ".gz".
std::optional<std::filesystem::path> find_idx_file(const std::filesystem::path& folder,
                                                   const std::string& name);

}  // namespace idl
