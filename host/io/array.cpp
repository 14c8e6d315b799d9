// SPDX-License-Identifier: MIT
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "host/io/checked_size.hpp"
#include "idl/io.hpp"

namespace idl::io {
namespace {

static_assert(std::endian::native == std::endian::little,
              "the file formats are little-endian and are read and written as they are");

template <class T>
constexpr DataType data_type_of() {
  if constexpr (std::is_same_v<T, float>) return DataType::f32;
  if constexpr (std::is_same_v<T, double>) return DataType::f64;
  if constexpr (std::is_same_v<T, std::int32_t>) return DataType::i32;
  if constexpr (std::is_same_v<T, std::int64_t>) return DataType::i64;
  return DataType::u8;
}

/// Whether T, an integral type, can hold `value`.
template <class T, class S>
bool fits(S value) {
  if constexpr (std::is_floating_point_v<S>) {
    // 2^k is exact in every floating-point type, 2^k−1 is not. NaN fails every test.
    const S limit = std::ldexp(S{1}, std::numeric_limits<T>::digits);
    const S least = std::is_signed_v<T> ? -limit : S{0};
    return value >= least && value < limit && value == std::trunc(value);
  } else {
    return std::in_range<T>(value);
  }
}

template <class T, class S>
std::vector<T> converted(const Array& array) {
  const std::size_t count = array.bytes.size() / sizeof(S);
  std::vector<T> values(count);
  if constexpr (std::is_same_v<T, S>) {
    if (count > 0) std::memcpy(values.data(), array.bytes.data(), count * sizeof(S));
  } else {
    for (std::size_t i = 0; i < count; ++i) {
      S value;
      std::memcpy(&value, array.bytes.data() + i * sizeof(S), sizeof(S));
      if constexpr (std::is_integral_v<T>)
        IDL_CHECK(fits<T>(value), "element " + std::to_string(i) + " is " + std::to_string(value) +
                                      ", which no " + std::to_string(8 * sizeof(T)) +
                                      "-bit integer holds");
      values[i] = static_cast<T>(value);
    }
  }
  return values;
}

}  // namespace

std::size_t size_of(DataType type) {
  switch (type) {
    case DataType::f32:
    case DataType::i32:
      return 4;
    case DataType::f64:
    case DataType::i64:
      return 8;
    case DataType::u8:
      return 1;
  }
  detail::throw_invalid_argument("there is no data type " + std::to_string(static_cast<int>(type)));
}

std::int64_t Array::size() const {
  const auto count = element_count(shape);
  IDL_CHECK(count, "the shape " + shape_text(shape) + " has a negative or too many elements");
  return static_cast<std::int64_t>(*count);
}

template <class T>
std::vector<T> Array::as() const {
  const auto expected = checked_product(static_cast<std::uint64_t>(size()),
                                        static_cast<std::uint64_t>(size_of(type)));
  IDL_CHECK(expected && *expected == bytes.size(),
            "an array of shape " + shape_text(shape) + " has " + std::to_string(bytes.size()) +
                " bytes of " + std::to_string(size_of(type)) + "-byte elements");
  switch (type) {
    case DataType::f32:
      return converted<T, float>(*this);
    case DataType::f64:
      return converted<T, double>(*this);
    case DataType::i32:
      return converted<T, std::int32_t>(*this);
    case DataType::i64:
      return converted<T, std::int64_t>(*this);
    case DataType::u8:
      return converted<T, std::uint8_t>(*this);
  }
  return {};
}

template <class T>
Array Array::from(std::vector<std::int64_t> shape, std::span<const T> values) {
  Array array;
  array.type = data_type_of<T>();
  array.shape = std::move(shape);
  IDL_CHECK(static_cast<std::uint64_t>(array.size()) == values.size(),
            "an array of shape " + shape_text(array.shape) + " was given " +
                std::to_string(values.size()) + " values");
  resize_or_throw(array.bytes, values.size_bytes());
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), values.size_bytes());
  return array;
}

template IDL_EXPORT std::vector<float> Array::as() const;
template IDL_EXPORT std::vector<double> Array::as() const;
template IDL_EXPORT std::vector<std::int32_t> Array::as() const;
template IDL_EXPORT std::vector<std::int64_t> Array::as() const;
template IDL_EXPORT std::vector<std::uint8_t> Array::as() const;

template IDL_EXPORT Array Array::from(std::vector<std::int64_t>, std::span<const float>);
template IDL_EXPORT Array Array::from(std::vector<std::int64_t>, std::span<const double>);
template IDL_EXPORT Array Array::from(std::vector<std::int64_t>, std::span<const std::int32_t>);
template IDL_EXPORT Array Array::from(std::vector<std::int64_t>, std::span<const std::int64_t>);
template IDL_EXPORT Array Array::from(std::vector<std::int64_t>, std::span<const std::uint8_t>);

}  // namespace idl::io
