// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "idl/io.hpp"

namespace idl {

/// What precedes A, B and C in the names of a file's tensors: "", "module.", "_orig_mod.", or
/// whatever else ends in a dot.
/// @param given       what the caller says, with or without the last dot
/// @param plain_first where A, B and C are there by the names of this library's files, others are
///                    not looked for: checkpoints hold the optimiser's moments by the same names
/// @throws IoError where no prefix, or more than one, has all three
std::string tensor_prefix(const io::Safetensors& file, const std::optional<std::string>& given,
                          bool plain_first);

}  // namespace idl
