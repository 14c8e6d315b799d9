// SPDX-License-Identifier: MIT
#pragma once

#include "idl/export.hpp"

namespace idl {

/// The library's version, "major.minor.patch".
IDL_EXPORT const char* version();

}  // namespace idl
