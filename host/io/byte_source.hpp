// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "host/io/binary_file.hpp"

namespace idl::io {

/// The content of a file from its beginning to its end, decompressed where it is compressed.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  /// Fills `target` with the next bytes; `what` names them in the error.
  /// @throws IoError where they cannot be read, are corrupt, or where there are fewer
  virtual void read(std::span<std::byte> target, std::string_view what) = 0;

  /// More bytes than this cannot follow. For the check of sizes before anything is allocated.
  virtual std::uint64_t most_that_follow() const = 0;

  /// @throws IoError where anything follows, or where a checksum is wrong
  virtual void expect_end() = 0;

  /// Reads `count` bytes; memory grows with what is really there, up to `count`.
  /// @throws IoError, OutOfMemory
  std::vector<std::byte> read_all(std::uint64_t count, std::string_view what);
};

/// Plain or gzip, told apart by the first two bytes. `file` must outlive the source.
/// @throws IoError
std::unique_ptr<ByteSource> open_plain_or_gzip(const BinaryFile& file);

}  // namespace idl::io
