// SPDX-License-Identifier: MIT
#include "host/io/binary_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "tests/io/files.hpp"

namespace idl::io {
namespace {

using test::expect_error;
using test::TemporaryFolder;

TEST(BinaryFile, ReadsAnyPart) {
  const TemporaryFolder folder;
  const BinaryFile file(folder.file("a", "0123456789"));
  EXPECT_EQ(file.size(), 10U);
  std::array<char, 4> part{};
  file.read(3, std::as_writable_bytes(std::span(part)), "digits");
  EXPECT_EQ(std::string(part.data(), part.size()), "3456");
  file.read(10, {}, "nothing");
}

TEST(BinaryFile, SaysWhatIsMissingAtTheEnd) {
  const TemporaryFolder folder;
  const BinaryFile file(folder.file("a", "0123456789"));
  std::array<std::byte, 4> part{};
  expect_error(
      [&] { file.read(8, part, "digits"); },
      {(folder / "a").string(), "at byte 10", "another 2 bytes of digits", "the file ends"});
}

TEST(BinaryFile, SaysWhenTheFileShrinksWhileItIsRead) {
  const TemporaryFolder folder;
  const BinaryFile file(folder.file("a", "0123456789"));
  ASSERT_EQ(truncate((folder / "a").c_str(), 6), 0);
  std::array<std::byte, 8> part{};
  expect_error([&] { file.read(0, part, "digits"); }, {"at byte 6", "another 2 bytes of digits"});
}

TEST(BinaryFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  expect_error([&] { BinaryFile file(folder.path()); }, {folder.path().string(), "is a folder"});
  expect_error([&] { BinaryFile file(folder / "none"); }, {"none", "No such file or directory"});
  expect_error([] { BinaryFile file("/dev/zero"); }, {"/dev/zero", "is a device"});
  ASSERT_EQ(mkfifo((folder / "pipe").c_str(), 0600), 0);
  expect_error([&] { BinaryFile file(folder / "pipe"); }, {"is a pipe"});
}

TEST(BinaryFile, SaysWhenItMayNotBeRead) {
  const TemporaryFolder folder;
  folder.file("a", "secret");
  ASSERT_EQ(chmod((folder / "a").c_str(), 0), 0);
  if (geteuid() == 0) {  // root may read everything; become somebody else
    ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
    ASSERT_EQ(seteuid(65534), 0);
    expect_error([&] { BinaryFile file(folder / "a"); }, {"Permission denied"});
    ASSERT_EQ(seteuid(0), 0);
  } else {
    expect_error([&] { BinaryFile file(folder / "a"); }, {"Permission denied"});
  }
}

}  // namespace
}  // namespace idl::io
