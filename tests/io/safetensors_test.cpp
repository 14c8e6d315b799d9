// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstring>
#include <limits>

#include "idl/io.hpp"
#include "tests/io/files.hpp"

namespace idl::io {
namespace {

using test::expect_error;
using test::little_endian;
using test::raw;
using test::read_text;
using test::TemporaryFolder;

/// A file by the format's definition.
std::string safetensors(const std::string& header, const std::string& data) {
  return little_endian(header.size(), 8) + header + data;
}

std::string small_file() {
  return safetensors(
      R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("b":{"dtype":"I64","shape":[],"data_offsets":[8,16]}} )",
      raw<float>({1.5F, -2.0F}) + raw<std::int64_t>({-7}));
}

/// The element i of the files that make_io_files.py makes.
double made_float(std::size_t i) { return 0.5 * static_cast<double>(i) - 3; }
double made_int(std::size_t i) { return 3 * static_cast<double>(i) - 7; }

void expect_elements(const Array& array, std::vector<std::int64_t> shape, DataType type,
                     double (*element)(std::size_t)) {
  EXPECT_EQ(array.shape, shape);
  EXPECT_EQ(array.type, type);
  const std::vector<double> values = array.as<double>();
  ASSERT_EQ(values.size(), static_cast<std::size_t>(array.size()));
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], element(i)) << i;
}

