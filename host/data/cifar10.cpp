// SPDX-License-Identifier: MIT
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "host/data/data_folder.hpp"
#include "host/io/binary_file.hpp"
#include "host/io/checked_size.hpp"
#include "idl/data.hpp"
#include "idl/error.hpp"

/// The binary version of CIFAR-10: records of one byte label and 3072 bytes image, nothing else.
/// https://www.cs.toronto.edu/~kriz/cifar.html
namespace idl {
namespace {

constexpr index_t k_cifar10_classes = 10;
constexpr std::size_t k_pixels = std::size_t{3} * 32 * 32;
constexpr std::size_t k_record = 1 + k_pixels;
constexpr std::size_t k_most_records = 10'000;
constexpr std::array k_train_files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                      "data_batch_4.bin", "data_batch_5.bin"};
constexpr const char* k_test_file = "test_batch.bin";

/// Images and labels of one or more files.
struct Samples {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
};

/// The number of records, known from the file's size alone.
std::size_t count_records(const io::BinaryFile& file) {
  const std::uint64_t size = file.size();
  if (size == 0) throw IoError(file.path(), "is empty, expected records of CIFAR-10");
  if (size > k_most_records * k_record)
    throw IoError(file.path(), "has " + io::byte_text(size) + ", a file of CIFAR-10 has at most " +
                                   std::to_string(k_most_records) + " records of " +
                                   io::byte_text(k_record));
  if (size % k_record != 0)
    throw IoError(file.path(), size - size % k_record,
                  "another record of " + io::byte_text(k_record) + ", but the file ends after " +
                      io::byte_text(size % k_record) + " of it");
  return static_cast<std::size_t>(size / k_record);
}

void append_file(const std::filesystem::path& path, Samples& samples) {
  const io::BinaryFile file(path);
  const std::size_t count = count_records(file);
  std::size_t sample = samples.labels.size();
  io::resize_or_throw(samples.pixels, samples.pixels.size() + count * k_pixels);
  io::resize_or_throw(samples.labels, sample + count);
  std::array<std::byte, k_record> record{};
  for (std::size_t i = 0; i < count; ++i, ++sample) {
    file.read(i * k_record, record, "a record");
    const auto label = std::to_integer<std::int32_t>(record[0]);
    if (label >= k_cifar10_classes)
      throw IoError(file.path(), i * k_record, "a label of 0 to 9, not " + std::to_string(label));
    samples.labels[sample] = label;
    std::transform(record.begin() + 1, record.end(),
                   samples.pixels.begin() + static_cast<std::ptrdiff_t>(sample * k_pixels),
                   [](std::byte pixel) { return std::to_integer<std::uint8_t>(pixel); });
  }
}

Dataset read_files(const std::filesystem::path& folder, std::span<const char* const> names) {
  Samples samples;
  for (const char* name : names) append_file(folder / name, samples);
  return Dataset::from_bytes(std::move(samples.pixels), std::move(samples.labels),
                             static_cast<index_t>(k_pixels), k_cifar10_classes);
}

}  // namespace

Dataset read_cifar10_file(const std::filesystem::path& path) {
  Samples samples;
  append_file(path, samples);
  return Dataset::from_bytes(std::move(samples.pixels), std::move(samples.labels),
                             static_cast<index_t>(k_pixels), k_cifar10_classes);
}

Dataset read_cifar10(const std::filesystem::path& folder, bool train) {
  check_data_folder(folder, k_cifar10_files);
  const auto names = train ? std::span<const char* const>(k_train_files)
                           : std::span<const char* const>(&k_test_file, 1);
  std::error_code error;
  for (const char* name : names)
    if (!std::filesystem::exists(folder / name, error))
      throw IoError((folder / name).string(),
                    std::string("does not exist, expected ") + k_cifar10_files);
  return read_files(folder, names);
}

DatasetPair read_cifar10(const std::filesystem::path& folder) {
  return {read_cifar10(folder, true), read_cifar10(folder, false), data_folder_name(folder)};
}

}  // namespace idl
