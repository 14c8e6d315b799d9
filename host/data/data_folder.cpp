// SPDX-License-Identifier: MIT
#include "host/data/data_folder.hpp"

#include <system_error>

#include "idl/error.hpp"

namespace idl {

void check_data_folder(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) throw IoError(folder.string(), "is no folder");
}

std::string data_folder_name(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path whole = std::filesystem::canonical(folder, error);
  return (error ? folder : whole).filename().string();
}

DatasetPair read_dataset(const std::filesystem::path& folder) {
  check_data_folder(folder);
  std::error_code error;
  for (const char* name : {"data_batch_1.bin", "test_batch.bin"})
    if (std::filesystem::exists(folder / name, error)) return read_cifar10(folder);
  return read_mnist(folder);
}

}  // namespace idl