TEST(Safetensors, ReadsAFileMadeByHand) {
  const TemporaryFolder folder;
  const Safetensors content = read_safetensors(folder.file("f", small_file()));
  EXPECT_EQ(content.path, (folder / "f").string());
  EXPECT_EQ(content.metadata, (std::map<std::string, std::string>{{"k", "v"}}));
  ASSERT_EQ(content.tensors.size(), 2U);
  EXPECT_EQ(content.at("a").shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(content.at("a").as<float>(), (std::vector<float>{1.5F, -2.0F}));
  EXPECT_TRUE(content.at("b").shape.empty());
  EXPECT_EQ(content.at("b").as<std::int64_t>(), (std::vector<std::int64_t>{-7}));
  expect_error([&] { content.at("c"); }, {(folder / "f").string(), "'c'"});
}

TEST(Safetensors, ReadsEveryTypeThatPythonWrote) {
  const Safetensors content = read_safetensors(IDL_TEST_DATA "/io/types.safetensors");
  EXPECT_EQ(content.tensors.size(), 10U);
  EXPECT_EQ(content.metadata.at("format"), "pt");
  EXPECT_EQ(content.metadata.at("note"), "quotes \" and \u00e9");
  expect_elements(content.at("f32"), {2, 3}, DataType::f32, made_float);
  expect_elements(content.at("f64"), {3, 2}, DataType::f64, made_float);
  expect_elements(content.at("f16"), {5}, DataType::f32, made_float);
  expect_elements(content.at("bf16"), {5}, DataType::f32, made_float);
  expect_elements(content.at("i32"), {4}, DataType::i32, made_int);
  expect_elements(content.at("i64"), {2, 1, 2}, DataType::i64, made_int);
  expect_elements(content.at("u8"), {3}, DataType::u8, [](std::size_t i) { return double(i); });
  expect_elements(content.at("bool"), {4}, DataType::u8,
                  [](std::size_t i) { return i % 3 == 0 ? 1.0 : 0.0; });
  expect_elements(content.at("scalar"), {}, DataType::f32, made_float);
  expect_elements(content.at("empty"), {0, 4}, DataType::f32, made_float);
}

TEST(Safetensors, ReadsTheGoldenVectors) {
  const Safetensors content = read_safetensors(IDL_TEST_DATA "/golden/relu_small.safetensors");
  EXPECT_EQ(content.metadata.at("kappa"), "0.95");
  EXPECT_EQ(content.at("A").shape, (std::vector<std::int64_t>{5, 5}));
  EXPECT_EQ(content.at("A").type, DataType::f64);
  const std::vector<double> A = content.at("A").as<double>();
  for (std::size_t row = 0; row < 5; ++row) {
    double sum = 0;
    for (std::size_t col = 0; col < 5; ++col) sum += std::abs(A[5 * row + col]);
    EXPECT_LE(sum, 0.95 + 1e-15) << row;
  }
}

TEST(Safetensors, LeavesTensorsUnreadWhoseTypesItDoesNotKnow) {
  const Safetensors content = read_safetensors(IDL_TEST_DATA "/io/int16.safetensors");
  EXPECT_TRUE(content.tensors.empty());
  EXPECT_EQ(content.unread, (std::map<std::string, std::string>{{"x", "I16"}}));
  expect_error([&] { content.at("x"); }, {"int16.safetensors", "'x'", "'I16'", "F32, F64"});
}

TEST(Safetensors, KeepsEveryBitAcrossSavingAndLoading) {
  const TemporaryFolder folder;
  const float quiet = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> floats = {quiet, -0.0F, HUGE_VALF, 1e-45F};
  const std::vector<double> doubles = {std::nan("7"), 5e-324};
  Safetensors content;
  content.tensors["floats"] = Array::from<float>({2, 2}, floats);
  content.tensors["doubles"] = Array::from<double>({2}, doubles);
  content.tensors["bytes"] = Array::from<std::uint8_t>({3}, std::vector<std::uint8_t>{1, 0, 255});
  content.tensors["empty"] = Array::from<std::int32_t>({0, 7}, {});
  content.tensors["a name with \" and \u03ba"] =
      Array::from<std::int64_t>({}, std::vector<std::int64_t>{1LL << 60});
  content.metadata = {{"step", "12"}, {"note", "line\nbreak"}};
  write_safetensors(folder / "f", content);
  const Safetensors loaded = read_safetensors(folder / "f");
  EXPECT_EQ(loaded.metadata, content.metadata);
  ASSERT_EQ(loaded.tensors.size(), content.tensors.size());
  for (const auto& [name, array] : content.tensors) {
    EXPECT_EQ(loaded.at(name).type, array.type) << name;
    EXPECT_EQ(loaded.at(name).shape, array.shape) << name;
    EXPECT_EQ(loaded.at(name).bytes, array.bytes) << name;
  }
}

TEST(Safetensors, WritesWideElementsFirstAndPadsTheHeader) {
  const TemporaryFolder folder;
  Safetensors content;
  content.tensors["a"] = Array::from<std::uint8_t>({3}, std::vector<std::uint8_t>{1, 2, 3});
  content.tensors["b"] = Array::from<float>({1}, std::vector<float>{1});
  content.tensors["c"] = Array::from<double>({1}, std::vector<double>{2});
  write_safetensors(folder / "f", content);
  const std::string header = R"({"c":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},)"
                             R"("a":{"dtype":"U8","shape":[3],"data_offsets":[12,15]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(read_text(folder / "f"),
            safetensors(padded, raw<double>({2}) + raw<float>({1}) + std::string("\1\2\3")));
  EXPECT_EQ(folder.count(), 1);
}

TEST(Safetensors, WritesAndReadsAFileWithoutTensors) {
  const TemporaryFolder folder;
  write_safetensors(folder / "f", {});
  EXPECT_TRUE(read_safetensors(folder / "f").tensors.empty());
}

TEST(Safetensors, RefusesToWriteWhatNobodyCouldRead) {
  const TemporaryFolder folder;
  const Array one = Array::from<float>({1}, std::vector<float>{1});
  const auto refuse = [&](const std::string& name, const Array& array, const std::string& text) {
    Safetensors content;
    content.tensors[name] = array;
    expect_error<InvalidArgument>([&] { write_safetensors(folder / "f", content); }, {text});
  };
  refuse("__metadata__", one, "__metadata__");
  refuse("\xff", one, "UTF-8");
  refuse("x", Array{.type = DataType::f32, .shape = {2}, .bytes = one.bytes},
         "'x' of shape (2,) has 4 bytes");
  EXPECT_EQ(folder.count(), 0);
}

