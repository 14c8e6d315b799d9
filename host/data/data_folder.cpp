// SPDX-License-Identifier: MIT
#include "host/data/data_folder.hpp"

#include <algorithm>
#include <initializer_list>
#include <system_error>

#include "idl/error.hpp"

namespace idl {

void check_data_folder(const std::filesystem::path& folder, const std::string& files) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error))
    throw IoError(folder.string(), "is no folder, expected one with " + files);
}

std::string data_folder_name(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::path whole = std::filesystem::canonical(folder, error);
  if (error) whole = folder;
  return (whole.filename() == "raw" ? whole.parent_path() : whole).filename().string();
}

namespace {

bool holds(const std::filesystem::path& folder, std::initializer_list<const char*> names) {
  std::error_code error;
  return std::ranges::any_of(
      names, [&](const char* name) { return std::filesystem::exists(folder / name, error); });
}

bool is_cifar10(const std::filesystem::path& folder) {
  return holds(folder, {"data_batch_1.bin", "test_batch.bin"});
}

bool is_data_set(const std::filesystem::path& folder) {
  return is_cifar10(folder) || find_idx_file(folder, "train-images-idx3-ubyte").has_value();
}

bool holds_part_of_mnist(const std::filesystem::path& folder) {
  return find_idx_file(folder, "train-labels-idx1-ubyte").has_value() ||
         find_idx_file(folder, "t10k-images-idx3-ubyte").has_value() ||
         find_idx_file(folder, "t10k-labels-idx1-ubyte").has_value();
}

/// `folder`, or the folder below it in which torchvision or the archive of CIFAR-10 put the files.
/// @throws IoError where several of these are there
std::filesystem::path find_data_set(const std::filesystem::path& folder) {
  std::filesystem::path found;
  if (is_data_set(folder)) return folder;
  for (const char* below : {"raw", "MNIST/raw", "FashionMNIST/raw", "cifar-10-batches-bin"}) {
    if (!is_data_set(folder / below)) continue;
    if (!found.empty())
      throw IoError(folder.string(), "holds several data sets, " + found.string() + " and " +
                                         (folder / below).string() + "; name one of them");
    found = folder / below;
  }
  return found.empty() ? folder : found;
}

}  // namespace

DatasetPair read_dataset(const std::filesystem::path& folder) {
  const std::string either = std::string(k_mnist_files) + " or " + k_cifar10_files;
  check_data_folder(folder, either);
  const std::filesystem::path found = find_data_set(folder);
  if (is_cifar10(found)) return read_cifar10(found);
  if (!is_data_set(found) && holds(found, {"data_batch_1", "test_batch", "cifar-10-batches-py"}))
    throw IoError(
        found.string(),
        "holds the Python version of CIFAR-10, whose files are pickles; the binary version "
        "(cifar-10-binary.tar.gz, folder cifar-10-batches-bin) is read");
  if (!is_data_set(found) && !holds_part_of_mnist(found))
    throw IoError(found.string(), "holds no data set, expected " + either);
  return read_mnist(found);
}

}  // namespace idl
