// SPDX-License-Identifier: MIT
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

/// Names and paths in JSON. They are bytes; a JSON text is UTF-8.
namespace idl::io {

/// Whether the bytes are UTF-8, as a JSON text has to be.
bool is_utf8(std::string_view bytes);

/// A JSON string where the bytes are UTF-8; otherwise {"percent_encoded": "caf%E9"}, in which every
/// byte but letters, digits and "-._~/" is % and two hexadecimal digits (RFC 3986).
nlohmann::ordered_json json_of_bytes(std::string_view bytes);

/// The bytes that json_of_bytes() made `json` of; nothing where it did not, or where there is a NUL
/// among them, at which a name of a file would end.
std::optional<std::string> bytes_of_json(const nlohmann::ordered_json& json);

}  // namespace idl::io
