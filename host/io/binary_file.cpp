// SPDX-License-Identifier: MIT
#include "host/io/binary_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "host/io/checked_size.hpp"
#include "idl/error.hpp"

namespace idl::io {
namespace {

std::string kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "is a folder";
  if (S_ISFIFO(mode)) return "is a pipe";
  if (S_ISSOCK(mode)) return "is a socket";
  return "is a device";
}

}  // namespace

std::string errno_text(int error) { return std::generic_category().message(error); }

std::string byte_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " byte" : " bytes");
}

BinaryFile::BinaryFile(const std::filesystem::path& path) : path_(path.string()) {
  // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
  do {
    descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (descriptor_ < 0 && errno == EINTR);
  if (descriptor_ < 0) throw IoError(path_, "cannot be opened: " + errno_text(errno));

  struct stat status {};
  if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    const int error = errno;
    ::close(descriptor_);
    throw IoError(path_, status.st_mode == 0 ? "cannot be examined: " + errno_text(error)
                                             : kind_of(status.st_mode) + ", not a file");
  }
  size_ = static_cast<std::uint64_t>(status.st_size);
}

BinaryFile::~BinaryFile() { ::close(descriptor_); }

void BinaryFile::read(std::uint64_t offset, std::span<std::byte> target,
                      std::string_view what) const {
  // Linux moves at most 2 GiB per call.
  constexpr std::size_t k_most = std::size_t{1} << 30U;
  std::size_t done = 0;
  while (done < target.size()) {
    const ssize_t count =
        ::pread(descriptor_, target.data() + done, std::min(target.size() - done, k_most),
                static_cast<off_t>(offset + done));
    if (count > 0) {
      done += static_cast<std::size_t>(count);
    } else if (count == 0) {
      throw IoError(path_, offset + done,
                    "another " + byte_text(target.size() - done) + " of " + std::string(what) +
                        ", but the file ends");
    } else if (errno != EINTR) {
      throw IoError(path_, "cannot be read at byte " + std::to_string(offset + done) + ": " +
                               errno_text(errno));
    }
  }
}

bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  const bool found = std::filesystem::exists(path, error);
  if (error) throw IoError(path.string(), "cannot be examined: " + error.message());
  return found;
}

std::string read_text(const std::filesystem::path& path) {
  // Not a stream: operator<< of a buffer takes a failed read for the end of the file.
  const BinaryFile file(path);
  std::string text;
  resize_or_throw(text, file.size());
  file.read(0, std::as_writable_bytes(std::span(text)), "the text");
  return text;
}

}  // namespace idl::io
