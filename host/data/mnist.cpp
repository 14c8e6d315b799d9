// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstring>
#include <system_error>
#include <utility>

#include "host/data/data_folder.hpp"
#include "idl/data.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl {
namespace {

constexpr index_t k_mnist_classes = 10;

/// Of "train-images-idx3-ubyte", also under the name "train-images.idx3-ubyte", and each with
/// ".gz".
std::filesystem::path find_file(const std::filesystem::path& folder, const std::string& name) {
  const std::optional<std::filesystem::path> found = find_idx_file(folder, name);
  if (found) return *found;
  throw IoError((folder / name).string(),
                std::string("does not exist, nor does it with .gz; expected ") + k_mnist_files);
}

io::Array read(const std::filesystem::path& path, std::size_t dimensions) {
  io::Array array = io::read_idx(path);
  if (array.shape.size() != dimensions)
    throw IoError(path.string(), "has " + std::to_string(array.shape.size()) +
                                     " dimensions, expected " + std::to_string(dimensions));
  return array;
}

std::vector<std::int32_t> checked_labels(const io::Array& array,
                                         const std::filesystem::path& path) {
  std::vector<std::int32_t> labels = array.as<std::int32_t>();
  const auto bad = std::find_if(labels.begin(), labels.end(),
                                [](std::int32_t label) { return label >= k_mnist_classes; });
  if (bad != labels.end())
    throw IoError(path.string(), "label " + std::to_string(bad - labels.begin()) + " is " +
                                     std::to_string(*bad) + ", expected 0 to 9");
  return labels;
}

Dataset read_part(const std::filesystem::path& folder, const std::string& part) {
  const std::filesystem::path image_path = find_file(folder, part + "-images-idx3-ubyte");
  const std::filesystem::path label_path = find_file(folder, part + "-labels-idx1-ubyte");
  const io::Array labels = read(label_path, 1);
  const io::Array images = read(image_path, 3);
  if (images.shape[0] != labels.shape[0])
    throw IoError(label_path.string(), "has " + std::to_string(labels.shape[0]) + " labels, but " +
                                           image_path.filename().string() + " has " +
                                           std::to_string(images.shape[0]) + " images");
  if (images.bytes.empty()) throw IoError(image_path.string(), "holds no pixels");
  std::vector<std::uint8_t> pixels(images.bytes.size());
  std::memcpy(pixels.data(), images.bytes.data(), pixels.size());
  return Dataset::from_bytes(std::move(pixels), checked_labels(labels, label_path),
                             images.shape[1] * images.shape[2], k_mnist_classes);
}

}  // namespace

std::optional<std::filesystem::path> find_idx_file(const std::filesystem::path& folder,
                                                   const std::string& name) {
  std::string dotted = name;
  if (const std::size_t place = dotted.find("-idx"); place != std::string::npos)
    dotted[place] = '.';
  std::error_code error;
  for (const std::string& stem : {name, dotted})
    for (const char* ending : {"", ".gz"}) {
      std::filesystem::path path = folder / (stem + ending);
      if (std::filesystem::exists(path, error)) return path;
    }
  return std::nullopt;
}

DatasetPair read_mnist(const std::filesystem::path& folder) {
  check_data_folder(folder, k_mnist_files);
  DatasetPair pair{read_part(folder, "train"), read_part(folder, "t10k"), data_folder_name(folder)};
  if (pair.train.features() != pair.test.features())
    throw IoError(folder.string(),
                  "has training images of " + std::to_string(pair.train.features()) +
                      " pixels and test images of " + std::to_string(pair.test.features()));
  return pair;
}

}  // namespace idl
