// SPDX-License-Identifier: MIT
#include "host/io/atomic_file.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "idl/io.hpp"
#include "tests/io/files.hpp"

namespace idl::io {
namespace {

using test::expect_error;
using test::read_text;
using test::TemporaryFolder;

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// While it lives no file of this process can grow beyond `bytes`: the next best thing to a full
/// disk. Writes beyond that are first cut short, then fail.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : old_handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    rlimit limit = old_;
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int);
};

/// Root may write everywhere; while it lives the process is a user who may not.
class NotRoot {
 public:
  NotRoot() : was_root_(geteuid() == 0) {
    constexpr uid_t k_nobody = 65534;
    if (was_root_ && seteuid(k_nobody) != 0) ADD_FAILURE() << "seteuid failed";
  }
  ~NotRoot() {
    if (was_root_ && seteuid(0) != 0) ADD_FAILURE() << "seteuid back failed";
  }
  NotRoot(const NotRoot&) = delete;
  NotRoot& operator=(const NotRoot&) = delete;

 private:
  bool was_root_;
};

TEST(AtomicFile, CreatesTheFileAndLeavesNothingElse) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", bytes_of("content"));
  EXPECT_EQ(read_text(folder / "a"), "content");
  EXPECT_EQ(folder.count(), 1);
}

TEST(AtomicFile, WritesAnEmptyFile) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a", {});
  EXPECT_EQ(read_text(folder / "a"), "");
}

TEST(AtomicFile, ReplacesOnlyOnCommit) {
  const TemporaryFolder folder;
  folder.file("a", "old");
  AtomicFile file(folder / "a");
  file.write(bytes_of("new, "));
  file.write(bytes_of("and longer"));
  EXPECT_EQ(read_text(folder / "a"), "old");
  file.commit();
  EXPECT_EQ(read_text(folder / "a"), "new, and longer");
  EXPECT_EQ(folder.count(), 1);
}

TEST(AtomicFile, LeavesTheOldFileWhereNothingIsCommitted) {
  const TemporaryFolder folder;
  folder.file("a", "old");
  {
    AtomicFile file(folder / "a");
    file.write(bytes_of("new"));
    EXPECT_EQ(folder.count(), 2);
    EXPECT_EQ(file.temporary_path().parent_path(), folder.path());
  }
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_EQ(folder.count(), 1);
}

TEST(AtomicFile, WritesWhatALibraryWroteToItsName) {
  const TemporaryFolder folder;
  AtomicFile file(folder / "a");
  std::ofstream(file.temporary_path()) << "by name";
  file.commit();
  EXPECT_EQ(read_text(folder / "a"), "by name");
}

TEST(AtomicFile, LeavesTheOldFileWhereTheDiskIsFull) {
  const TemporaryFolder folder;
  folder.file("a", "old");
  const std::string large(100'000, 'x');
  {
    const FileSizeLimit limit(50'000);
    expect_error([&] { write_file_atomically(folder / "a", bytes_of(large)); },
                 {(folder / "a").string(), "cannot be written", "File too large"});
  }
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_EQ(folder.count(), 1) << "the temporary file is still there";
}

TEST(AtomicFile, RefusesAFolderThatMayNotBeWritten) {
  const TemporaryFolder folder;
  folder.file("a", "old");
  ASSERT_EQ(chmod(folder.path().c_str(), 0555), 0);
  {
    const NotRoot user;
    expect_error([&] { write_file_atomically(folder / "a", bytes_of("new")); },
                 {(folder / "a").string(), "Permission denied"});
  }
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  EXPECT_EQ(read_text(folder / "a"), "old");
  EXPECT_EQ(folder.count(), 1);
}

TEST(AtomicFile, SaysWhenTheFolderDoesNotExist) {
  const TemporaryFolder folder;
  expect_error([&] { write_file_atomically(folder / "no/such/file", bytes_of("x")); },
               {"no/such/file", "No such file or directory"});
}

TEST(AtomicFile, RefusesTargetsThatAreNoPlainFiles) {
  const TemporaryFolder folder;
  expect_error([&] { write_file_atomically(folder.path(), bytes_of("x")); }, {"is a folder"});
  expect_error([&] { write_file_atomically(folder / "", bytes_of("x")); }, {"not the name"});
  expect_error([] { write_file_atomically("/dev/null", bytes_of("x")); },
               {"/dev/null", "no plain file"});
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(AtomicFile, FollowsSymbolicLinks) {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "sub");
  folder.file("sub/a", "old");
  std::filesystem::create_symlink("sub/a", folder / "first");
  std::filesystem::create_symlink("first", folder / "second");
  std::filesystem::create_symlink("sub/b", folder / "dangling");
  std::filesystem::create_symlink("loop", folder / "loop");
  write_file_atomically(folder / "second", bytes_of("new"));
  write_file_atomically(folder / "dangling", bytes_of("made"));
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "second"));
  EXPECT_EQ(read_text(folder / "sub/a"), "new");
  EXPECT_EQ(read_text(folder / "sub/b"), "made");
  expect_error([&] { write_file_atomically(folder / "loop", bytes_of("x")); }, {"symbolic links"});
}

TEST(AtomicFile, KeepsTheAccessRights) {
  const TemporaryFolder folder;
  folder.file("a", "old");
  ASSERT_EQ(chmod((folder / "a").c_str(), 0640), 0);
  write_file_atomically(folder / "a", bytes_of("new"));
  struct stat status {};
  ASSERT_EQ(stat((folder / "a").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(AtomicFile, OfSeveralNoneGetsItsNameBeforeAllAreCommitted) {
  const TemporaryFolder folder;
  folder.file("a", "old");
  AtomicFile first(folder / "a");
  AtomicFile second(folder / "b");
  first.write(bytes_of("new"));
  second.write(bytes_of("other"));
  EXPECT_EQ(read_text(folder / "a"), "old");
  AtomicFile::commit_together(std::array{&first, &second});
  EXPECT_EQ(read_text(folder / "a"), "new");
  EXPECT_EQ(read_text(folder / "b"), "other");
  EXPECT_EQ(folder.count(), 2);
}

TEST(AtomicFile, LeavesNothingWhereASignalHandlerCleansUp) {
  const TemporaryFolder folder;
  {
    AtomicFile one(folder / "one");
    AtomicFile other(folder / "other");
    one.write(bytes_of("half"));
    EXPECT_EQ(folder.count(), 2);
    unlink_temporaries();
    EXPECT_EQ(folder.count(), 0);
  }
  AtomicFile whole(folder / "whole");
  whole.write(bytes_of("whole"));
  whole.commit();
  unlink_temporaries();
  EXPECT_EQ(read_text(folder / "whole"), "whole");
}

TEST(AtomicFile, ManyAtOnceDoNotMix) {
  const TemporaryFolder folder;
  AtomicFile first(folder / "a");
  AtomicFile second(folder / "a");
  first.write(bytes_of("first"));
  second.write(bytes_of("second"));
  second.commit();
  first.commit();
  EXPECT_EQ(read_text(folder / "a"), "first");
  EXPECT_EQ(folder.count(), 1);
}

}  // namespace
}  // namespace idl::io