TEST(Safetensors, RefusesAFileCutAtAnyByte) {
  const TemporaryFolder folder;
  const std::string whole = small_file();
  for (std::size_t length = 0; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    folder.file("f", whole.substr(0, length));
    expect_error([&] { read_safetensors(folder / "f"); }, {(folder / "f").string()});
  }
}

TEST(Safetensors, AnyChangedByteOfTheHeaderIsReadOrRefusedButNeverCrashes) {
  const TemporaryFolder folder;
  const std::string whole = small_file();
  const std::size_t header_end = whole.size() - 16;
  int refused = 0;
  for (std::size_t position = 0; position < header_end; ++position) {
    for (const char byte : {'\0', '\xff', '9', '"', '{', ']', ' '}) {
      std::string changed = whole;
      changed[position] = byte;
      folder.file("f", changed);
      try {
        read_safetensors(folder / "f");
      } catch (const IoError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, static_cast<int>(header_end));
}

TEST(Safetensors, RefusesImpossibleHeaderLengths) {
  const TemporaryFolder folder;
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{3}, std::uint64_t{1} << 40,
                                     ~std::uint64_t{0}, ~std::uint64_t{0} - 7}) {
    SCOPED_TRACE(length);
    folder.file("f", little_endian(length, 8) + "{}");
    expect_error([&] { read_safetensors(folder / "f"); }, {"at byte"});
  }
  // Within the file, but beyond the format's limit. The file has no bytes on the disk.
  folder.file("f", little_endian(100'000'001, 8));
  std::filesystem::resize_file(folder / "f", 200'000'000);
  expect_error([&] { read_safetensors(folder / "f"); }, {"at byte 0", "at most 100000000"});
}

TEST(Safetensors, NamesThePlaceOfTrailingBytes) {
  const TemporaryFolder folder;
  const std::string whole = small_file();
  folder.file("f", whole + "xyz");
  expect_error([&] { read_safetensors(folder / "f"); },
               {"at byte " + std::to_string(whole.size()), "3 bytes more"});
}

struct BadHeader {
  const char* header;
  const char* text;  ///< in the error
};

void PrintTo(const BadHeader& bad, std::ostream* stream) { *stream << bad.header; }

class SafetensorsBadHeader : public testing::TestWithParam<BadHeader> {};

TEST_P(SafetensorsBadHeader, IsRefused) {
  const TemporaryFolder folder;
  folder.file("f", safetensors(GetParam().header, std::string(16, '\0')));
  expect_error([&] { read_safetensors(folder / "f"); }, {(folder / "f").string(), GetParam().text});
}

#define IDL_TENSOR(type, shape, offsets) \
  "{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define IDL_GOOD IDL_TENSOR("F32", "[4]", "[0,16]")

INSTANTIATE_TEST_SUITE_P(
    Json, SafetensorsBadHeader,
    testing::Values(BadHeader{"[]", "'{'"}, BadHeader{" {}", "'{'"},
                    BadHeader{"\xef\xbb\xbf{}", "'{'"}, BadHeader{"{}}", "at byte 10"},
                    BadHeader{"{\"a\":", "at byte"}, BadHeader{"{\"a\":1}", "'a'"},
                    BadHeader{"{\"a\":null}", "'a'"}, BadHeader{"{\"a\":[]}", "'a'"},
                    BadHeader{"{\"\xff\":" IDL_GOOD "}", "at byte 10"},
                    BadHeader{"{\"a\":" IDL_GOOD ",\"a\":" IDL_GOOD "}", "'a' twice"},
                    BadHeader{"{\"__metadata__\":[]}", "__metadata__"},
                    BadHeader{"{\"__metadata__\":{\"k\":1}}", "'k'"},
                    BadHeader{"{\"__metadata__\":{\"k\":{}}}", "'k'"},
                    BadHeader{"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", "'k' twice"},
                    BadHeader{"{\"__metadata__\":{},\"__metadata__\":{}}", "twice"}));

