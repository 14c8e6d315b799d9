// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace idl::io {

/// What the header of a safetensors file says of a tensor.
struct TensorEntry {
  std::string name;
  std::string type;                 ///< "F32", ...
  std::vector<std::int64_t> shape;  ///< no extent is negative
  std::uint64_t begin = 0;          ///< offsets from the end of the header
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  ///< as they stand in the header
  std::map<std::string, std::string> metadata;
};

/// Parses the JSON text of a header without building a tree of it, so that memory is bounded by the
/// text's length and nesting cannot go deeper than the format has it. Names are unique.
/// @param path, offset  where the text lies, for errors
/// @throws IoError
SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& path,
                                           std::uint64_t offset);

}  // namespace idl::io
