// SPDX-License-Identifier: MIT
#include <zlib.h>

#include <cstring>

#include "idl/io.hpp"
#include "tests/io/files.hpp"

namespace idl::io {
namespace {

using test::big_endian;
using test::expect_error;
using test::TemporaryFolder;

std::string idx(std::initializer_list<std::uint32_t> shape, const std::string& data) {
  std::string file = std::string("\0\0\x08", 3) + static_cast<char>(shape.size());
  for (const std::uint32_t extent : shape) file += big_endian(extent, 4);
  return file + data;
}

/// Compresses with zlib as gzip does.
std::string gzip(const std::string& content, int level = 6) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string input = content;
  std::string output(deflateBound(&stream, content.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(output.data());
  stream.avail_out = static_cast<uInt>(output.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  output.resize(stream.total_out);
  deflateEnd(&stream);
  return output;
}

const std::string k_six = std::string("\0\1\2\3\xfe\xff", 6);
const std::vector<double> k_six_values = {0, 1, 2, 3, 254, 255};

void expect_six(const std::filesystem::path& path) {
  const Array array = read_idx(path);
  EXPECT_EQ(array.type, DataType::u8);
  EXPECT_EQ(array.shape, (std::vector<std::int64_t>{3, 2}));
  EXPECT_EQ(array.as<double>(), k_six_values);
}

TEST(Idx, ReadsPlainAndGzipWhateverTheNameSays) {
  const TemporaryFolder folder;
  expect_six(folder.file("plain", idx({3, 2}, k_six)));
  expect_six(folder.file("plain.gz", idx({3, 2}, k_six)));
  expect_six(folder.file("packed", gzip(idx({3, 2}, k_six))));
  expect_six(folder.file("stored.gz", gzip(idx({3, 2}, k_six), 0)));
}

TEST(Idx, ReadsWhatPythonCompressed) {
  for (const char* name : {"images.idx", "images.idx.gz", "two_members.idx.gz"}) {
    const Array array = read_idx(std::string(IDL_TEST_DATA "/io/") + name);
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 3, 4})) << name;
    const std::vector<double> values = array.as<double>();
    for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], static_cast<double>(i));
  }
}

TEST(Idx, ReadsMoreThanOneBufferOfCompressedData) {
  const TemporaryFolder folder;
  std::string data(3'000'000, '\0');
  std::uint32_t state = 1;  // of a linear congruence, whose upper bits hardly compress
  for (char& byte : data) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24U);
  }
  const Array array = read_idx(folder.file("f", gzip(idx({3'000'000}, data))));
  ASSERT_EQ(array.bytes.size(), data.size());
  EXPECT_EQ(std::memcmp(array.bytes.data(), data.data(), data.size()), 0);
}

TEST(Idx, ReadsAnArrayWithoutElements) {
  const TemporaryFolder folder;
  EXPECT_EQ(read_idx(folder.file("f", idx({0, 28}, ""))).size(), 0);
  EXPECT_EQ(read_idx(folder.file("g", gzip(idx({0, 28}, "")))).size(), 0);
}

TEST(Idx, RefusesAFileCutAtAnyByte) {
  const TemporaryFolder folder;
  for (const std::string& whole :
       {idx({3, 2}, k_six), gzip(idx({3, 2}, k_six)), gzip(idx({3}, "ab")) + gzip("c")}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      // Where the first of two members ends, whole data end, but too early.
      SCOPED_TRACE(length);
      folder.file("f", whole.substr(0, length));
      expect_error([&] { read_idx(folder / "f"); }, {(folder / "f").string()});
    }
  }
}

TEST(Idx, AnyChangedByteOfAGzipFileIsNoticed) {
  const TemporaryFolder folder;
  const std::string whole = gzip(idx({3, 2}, k_six));
  int refused = 0;
  for (std::size_t position = 0; position < whole.size(); ++position) {
    std::string changed = whole;
    changed[position] = static_cast<char>(changed[position] ^ 0x55);
    folder.file("f", changed);
    try {
      EXPECT_EQ(read_idx(folder / "f").as<double>(), k_six_values) << position;
    } catch (const IoError&) {
      ++refused;
    }
  }
  // Unprotected are only the time, the extra flags and the system in gzip's header: 6 bytes.
  EXPECT_GE(refused, static_cast<int>(whole.size()) - 6);
}

TEST(Idx, NamesThePlaceOfTheTrouble) {
  const TemporaryFolder folder;
  const auto refuse = [&](const std::string& content, std::initializer_list<std::string> parts) {
    folder.file("f", content);
    expect_error([&] { read_idx(folder / "f"); }, parts);
  };
  refuse("\x89PNG....", {"at byte 0", "two zero bytes"});
  refuse(std::string("\0\0\x0d\1\0\0\0\0", 8), {"at byte 2", "unsigned byte", "not 13"});
  refuse(std::string("\0\0\x08\0", 4), {"at byte 3", "one dimension"});
  refuse(idx({3, 2}, k_six + "xyz"), {"at byte 18", "3 bytes more"});
  refuse(idx({3, 3}, k_six), {"(3, 3)", "at most 6 bytes"});
  refuse(idx({~0U, ~0U, ~0U, ~0U}, ""), {"4294967295", "at most 0 bytes"});
  const std::string packed = gzip(idx({3, 2}, k_six));
  refuse(packed + "trailing", {"at byte", "incorrect header check"});
  refuse(gzip(idx({3, 2}, k_six + "xyz")), {"at byte", "more than their header says"});
  refuse(gzip(idx({3, 2}, "abc")), {"another 3 bytes of the elements", "the compressed data end"});
  std::string damaged = packed;
  damaged[damaged.size() - 8] = static_cast<char>(damaged[damaged.size() - 8] ^ 1);
  refuse(damaged, {"at byte", "incorrect data check"});
}

TEST(Idx, AllocatesNoMoreThanAGzipFileCanHold) {
  const TemporaryFolder folder;
  // 40 bytes that announce 16 GiB.
  folder.file("f", gzip(idx({1U << 17U, 1U << 17U}, "")));
  expect_error([&] { read_idx(folder / "f"); }, {"(131072, 131072)", "can follow"});
}

TEST(Idx, DecompressesABombOnlyAsFarAsItsHeaderSays) {
  const TemporaryFolder folder;
  // 64 MiB of zeros in 64 KiB; the header says 10.
  folder.file("f", gzip(idx({10}, std::string(std::size_t{64} << 20U, '\0'))));
  EXPECT_LT(std::filesystem::file_size(folder / "f"), 100'000U);
  expect_error([&] { read_idx(folder / "f"); }, {"more than their header says"});
}

}  // namespace
}  // namespace idl::io
