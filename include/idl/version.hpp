// SPDX-License-Identifier: MIT
#pragma once

#include "idl/export.hpp"
#include "idl/version.h"

namespace idl {

/// The version of the library that is loaded, "major.minor.patch"; that of the headers is in
/// version.h.
IDL_EXPORT const char* version();

}  // namespace idl
