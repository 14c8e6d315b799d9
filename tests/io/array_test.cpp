// SPDX-License-Identifier: MIT
#include <cmath>
#include <limits>

#include "idl/io.hpp"
#include "tests/io/files.hpp"

namespace idl::io {
namespace {

using test::expect_error;

template <class T>
Array array_of(std::initializer_list<T> values) {
  return Array::from<T>({static_cast<std::int64_t>(values.size())}, std::span<const T>(values));
}

Array without_bytes(std::vector<std::int64_t> shape) {
  return {.type = DataType::f32, .shape = std::move(shape), .bytes = {}};
}

TEST(Array, CountsItsElements) {
  EXPECT_EQ(without_bytes({2, 3, 4}).size(), 24);
  EXPECT_EQ(without_bytes({}).size(), 1);
  EXPECT_EQ(without_bytes({5, 0}).size(), 0);
  EXPECT_EQ(without_bytes({std::int64_t{1} << 62, 0}).size(), 0);
}

TEST(Array, RefusesShapesThatAreImpossible) {
  expect_error<InvalidArgument>([] { without_bytes({2, -1}).size(); }, {"(2, -1)"});
  const std::int64_t large = std::int64_t{1} << 32;
  expect_error<InvalidArgument>([=] { without_bytes({large, large}).size(); }, {"4294967296"});
}

TEST(Array, KeepsValuesAndTypesApart) {
  EXPECT_EQ(array_of<float>({1.5F}).type, DataType::f32);
  EXPECT_EQ(array_of<double>({1.5}).type, DataType::f64);
  EXPECT_EQ(array_of<std::int32_t>({1}).type, DataType::i32);
  EXPECT_EQ(array_of<std::int64_t>({1}).type, DataType::i64);
  EXPECT_EQ(array_of<std::uint8_t>({1}).type, DataType::u8);
  EXPECT_EQ(array_of<float>({1.5F, -2.0F}).as<double>(), (std::vector<double>{1.5, -2.0}));
  EXPECT_EQ(array_of<double>({0.1}).as<float>(), (std::vector<float>{0.1F}));
  EXPECT_EQ(array_of<std::uint8_t>({0, 255}).as<float>(), (std::vector<float>{0, 255}));
  EXPECT_EQ(array_of<std::int64_t>({-5}).as<std::int32_t>(), (std::vector<std::int32_t>{-5}));
  EXPECT_EQ(array_of<float>({7}).as<std::int64_t>(), (std::vector<std::int64_t>{7}));
}

TEST(Array, ConvertsIntegersOnlyWhereTheyFit) {
  const double limit = 2147483648.0;  // 2^31
  EXPECT_EQ(array_of<double>({limit - 1, -limit}).as<std::int32_t>(),
            (std::vector<std::int32_t>{2147483647, -2147483647 - 1}));
  for (const double value : {limit, -limit - 1, 0.5, std::nan(""), HUGE_VAL, -HUGE_VAL})
    expect_error<InvalidArgument>(
        [=] {
          array_of<double>({1, value}).as<std::int32_t>();
        },
        {"element 1", "32-bit"});
  expect_error<InvalidArgument>([] { array_of<float>({0x1p63F}).as<std::int64_t>(); },
                                {"element 0", "64-bit"});
  expect_error<InvalidArgument>([] { array_of<std::int32_t>({-1}).as<std::uint8_t>(); }, {"-1"});
  expect_error<InvalidArgument>([] { array_of<float>({-1}).as<std::uint8_t>(); }, {"-1"});
  expect_error<InvalidArgument>(
      [] { array_of<std::int64_t>({std::int64_t{1} << 31}).as<std::int32_t>(); }, {"2147483648"});
}

TEST(Array, RefusesBytesThatDoNotFitTheShape) {
  expect_error<InvalidArgument>([] { without_bytes({2}).as<float>(); }, {"(2,)", "0 bytes"});
  const float value = 1;
  expect_error<InvalidArgument>([&] { Array::from<float>({2}, std::span(&value, 1)); },
                                {"(2,)", "1 values"});
}

}  // namespace
}  // namespace idl::io
