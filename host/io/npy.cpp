// SPDX-License-Identifier: MIT
#include <array>
#include <cstring>

#include "host/io/atomic_file.hpp"
#include "host/io/binary_file.hpp"
#include "host/io/checked_size.hpp"
#include "host/io/npy_header.hpp"
#include "idl/io.hpp"

/// The format: "\x93NUMPY", version (2 bytes), length of the header (2 bytes in version 1, then 4),
/// the header, the elements.
/// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
namespace idl::io {
namespace {

constexpr std::array k_magic = {std::byte{0x93}, std::byte{'N'}, std::byte{'U'},
                                std::byte{'M'},  std::byte{'P'}, std::byte{'Y'}};
constexpr std::uint64_t k_longest_dictionary = 1U << 20U;  // 64 extents need not even 2 KiB

/// Reads what precedes the dictionary. @returns its length; `position` is moved to it.
std::uint64_t read_preamble(const BinaryFile& file, std::uint64_t& position) {
  std::array<std::byte, 8> start{};
  file.read(0, start, "the magic number and the version");
  if (std::memcmp(start.data(), k_magic.data(), k_magic.size()) != 0)
    throw IoError(file.path(), 0, "the magic number \\x93NUMPY of a .npy file");
  const auto major = std::to_integer<unsigned>(start[6]);
  const auto minor = std::to_integer<unsigned>(start[7]);
  if (major < 1 || major > 3 || minor != 0)
    throw IoError(
        file.path(), 6,
        "version 1.0, 2.0 or 3.0, not " + std::to_string(major) + "." + std::to_string(minor));

  std::array<std::byte, 4> length_bytes{};
  const std::size_t width = major == 1 ? 2 : 4;
  file.read(8, std::span(length_bytes).first(width), "the header's length");
  std::uint32_t length = 0;
  std::memcpy(&length, length_bytes.data(), sizeof length);
  position = 8 + width;
  const std::uint64_t most = std::min(file.size() - position, k_longest_dictionary);
  if (length > most)
    throw IoError(
        file.path(), 8,
        "a header length of at most " + std::to_string(most) + ", not " + std::to_string(length));
  return length;
}

/// The same elements in row-major order.
std::vector<std::byte> from_fortran_order(std::span<const std::byte> source,
                                          std::span<const std::int64_t> shape, std::size_t width) {
  std::vector<std::byte> target;
  resize_or_throw(target, source.size());
  std::vector<std::size_t> strides(shape.size());
  std::size_t stride = width;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    strides[d] = stride;
    stride *= static_cast<std::size_t>(shape[d]);
  }
  std::vector<std::int64_t> index(shape.size(), 0);
  std::size_t from = 0;
  for (std::size_t to = 0; to < target.size(); to += width) {
    std::memcpy(target.data() + to, source.data() + from, width);
    for (std::size_t d = shape.size(); d-- > 0;) {  // the next index, the last one fastest
      from += strides[d];
      if (++index[d] < shape[d]) break;
      from -= strides[d] * static_cast<std::size_t>(shape[d]);
      index[d] = 0;
    }
  }
  return target;
}

}  // namespace

Array read_npy(const std::filesystem::path& path) {
  const BinaryFile file(path);
  std::uint64_t position = 0;
  std::string text(static_cast<std::size_t>(read_preamble(file, position)), '\0');
  file.read(position, std::as_writable_bytes(std::span(text)), "the header");
  NpyHeader header = parse_npy_header(text, file.path(), position);
  position += text.size();

  const auto count = element_count(header.shape);
  const auto bytes = count ? checked_product(*count, size_of(header.type)) : std::nullopt;
  if (!bytes) throw IoError(file.path(), "has the impossible shape " + shape_text(header.shape));
  const std::uint64_t available = file.size() - position;
  if (*bytes != available)
    throw IoError(file.path(), position,
                  byte_text(*bytes) + " for the shape " + shape_text(header.shape) +
                      " and then the end of the file, but " + byte_text(available) + " are there");

  Array array{.type = header.type, .shape = std::move(header.shape), .bytes = {}};
  resize_or_throw(array.bytes, *bytes);
  file.read(position, array.bytes, "the elements");
  if (header.fortran_order && array.shape.size() > 1)
    array.bytes = from_fortran_order(array.bytes, array.shape, size_of(array.type));
  return array;
}

std::string npy_header(DataType type, std::span<const std::int64_t> shape) {
  IDL_CHECK(element_count(shape), "there is no array of shape " + shape_text(shape));
  constexpr std::size_t k_alignment = 64;  // of the elements in the file, as NumPy
  constexpr std::size_t k_preamble = 10;
  const std::string text = npy_header_text(type, shape);
  const std::size_t used = k_preamble + text.size() + 1;
  const std::size_t padding = (k_alignment - used % k_alignment) % k_alignment;
  const auto length =
      static_cast<std::uint16_t>(text.size() + padding + 1);  // 64 extents: below 2 KiB

  std::string header(k_preamble, '\0');
  std::memcpy(header.data(), k_magic.data(), k_magic.size());
  header[6] = 1;  // the version; its second part is 0
  std::memcpy(header.data() + 8, &length, sizeof length);
  return header + text + std::string(padding, ' ') + '\n';
}

void write_npy(const std::filesystem::path& path, const Array& array) {
  const auto expected =
      checked_product(static_cast<std::uint64_t>(array.size()), size_of(array.type));
  IDL_CHECK(expected && *expected == array.bytes.size(),
            "an array of shape " + shape_text(array.shape) + " has " +
                std::to_string(array.bytes.size()) + " bytes");
  const std::string header = npy_header(array.type, array.shape);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(header)));
  file.write(array.bytes);
  file.commit();
}

}  // namespace idl::io
