// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "idl/io.hpp"

namespace idl::io {

/// What the header of a .npy file says.
struct NpyHeader {
  DataType type = DataType::f32;  ///< bool is read as u8
  bool fortran_order = false;
  std::vector<std::int64_t> shape;  ///< no extent is negative
};

/// Parses the header's text, a Python dictionary literal with the keys descr, fortran_order and
/// shape. @param path, offset  where the text lies, for errors
/// @throws IoError
NpyHeader parse_npy_header(std::string_view text, const std::string& path, std::uint64_t offset);

/// The dictionary of a C-ordered array, as NumPy writes it; without the padding.
std::string npy_header_text(DataType type, std::span<const std::int64_t> shape);

}  // namespace idl::io
