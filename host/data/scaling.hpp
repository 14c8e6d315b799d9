// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "idl/data_format.hpp"
#include "idl/matrix.hpp"

namespace idl {

/// What is amiss with the scaling of `size` numbers, to follow "the scaling"; "" where nothing is.
/// @param what  one of the numbers: "feature"
std::string trouble(const Scaling& scaling, index_t size, const std::string& what);

}  // namespace idl
