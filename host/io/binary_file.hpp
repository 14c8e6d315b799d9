// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace idl::io {

/// What an error number of the system means, in English.
std::string errno_text(int error);

/// "1 byte", "2 bytes", ...
std::string byte_text(std::uint64_t count);

/// A regular file opened for reading at given offsets. Folders, pipes and devices are refused:
/// they have no size against which what a header says could be checked.
class BinaryFile {
 public:
  /// @throws IoError
  explicit BinaryFile(const std::filesystem::path& path);
  ~BinaryFile();
  BinaryFile(const BinaryFile&) = delete;
  BinaryFile& operator=(const BinaryFile&) = delete;

  /// In bytes, when it was opened.
  std::uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }

  /// Fills `target` with the bytes from `offset` on; `what` names them in the error.
  /// @throws IoError where the file cannot be read or ends before, even if it has become shorter
  /// since it was opened
  void read(std::uint64_t offset, std::span<std::byte> target, std::string_view what) const;

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// Whether there is anything of this name. @throws IoError where that cannot be known
bool is_there(const std::filesystem::path& path);

/// A whole file as text. @throws IoError, OutOfMemory
std::string read_text(const std::filesystem::path& path);

}  // namespace idl::io
