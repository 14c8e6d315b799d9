// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace idl::io {

/// The text of a JSON object, entry by entry. In place of the JSON library's own objects, which
/// need memory to be destroyed and end the process where there is none.
class JsonObject {
 public:
  /// @throws nlohmann::json::exception where a text is not valid UTF-8
  template <class Value>
  void add(std::string_view key, const Value& value) {
    add_text(key, nlohmann::json(value).dump());
  }
  void add_text(std::string_view key, std::string_view json) {
    text_ += text_.size() == 1 ? "" : ",";
    text_ += nlohmann::json(key).dump();
    text_ += ':';
    text_ += json;
  }
  /// "{...}".
  std::string text() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

}  // namespace idl::io
