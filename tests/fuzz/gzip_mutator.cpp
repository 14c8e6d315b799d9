// SPDX-License-Identifier: MIT
// Mutates what a gzip file holds instead of its bytes, most of which a checksum covers. libFuzzer
// calls LLVMFuzzerCustomMutator where there is one.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace {

constexpr std::size_t k_room = 8192;
constexpr int k_gzip_window = 15 + 16;

/// The first member's content, as much of it as `target` holds. @returns its length
std::size_t decompress(std::uint8_t* data, std::size_t size,
                       std::array<std::uint8_t, k_room>& target) {
  z_stream stream{};
  if (inflateInit2(&stream, k_gzip_window) != Z_OK) return 0;
  stream.next_in = data;
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = target.data();
  stream.avail_out = static_cast<uInt>(target.size());
  inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  return target.size() - stream.avail_out;
}

/// @returns the compressed length, 0 where it exceeds `most`
std::size_t compress(std::array<std::uint8_t, k_room>& source, std::size_t size, std::uint8_t* data,
                     std::size_t most) {
  z_stream stream{};
  constexpr int k_memory = 8;
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, k_gzip_window, k_memory,
                   Z_DEFAULT_STRATEGY) != Z_OK)
    return 0;
  stream.next_in = source.data();
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = data;
  stream.avail_out = static_cast<uInt>(most);
  const int status = deflate(&stream, Z_FINISH);
  deflateEnd(&stream);
  return status == Z_STREAM_END ? most - stream.avail_out : 0;
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t most, unsigned seed) {
  static std::array<std::uint8_t, k_room> content;
  const std::size_t length = seed % 4 == 0 ? 0 : decompress(data, size, content);
  if (length > 0) {
    const std::size_t mutated = LLVMFuzzerMutate(content.data(), length, content.size());
    static std::array<std::uint8_t, 2 * k_room> packed;
    const std::size_t compressed =
        compress(content, mutated, packed.data(), std::min(most, packed.size()));
    if (compressed > 0) {
      std::copy_n(packed.data(), compressed, data);
      return compressed;
    }
  }
  return LLVMFuzzerMutate(data, size, most);
}
