// SPDX-License-Identifier: MIT
#include "idl/io.hpp"
#include "tests/io/files.hpp"

namespace idl::io {
namespace {

using test::expect_error;
using test::little_endian;
using test::raw;
using test::read_text;
using test::TemporaryFolder;

const std::string k_magic = "\x93NUMPY";

/// A version 1.0 file by the format's definition.
std::string npy(const std::string& header, const std::string& data) {
  return k_magic + std::string("\1\0", 2) + little_endian(header.size(), 2) + header + data;
}

const char* const k_header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";

std::string file_path(const std::string& name) { return IDL_TEST_DATA "/io/" + name; }

void expect_made(const std::string& name, DataType type, std::vector<std::int64_t> shape,
                 double factor, double offset) {
  SCOPED_TRACE(name);
  const Array array = read_npy(file_path(name));
  EXPECT_EQ(array.type, type);
  EXPECT_EQ(array.shape, shape);
  const std::vector<double> values = array.as<double>();
  ASSERT_EQ(values.size(), static_cast<std::size_t>(array.size()));
  for (std::size_t i = 0; i < values.size(); ++i)
    EXPECT_EQ(values[i], factor * static_cast<double>(i) + offset) << i;
}

TEST(Npy, ReadsEveryTypeThatNumPyWrote) {
  expect_made("c_order_f4.npy", DataType::f32, {2, 3, 4}, 0.5, -3);
  expect_made("c_order_f8.npy", DataType::f64, {3, 5}, 0.5, -3);
  expect_made("i4.npy", DataType::i32, {6}, 3, -7);
  expect_made("i8.npy", DataType::i64, {2, 3}, 3, -7);
  expect_made("u1.npy", DataType::u8, {2, 3}, 1, 0);
  expect_made("scalar.npy", DataType::f64, {}, 0.5, -3);
  expect_made("empty.npy", DataType::f32, {0, 3}, 0.5, -3);
  const Array flags = read_npy(file_path("b1.npy"));
  EXPECT_EQ(flags.type, DataType::u8);
  EXPECT_EQ(flags.as<double>(), (std::vector<double>{1, 0, 0, 1, 0, 0, 1}));
}

TEST(Npy, ReadsFortranOrderAsCOrder) {
  expect_made("fortran_f4.npy", DataType::f32, {2, 3, 4}, 0.5, -3);
  expect_made("fortran_f8.npy", DataType::f64, {3, 5}, 0.5, -3);
}

TEST(Npy, ReadsVersionsTwoAndThree) {
  expect_made("version_2.npy", DataType::f32, {2, 3}, 0.5, -3);
  expect_made("version_3.npy", DataType::f32, {2, 3}, 0.5, -3);
}

TEST(Npy, SaysWhichElementTypesItDoesNotRead) {
  expect_error([] { read_npy(file_path("big_endian.npy")); }, {"'>f4'", "big-endian"});
  expect_error([] { read_npy(file_path("half.npy")); }, {"'<f2'", "expected <f4, <f8"});
  expect_error([] { read_npy(file_path("records.npy")); }, {"records.npy", "at byte"});
}

TEST(Npy, WritesTheBytesThatNumPyWrites) {
  const TemporaryFolder folder;
  for (const char* name : {"c_order_f4.npy", "c_order_f8.npy", "i4.npy", "i8.npy", "u1.npy",
                           "scalar.npy", "empty.npy"}) {
    write_npy(folder / "f", read_npy(file_path(name)));
    EXPECT_EQ(read_text(folder / "f"), read_text(file_path(name))) << name;
  }
  EXPECT_EQ(folder.count(), 1);
}

TEST(Npy, HeaderThenElementsAreTheWholeFile) {
  for (const char* name : {"c_order_f4.npy", "i8.npy", "scalar.npy", "empty.npy"}) {
    const Array array = read_npy(file_path(name));
    const std::string elements(reinterpret_cast<const char*>(array.bytes.data()),
                               array.bytes.size());
    EXPECT_EQ(npy_header(array.type, array.shape) + elements, read_text(file_path(name))) << name;
  }
  const std::vector<std::int64_t> negative = {2, -3};
  EXPECT_THROW((void)npy_header(DataType::f32, negative), InvalidArgument);
  const std::vector<std::int64_t> many(65, 1);
  EXPECT_THROW((void)npy_header(DataType::f32, many), InvalidArgument);
}

TEST(Npy, AcceptsWhateverOrderAndSpacingPythonWouldAccept) {
  const TemporaryFolder folder;
  const std::string data = raw<float>({1, 2, 3, 4, 5, 6});
  for (const char* header :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}",
        "{\"shape\":(2,3,),\"fortran_order\":False,\"descr\":\"<f4\"}  \n",
        "{ 'shape' : ( 2L , 3L ) , 'descr' : '<f4' , 'fortran_order' : False , }"}) {
    const Array array = read_npy(folder.file("f", npy(header, data)));
    EXPECT_EQ(array.shape, (std::vector<std::int64_t>{2, 3})) << header;
    EXPECT_EQ(array.as<float>(), (std::vector<float>{1, 2, 3, 4, 5, 6})) << header;
  }
}

