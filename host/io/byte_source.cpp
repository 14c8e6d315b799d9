// SPDX-License-Identifier: MIT
#include "host/io/byte_source.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>
#include <new>
#include <string>

#include "host/io/checked_size.hpp"
#include "idl/error.hpp"

namespace idl::io {
namespace {

constexpr std::array k_gzip_magic = {std::byte{0x1F}, std::byte{0x8B}};

class PlainSource : public ByteSource {
 public:
  explicit PlainSource(const BinaryFile& file) : file_(file) {}

  void read(std::span<std::byte> target, std::string_view what) override {
    file_.read(position_, target, what);
    position_ += target.size();
  }

  std::uint64_t most_that_follow() const override { return file_.size() - position_; }

  void expect_end() override {
    if (position_ != file_.size())
      throw IoError(file_.path(), position_,
                    "the end of the file, but " + byte_text(file_.size() - position_) + " more");
  }

 private:
  const BinaryFile& file_;
  std::uint64_t position_ = 0;
};

/// One or more gzip members after one another (RFC 1952), each checked by zlib against its CRC and
/// length. Offsets in errors are those of the compressed file.
class GzipSource : public ByteSource {
 public:
  explicit GzipSource(const BinaryFile& file) : file_(file) {
    constexpr int k_gzip_window = 15 + 16;  // the largest window, and a gzip header
    if (inflateInit2(&stream_, k_gzip_window) != Z_OK) throw OutOfMemory("cpu", sizeof stream_, 0);
  }
  ~GzipSource() override { inflateEnd(&stream_); }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  void read(std::span<std::byte> target, std::string_view what) override {
    const std::size_t done = decompress(target);
    if (done < target.size())
      throw IoError(file_.path(), offset(),
                    "another " + byte_text(target.size() - done) + " of " + std::string(what) +
                        ", but the compressed data end");
  }

  /// Deflate makes at most 1032 bytes of one (258 bytes from two bits).
  std::uint64_t most_that_follow() const override {
    constexpr std::uint64_t k_most_per_byte = 1032;
    return checked_product(file_.size(), k_most_per_byte)
        .value_or(std::numeric_limits<std::int64_t>::max());
  }

  void expect_end() override {
    std::array<std::byte, 1> more{};
    if (decompress(more) != 0)
      throw IoError(file_.path(), offset(),
                    "the end of the compressed data; they hold more than their header says");
  }

 private:
  /// Of the first byte of the file that zlib has not used.
  std::uint64_t offset() const { return position_ - stream_.avail_in; }

  /// Whether there is compressed input; fetches it.
  bool fetch() {
    if (stream_.avail_in > 0) return true;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(input_.size(), file_.size() - position_));
    if (count == 0) return false;
    file_.read(position_, std::span(input_).first(count), "the compressed data");
    position_ += count;
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(count);
    return true;
  }

  /// Decompresses until `target` is full or the last member has ended.
  std::size_t decompress(std::span<std::byte> target) {
    std::size_t done = 0;
    while (done < target.size()) {
      if (!fetch()) {
        if (member_ended_) break;
        throw IoError(file_.path(), offset(), "more compressed data, but the file ends");
      }
      if (member_ended_) {  // zlib refuses what is no gzip header
        inflateReset(&stream_);
        member_ended_ = false;
      }
      const auto room = static_cast<uInt>(
          std::min<std::size_t>(target.size() - done, std::numeric_limits<uInt>::max()));
      stream_.next_out = reinterpret_cast<Bytef*>(target.data() + done);
      stream_.avail_out = room;
      const int status = inflate(&stream_, Z_NO_FLUSH);
      done += room - stream_.avail_out;
      if (status == Z_STREAM_END)
        member_ended_ = true;
      else if (status != Z_OK)
        fail(status);
    }
    return done;
  }

  [[noreturn]] void fail(int status) const {
    if (status == Z_MEM_ERROR) throw OutOfMemory("cpu", std::size_t{1} << 15U, 0);
    const std::string reason = stream_.msg != nullptr ? stream_.msg : zError(status);
    throw IoError(file_.path(), offset(), "gzip data; zlib says: " + reason);
  }

  const BinaryFile& file_;
  z_stream stream_{};
  std::array<std::byte, std::size_t{1} << 16U> input_{};
  std::uint64_t position_ = 0;  // of what comes after `input_`
  bool member_ended_ = false;
};

}  // namespace

std::vector<std::byte> ByteSource::read_all(std::uint64_t count, std::string_view what) {
  constexpr std::uint64_t k_first_step = std::uint64_t{1} << 20U;
  std::vector<std::byte> bytes;
  while (bytes.size() < count) {
    const std::uint64_t before = bytes.size();
    const std::uint64_t step = std::max(before, k_first_step);
    resize_or_throw(bytes, std::min(count, before + step));
    read(std::span(bytes).subspan(before), what);
  }
  return bytes;
}

std::unique_ptr<ByteSource> open_plain_or_gzip(const BinaryFile& file) {
  std::array<std::byte, 2> start{};
  if (file.size() >= start.size()) file.read(0, start, "the magic number");
  if (start == k_gzip_magic) return std::make_unique<GzipSource>(file);
  return std::make_unique<PlainSource>(file);
}

}  // namespace idl::io