INSTANTIATE_TEST_SUITE_P(
    Entry, SafetensorsBadHeader,
    testing::Values(
        BadHeader{"{\"a\":{}}", "no dtype"},
        BadHeader{"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,16]}}", "no shape"},
        BadHeader{"{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", "no data_offsets"},
        BadHeader{"{\"a\":{\"dtype\":1,\"shape\":[4],\"data_offsets\":[0,16]}}", "number 1"},
        BadHeader{"{\"a\":{\"scale\":1,\"shape\":[4],\"data_offsets\":[0,16]}}", "'scale'"},
        BadHeader{"{\"a\":{\"shape\":[4],\"shape\":[4]}}", "'shape'"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "4", "[0,16]") "}", "number 4"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[-4]", "[0,16]") "}", "number -4"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[4.0]", "[0,16]") "}", "number 4.0"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[[4]]", "[0,16]") "}", "a list"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[\"4\"]", "[0,16]") "}", "a text"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[18446744073709551615]", "[0,16]") "}", "too large"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[99999999999999999999]", "[0,16]") "}", "number 9"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[4]", "[0]") "}", "not two numbers"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[4]", "[0,8,16]") "}", "number 16"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[4]", "{}") "}", "an object"}));

INSTANTIATE_TEST_SUITE_P(
    Layout, SafetensorsBadHeader,
    testing::Values(
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[3]", "[0,16]") "}", "take 12 bytes"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[4]", "[16,0]") "}", "[16, 0]"},
        BadHeader{"{\"a\":" IDL_TENSOR("F8", "[4]", "[0,17]") "}", "another 1 byte"},
        BadHeader{"{\"a\":" IDL_TENSOR("F8", "[4]", "[16,0]") "}", "to begin there"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[5]", "[0,20]") "}", "another 4 bytes"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[3]", "[4,16]") "}", "to begin there"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[3]", "[0,12]") "}", "4 bytes more"},
        BadHeader{"{\"a\":" IDL_GOOD ",\"b\":" IDL_GOOD "}", "to begin there"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[2]", "[0,8]") ",\"b\":" IDL_TENSOR("F32", "[3]",
                                                                                   "[4,16]") "}",
                  "'b' to begin there"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[1]", "[0,4]") ",\"b\":" IDL_TENSOR("F32", "[2]",
                                                                                   "[8,16]") "}",
                  "'b' to begin there"},
        BadHeader{"{\"a\":" IDL_TENSOR("F32", "[4294967296,4294967296]", "[0,16]") "}",
                  "impossible shape"},
        BadHeader{"{\"a\":" IDL_TENSOR("F64", "[4611686018427387904]", "[0,16]") "}",
                  "impossible shape"},
        BadHeader{
            "{\"a\":" IDL_TENSOR("F32", "[4]", "[18446744073709551600,18446744073709551615]") "}",
            "to begin there"}));

TEST(Safetensors, WhateverFollowsANulInTheHeaderIsRefusedWithItsPlace) {
  const TemporaryFolder folder;
  const std::string good = "{\"a\":" IDL_GOOD "}";
  for (const std::string& tail :
       {std::string(3, '\0'), std::string("\0 this is no JSON", 18), std::string(" \0", 2)}) {
    folder.file("f", safetensors(good + tail, std::string(16, '\0')));
    const std::size_t place = 8 + good.size() + tail.find('\0');
    expect_error([&] { read_safetensors(folder / "f"); },
                 {"at byte " + std::to_string(place), "NUL"});
  }
}

TEST(Safetensors, DeepNestingIsRefusedWithoutFollowingIt) {
  const TemporaryFolder folder;
  const std::string deep(5'000'000, '[');
  folder.file("f", safetensors("{\"a\":" + deep, ""));
  expect_error([&] { read_safetensors(folder / "f"); }, {"'a'", "a list"});
}

}  // namespace
}  // namespace idl::io
