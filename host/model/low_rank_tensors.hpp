// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "idl/io.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// The rank of A = LRᵀ, whose factors are in the file, (n, r) both, in the place of A; none where
/// neither is. @throws IoError where one lacks, A is there too, or L has not two dimensions
std::optional<index_t> rank_of(const io::Safetensors& file, const std::string& prefix);

}  // namespace idl
