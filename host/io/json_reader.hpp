// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/io/json_bytes.hpp"
#include "idl/error.hpp"

/// JSON that comes from files. The library nlohmann/json walks a value recursively when it copies
/// or prints it, and converts numbers to any other type of number; neither suits hostile files.
namespace idl::io {

inline constexpr int k_deepest_json = 32;

/// Parses `text`; nothing where it is no JSON, where an object has a name twice, or where more than
/// k_deepest_json lists or objects lie in one another. Json is nlohmann::json or ordered_json.
template <class Json>
std::optional<Json> parse_json(std::string_view text) {
  // The library takes a NUL for the end of the text, whatever follows it.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  bool refused = false;
  std::vector<std::set<std::string>> names;  // of the objects that are open
  const auto check = [&](int depth, typename Json::parse_event_t event, Json& value) {
    using Event = typename Json::parse_event_t;
    if (event == Event::object_start) names.emplace_back();
    if (event == Event::object_end) names.pop_back();
    const bool twice =
        event == Event::key && !names.back().insert(value.template get<std::string>()).second;
    refused = refused || depth > k_deepest_json || twice;
    return !refused;  // false: is left out, so that nothing deep comes to be
  };
  Json json = Json::parse(text.begin(), text.end(), check, false);
  if (refused || json.is_discarded()) return std::nullopt;
  return json;
}

/// Takes `value` as it is: a number without fraction for an integral T, and only where T holds it;
/// any number for a floating-point T; what bytes_of_json() takes for a string.
/// @returns whether that was possible; otherwise `target` stays as it was
template <class T, class Json>
bool take_json(const Json& value, T& target) {
  if constexpr (std::is_same_v<T, bool>) {
    if (!value.is_boolean()) return false;
    target = value.template get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (!value.is_number_integer()) return false;  // true of unsigned ones, too
    if (value.is_number_unsigned()) {
      const auto number = value.template get<typename Json::number_unsigned_t>();
      if (!std::in_range<T>(number)) return false;
      target = static_cast<T>(number);
    } else {
      const auto number = value.template get<typename Json::number_integer_t>();
      if (!std::in_range<T>(number)) return false;
      target = static_cast<T>(number);
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!value.is_number()) return false;
    target = value.template get<T>();
  } else {
    static_assert(std::is_same_v<T, std::string>);
    std::optional<std::string> bytes = bytes_of_json(value);
    if (!bytes) return false;
    target = std::move(*bytes);
  }
  return true;
}

/// The member `key` of an object, which errors call `object_name`.
/// @throws IoError naming `path` where it is missing or take_json cannot take it
template <class T, class Json>
void take_member(const Json& object, const char* key, T& target, const std::string& path,
                 const char* object_name) {
  const auto found = object.find(key);
  const std::string name = std::string(object_name) + ": " + key;
  if (found == object.end()) throw IoError(path, name + " is missing");
  if (!take_json(*found, target))
    throw IoError(path, name + " is " + found->dump() + ", which has the wrong type");
}

}  // namespace idl::io
