// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "idl/data.hpp"
#include "tests/io/files.hpp"

namespace idl {
namespace {

using test::big_endian;
using test::expect_error;
using test::TemporaryFolder;

constexpr std::size_t k_pixels = 3072;

/// The value of pixel `index` of an image that begins with `first`.
std::uint8_t pixel(int first, std::size_t index) {
  return static_cast<std::uint8_t>(static_cast<std::size_t>(first) + 7 * index);
}

std::string record(int label, int first) {
  std::string bytes(1, static_cast<char>(label));
  for (std::size_t i = 0; i < k_pixels; ++i) bytes.push_back(static_cast<char>(pixel(first, i)));
  return bytes;
}

/// One training image per file, label 1 to 5, and two test images.
void fill(const TemporaryFolder& folder) {
  for (int batch = 1; batch <= 5; ++batch)
    folder.file("data_batch_" + std::to_string(batch) + ".bin", record(batch, 10 * batch));
  folder.file("test_batch.bin", record(9, 90) + record(0, 3));
}

TEST(Cifar10, ReadsAFolderInTheOrderOfItsFiles) {
  const TemporaryFolder folder;
  fill(folder);
  const DatasetPair pair = read_cifar10(folder.path());
  EXPECT_EQ(pair.name, folder.path().filename());
  EXPECT_EQ(pair.train.features(), 3072);
  EXPECT_EQ(pair.train.classes(), 10);
  EXPECT_TRUE(std::ranges::equal(pair.train.labels(), std::vector<std::int32_t>{1, 2, 3, 4, 5}));
  EXPECT_TRUE(std::ranges::equal(pair.test.labels(), std::vector<std::int32_t>{9, 0}));
  EXPECT_EQ(read_cifar10(folder.path(), true).size(), 5);
  EXPECT_EQ(read_cifar10(folder.path(), false).size(), 2);
}

TEST(Cifar10, KeepsTheBytesInTheirOrderDividedBy255) {
  const TemporaryFolder folder;
  const Dataset data = read_cifar10_file(folder.file("two.bin", record(4, 0) + record(5, 200)));
  std::vector<double> column(k_pixels);
  for (const auto& [sample, first] : {std::pair(0, 0), std::pair(1, 200)}) {
    data.copy_sample<double>(sample, column);
    for (std::size_t i = 0; i < k_pixels; ++i)
      ASSERT_EQ(column[i], pixel(first, i) / 255.0) << sample << ", " << i;
  }
}

TEST(Cifar10, RefusesFilesThatAreNoWholeRecords) {
  const TemporaryFolder folder;
  const auto refuse = [&](const std::string& bytes, std::initializer_list<std::string> parts) {
    const auto path = folder.file("file.bin", bytes);
    expect_error([&] { read_cifar10_file(path); }, parts);
  };
  refuse("", {"file.bin", "is empty"});
  refuse("\1", {"at byte 0", "ends after 1 byte"});
  refuse(record(1, 0).substr(0, 3072), {"at byte 0", "ends after 3072 bytes"});
  refuse(record(1, 0) + "x", {"at byte 3073", "ends after 1 byte"});
  refuse(record(10, 0), {"at byte 0", "0 to 9, not 10"});
  refuse(record(9, 0) + record(255, 0), {"at byte 3073", "not 255"});
  expect_error([&] { read_cifar10_file(folder / "none.bin"); }, {"none.bin", "cannot be opened"});
  expect_error([&] { read_cifar10_file(folder.path()); }, {"is a folder"});
}

TEST(Cifar10, RefusesALargeFileBeforeAllocatingAnything) {
  const TemporaryFolder folder;
  const auto path = folder.file("large.bin", "");
  std::filesystem::resize_file(path, std::uintmax_t{3073} * 10001);  // a hole, it takes no space
  expect_error([&] { read_cifar10_file(path); }, {"30733073 bytes", "at most 10000 records"});
  std::filesystem::resize_file(path, std::uintmax_t{3073} << 30U);
  expect_error([&] { read_cifar10_file(path); }, {"at most 10000 records"});
  std::filesystem::resize_file(path, std::uintmax_t{3073} * 10000);
  EXPECT_EQ(read_cifar10_file(path).size(), 10000);
}

TEST(Cifar10, NamesTheFileThatIsMissing) {
  const TemporaryFolder folder;
  fill(folder);
  for (const std::string name : {"data_batch_1.bin", "data_batch_5.bin", "test_batch.bin"}) {
    std::filesystem::remove(folder / name);
    expect_error([&] { read_cifar10(folder.path()); },
                 {(folder / name).string() + ": does not exist", "data_batch_1.bin to"});
    fill(folder);
  }
  expect_error([&] { read_cifar10(folder / "none"); },
               {"none", "no folder", "data_batch_1.bin to data_batch_5.bin, test_batch.bin"});
}

TEST(ReadDataset, TellsTheDataSetsApartByTheirFiles) {
  const TemporaryFolder cifar;
  fill(cifar);
  EXPECT_EQ(read_dataset(cifar.path()).train.features(), 3072);
  std::filesystem::remove(cifar / "data_batch_1.bin");
  expect_error([&] { read_dataset(cifar.path()); }, {"data_batch_1.bin"});

  const TemporaryFolder mnist;
  for (const std::string part : {"train", "t10k"}) {
    mnist.file(part + "-images-idx3-ubyte", std::string("\0\0\x08\3", 4) + big_endian(1, 4) +
                                                big_endian(1, 4) + big_endian(2, 4) + "ab");
    mnist.file(part + "-labels-idx1-ubyte", std::string("\0\0\x08\1", 4) + big_endian(1, 4) + "\3");
  }
  EXPECT_EQ(read_dataset(mnist.path()).train.features(), 2);

  const TemporaryFolder empty;
  for (const auto& [folder, trouble] :
       {std::pair(empty.path(), "holds no data set"), std::pair(empty / "none", "is no folder")})
    expect_error([&] { read_dataset(folder); },
                 {folder.string(), trouble, "train-images-idx3-ubyte", "t10k-labels-idx1-ubyte",
                  "data_batch_1.bin to data_batch_5.bin, test_batch.bin"});
}

}  // namespace
}  // namespace idl
