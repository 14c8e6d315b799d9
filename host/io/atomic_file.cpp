// SPDX-License-Identifier: MIT
#include "host/io/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "host/io/binary_file.hpp"
#include "idl/error.hpp"

namespace idl::io {
namespace {

std::filesystem::path folder_of(const std::filesystem::path& target) {
  return target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
}

/// Syncs a folder, so that a rename in it outlives a loss of power. Returns an error number.
int sync_folder(const std::filesystem::path& folder) {
  int descriptor = -1;
  do {
    descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  // A folder that may be written but not listed cannot be opened, and so cannot be synced.
  if (descriptor < 0) return errno == EACCES ? 0 : errno;
  int error = 0;
  while (::fsync(descriptor) != 0) {
    if (errno == EINTR) continue;
    // Some network file systems do not sync folders, and say so.
    if (errno != EINVAL && errno != ENOTSUP) error = errno;
    break;
  }
  ::close(descriptor);
  return error;
}

constexpr const char* k_temporary_prefix = ".idl-";
constexpr const char* k_temporary_suffix = ".tmp";

bool is_temporary(const std::filesystem::path& path) {
  return path.filename().string().rfind(k_temporary_prefix, 0) == 0 &&
         path.extension() == k_temporary_suffix;
}

/// The names of temporary files, for unlink_temporaries(); those of more files are not remembered.
std::array<std::atomic<const char*>, 16> g_temporaries{};

void exchange_name(const char* before, const char* after) noexcept {
  for (std::atomic<const char*>& name : g_temporaries) {
    const char* expected = before;
    if (name.compare_exchange_strong(expected, after)) return;
  }
}

/// The kernel lets go of such a lock when its process ends, however it ends. False only where
/// another one holds it: some file systems know no locks.
bool lock(int descriptor) {
  return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
}

}  // namespace

std::filesystem::path follow_links(std::filesystem::path path) {
  constexpr int k_most_links = 40;  // as Linux
  for (int links = 0; links < k_most_links; ++links) {
    std::error_code error;
    if (!std::filesystem::is_symlink(path, error)) return path;
    const std::filesystem::path next = std::filesystem::read_symlink(path, error);
    if (error) throw IoError(path.string(), "cannot be followed: " + error.message());
    path = path.parent_path() / next;  // which is `next` where that is absolute
  }
  throw IoError(path.string(), "cannot be followed: " + errno_text(ELOOP));
}

AtomicFile::AtomicFile(const std::filesystem::path& target) : target_(follow_links(target)) {
  if (!target_.has_filename()) throw IoError(target_.string(), "is not the name of a file");
  struct stat old {};
  const bool replaces = ::stat(target_.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode))
    throw IoError(target_.string(), S_ISDIR(old.st_mode)
                                        ? "cannot be written: it is a folder"
                                        : "cannot be written: it is no plain file");

  while (!make_temporary()) {
  }
  // To keep the rights is a courtesy: not every file system can.
  if (replaces) static_cast<void>(::fchmod(descriptor_, old.st_mode & 07777U));
}

/// False where another name must be tried.
bool AtomicFile::make_temporary() {
  static std::atomic<unsigned> counter{0};
  const unsigned number = counter.fetch_add(1, std::memory_order_relaxed);
  temporary_ = folder_of(target_) / (k_temporary_prefix + std::to_string(::getpid()) + "-" +
                                     std::to_string(number) + k_temporary_suffix);
  // O_EXCL makes the name unique, across processes and machines that share the folder.
  descriptor_ = ::open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    if (errno == EEXIST || errno == EINTR) return false;
    fail("cannot be written", errno);
  }
  // Somebody may have swept it away before it was locked.
  struct stat status {};
  if (lock(descriptor_) && ::fstat(descriptor_, &status) == 0 && status.st_nlink > 0) {
    temporary_exists_ = true;
    exchange_name(nullptr, temporary_.c_str());
    return true;
  }
  ::close(descriptor_);
  descriptor_ = -1;
  return false;
}

AtomicFile::~AtomicFile() {
  exchange_name(temporary_.c_str(), nullptr);
  if (descriptor_ >= 0) ::close(descriptor_);
  if (temporary_exists_) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const std::string& what, int error) const {
  throw IoError(target_.string(), what + ": " + errno_text(error));
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  // Linux moves at most 2 GiB per call.
  constexpr std::size_t k_most = std::size_t{1} << 30U;
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), std::min(bytes.size(), k_most));
    if (count > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (count == 0) {
      fail("cannot be written", ENOSPC);
    } else if (errno != EINTR) {
      fail("cannot be written", errno);
    }
  }
}

void AtomicFile::put_on_disk() {
  while (::fsync(descriptor_) != 0)
    if (errno != EINTR) fail("cannot be written to the disk", errno);
  // Network file systems report a full disk only here. After EINTR the descriptor is gone all the
  // same, and the data are synced.
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  if (closed != 0 && errno != EINTR) fail("cannot be written to the disk", errno);
}

void AtomicFile::put_in_place() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot be put in place", errno);
  temporary_exists_ = false;
  if (const int error = sync_folder(folder_of(target_)); error != 0)
    fail("is written, but its folder cannot be synced", error);
}

void AtomicFile::commit() {
  put_on_disk();
  put_in_place();
}

void AtomicFile::commit_together(std::span<AtomicFile* const> files) {
  for (AtomicFile* file : files) file->put_on_disk();
  for (AtomicFile* file : files) file->put_in_place();
}

void unlink_temporaries() noexcept {
  for (const std::atomic<const char*>& name : g_temporaries)
    if (const char* path = name) ::unlink(path);
}

void remove_leftovers(const std::filesystem::path& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!is_temporary(entry->path())) continue;
    const int descriptor =
        ::open(entry->path().c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (descriptor < 0) continue;
    if (lock(descriptor)) ::unlink(entry->path().c_str());
    ::close(descriptor);
  }
}

}  // namespace idl::io