TEST(Npy, RefusesAFileCutAtAnyByte) {
  const TemporaryFolder folder;
  const std::string whole = npy(k_header, raw<float>({1, 2, 3, 4, 5, 6}));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    SCOPED_TRACE(length);
    folder.file("f", whole.substr(0, length));
    expect_error([&] { read_npy(folder / "f"); }, {(folder / "f").string()});
  }
  read_npy(folder.file("f", whole));
}

TEST(Npy, AnyChangedByteOfTheHeaderIsReadOrRefusedButNeverCrashes) {
  const TemporaryFolder folder;
  const std::string whole = npy(k_header, raw<float>({1, 2, 3, 4, 5, 6}));
  int refused = 0;
  for (std::size_t position = 0; position < whole.size() - 24; ++position) {
    for (const char byte : {'\0', '\xff', '9', '\'', '(', ',', ' '}) {
      std::string changed = whole;
      changed[position] = byte;
      folder.file("f", changed);
      try {
        read_npy(folder / "f");
      } catch (const IoError&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 7 * 40);
}

TEST(Npy, NamesThePlaceOfTheTrouble) {
  const TemporaryFolder folder;
  const std::string data = raw<float>({1, 2, 3, 4, 5, 6});
  const auto refuse = [&](const std::string& content, std::initializer_list<std::string> parts) {
    folder.file("f", content);
    expect_error([&] { read_npy(folder / "f"); }, parts);
  };
  refuse(std::string("\x93NUMPX\1\0\0\0", 10), {"at byte 0", "NUMPY"});
  refuse(k_magic + std::string("\4\0", 2), {"at byte 6", "not 4.0"});
  refuse(k_magic + std::string("\1\1", 2), {"at byte 6", "not 1.1"});
  refuse(k_magic + std::string("\1\0\xff\xff", 4) + "{}", {"at byte 8", "at most 2", "65535"});
  refuse(k_magic + std::string("\2\0\xff\xff\xff\xff", 6) + "{}", {"at byte 8", "4294967295"});
  refuse(npy(k_header, data + "x"), {"24 bytes for the shape (2, 3)", "25 bytes are there"});
}

struct BadHeader {
  const char* header;
  const char* text;  ///< in the error
};

void PrintTo(const BadHeader& bad, std::ostream* stream) { *stream << bad.header; }

class NpyBadHeader : public testing::TestWithParam<BadHeader> {};

TEST_P(NpyBadHeader, IsRefused) {
  const TemporaryFolder folder;
  folder.file("f", npy(GetParam().header, std::string(24, '\0')));
  expect_error([&] { read_npy(folder / "f"); }, {(folder / "f").string(), GetParam().text});
}

#define IDL_START "{'descr': '<f4', 'fortran_order': False, 'shape': "

INSTANTIATE_TEST_SUITE_P(
    All, NpyBadHeader,
    testing::Values(
        BadHeader{"", "'{'"}, BadHeader{"{}", "keys descr"}, BadHeader{"[1]", "'{'"},
        BadHeader{IDL_START "(2, 3)", "'}'"}, BadHeader{IDL_START "(2, 3)} x", "only spaces"},
        BadHeader{IDL_START "(2, 3), 'x': 1}", "once each"},
        BadHeader{IDL_START "(2, 3), 'shape': (6,)}", "once each"},
        BadHeader{"{'descr': '<f4', 'fortran_order': False}", "keys descr"},
        BadHeader{"{'descr': '<f4', 'fortran_order': 0, 'shape': (6,)}", "True or False"},
        BadHeader{"{'descr': '<f4, 'fortran_order': False, 'shape': (6,)}", "'<f4, '"},
        BadHeader{"{'descr': '<f4", "closing quotation mark"},
        BadHeader{"{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", "'|O'"},
        BadHeader{IDL_START "6}", "'('"}, BadHeader{IDL_START "(6)}", "','"},
        BadHeader{IDL_START "(6, -1)}", "extent"}, BadHeader{IDL_START "(6,, 1)}", "extent"},
        BadHeader{IDL_START "(6.0,)}", "','"}, BadHeader{IDL_START "(2, 3", "')'"},
        BadHeader{IDL_START "(9223372036854775808,)}", "extent"},
        BadHeader{IDL_START "(9223372036854775807,)}", "impossible shape"},
        BadHeader{IDL_START "(4294967296, 4294967296)}", "impossible shape"},
        BadHeader{IDL_START "(1000000000,)}", "4000000000 bytes"},
        BadHeader{IDL_START "(7,)}", "28 bytes"},
        BadHeader{IDL_START "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,"
                            "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,6)}",
                  "64 dimensions"}));

TEST(Npy, RefusesToWriteWhatIsImpossible) {
  const TemporaryFolder folder;
  expect_error<InvalidArgument>(
      [&] { write_npy(folder / "f", Array{.type = DataType::f32, .shape = {2}, .bytes = {}}); },
      {"(2,)", "0 bytes"});
  Array deep{.type = DataType::f32,
             .shape = std::vector<std::int64_t>(65, 1),
             .bytes = std::vector<std::byte>(4)};
  expect_error<InvalidArgument>([&] { write_npy(folder / "f", deep); }, {"64 dimensions", "65"});
  EXPECT_EQ(folder.count(), 0);
}

}  // namespace
}  // namespace idl::io
