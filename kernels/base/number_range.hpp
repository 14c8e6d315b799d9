// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "idl/error.hpp"

/// Numbers from outside: from flags, files, options and the C interface.
namespace idl {

/// The values that a number may have. Numbers with a fraction are finite as float, too, since they
/// are used in the model's precision; numbers without one are those that their type holds.
struct NumberRange {
  double lowest = -std::numeric_limits<float>::max();
  double highest = std::numeric_limits<float>::max();
  bool lowest_excluded = false;
  bool highest_excluded = false;

  static constexpr NumberRange at_least(double lowest) { return {.lowest = lowest}; }
};

/// The shortest text that reads back as the same number.
template <class T>
std::string number_text(T value) {
  std::array<char, 64> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

/// The number that `text`, all of it, is in base ten; nothing where it is none or T cannot hold it.
/// A leading zero is refused: others take it for base eight.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  if constexpr (std::is_integral_v<T>) {
    const std::string_view digits = text.substr(text.rfind('-', 0) == 0 ? 1 : 0);
    if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
    if (text == "-0") return std::nullopt;
  }
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

/// Whether the number is finite and within the range.
template <class T>
bool contains(const NumberRange& range, T value) {
  const auto number = static_cast<double>(value);
  if (!(number >= range.lowest && number <= range.highest)) return false;  // NaN is neither
  return !(range.lowest_excluded && number == range.lowest) &&
         !(range.highest_excluded && number == range.highest);
}

/// "a number in (0, 1)", "a whole number in [1, 2147483647]".
template <class T>
std::string expectation(const NumberRange& range) {
  const auto bound = [](double value) {
    if constexpr (std::is_floating_point_v<T>) {
      const bool is_wide = std::abs(value) > std::numeric_limits<float>::max();
      return is_wide ? number_text(value) : number_text(static_cast<float>(value));
    } else {
      using Limits = std::numeric_limits<T>;
      if (value <= static_cast<double>(Limits::lowest())) return number_text(Limits::lowest());
      if (value >= static_cast<double>(Limits::max())) return number_text(Limits::max());
      return number_text(static_cast<T>(value));
    }
  };
  return std::string(std::is_floating_point_v<T> ? "a number in " : "a whole number in ") +
         (range.lowest_excluded ? "(" : "[") + bound(range.lowest) + ", " + bound(range.highest) +
         (range.highest_excluded ? ")" : "]");
}

/// @throws InvalidArgument with name, value and range unless the number is within it
template <class T>
void check_number(std::string_view name, T value, const NumberRange& range) {
  IDL_CHECK(contains(range, value), std::string(name) + " is " + number_text(value) +
                                        ", expected " + expectation<T>(range));
}

/// The number that a text from outside means.
/// @throws InvalidArgument with name, text and range where it is none, or none within the range
template <class T>
T number_from_text(const std::string& name, std::string_view text, const NumberRange& range) {
  const std::optional<T> value = parse_number<T>(text);
  IDL_CHECK(value && contains(range, *value), name + " is '" + std::string(text) + "', expected " +
                                                  expectation<T>(range) + ", in base ten");
  return *value;
}

}  // namespace idl
