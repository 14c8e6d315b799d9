// SPDX-License-Identifier: MIT
#include <array>

#include "host/io/binary_file.hpp"
#include "host/io/byte_source.hpp"
#include "host/io/checked_size.hpp"
#include "idl/io.hpp"

/// The format: two zero bytes, element type (8: unsigned byte), number of dimensions, the extents
/// (4 bytes each, big-endian), the elements. http://yann.lecun.com/exdb/mnist
namespace idl::io {
namespace {

constexpr std::byte k_unsigned_byte{0x08};

std::vector<std::int64_t> read_shape(ByteSource& source, const std::string& path) {
  std::array<std::byte, 4> magic{};
  source.read(magic, "the magic number");
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0})
    throw IoError(path, 0, "two zero bytes, with which an IDX file begins");
  if (magic[2] != k_unsigned_byte)
    throw IoError(path, 2,
                  "the IDX element type 8 (unsigned byte), not " +
                      std::to_string(std::to_integer<int>(magic[2])));
  if (magic[3] == std::byte{0}) throw IoError(path, 3, "one dimension at least");

  std::vector<std::int64_t> shape(std::to_integer<std::size_t>(magic[3]));
  for (std::int64_t& extent : shape) {
    std::array<std::byte, 4> bytes{};
    source.read(bytes, "the extents");
    for (const std::byte byte : bytes) extent = extent * 256 + std::to_integer<std::int64_t>(byte);
  }
  return shape;
}

}  // namespace

Array read_idx(const std::filesystem::path& path) {
  const BinaryFile file(path);
  const std::unique_ptr<ByteSource> source = open_plain_or_gzip(file);
  Array array{.type = DataType::u8, .shape = read_shape(*source, file.path()), .bytes = {}};
  const auto count = element_count(array.shape);
  if (!count || *count > source->most_that_follow())
    throw IoError(file.path(), "the IDX header announces the shape " + shape_text(array.shape) +
                                   ", but at most " + byte_text(source->most_that_follow()) +
                                   " can follow it");
  array.bytes = source->read_all(*count, "the elements");
  source->expect_end();
  return array;
}

}  // namespace idl::io
