// SPDX-License-Identifier: MIT
#include "host/io/json_bytes.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace idl::io {
namespace {

constexpr const char* k_key = "percent_encoded";

bool stays(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~/").find(c) != std::string_view::npos;
}

std::string percent_encoded(std::string_view bytes) {
  constexpr const char* k_digits = "0123456789ABCDEF";
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (stays(c))
      text += c;
    else
      text.append(1, '%').append(1, k_digits[byte >> 4U]).append(1, k_digits[byte & 15U]);
  }
  return text;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes += text[i];
      continue;
    }
    unsigned byte = 0;
    const char* first = text.data() + i + 1;
    const char* last = text.data() + std::min(i + 3, text.size());
    if (std::from_chars(first, last, byte, 16).ptr != text.data() + i + 3) return std::nullopt;
    bytes += static_cast<char>(byte);
    i += 2;
  }
  return bytes;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  try {
    static_cast<void>(nlohmann::ordered_json(bytes).dump());
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

nlohmann::ordered_json json_of_bytes(std::string_view bytes) {
  if (is_utf8(bytes)) return bytes;
  return {{k_key, percent_encoded(bytes)}};
}

std::optional<std::string> bytes_of_json(const nlohmann::ordered_json& json) {
  std::optional<std::string> bytes;
  if (json.is_string()) {
    bytes = json.get<std::string>();
  } else if (json.is_object() && json.size() == 1 && json.contains(k_key) &&
             json[k_key].is_string()) {
    bytes = percent_decoded(json[k_key].get_ref<const std::string&>());
  }
  if (bytes && bytes->find('\0') != std::string::npos) return std::nullopt;
  return bytes;
}

}  // namespace idl::io
