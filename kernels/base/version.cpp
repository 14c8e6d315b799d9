// SPDX-License-Identifier: MIT
#include "idl/version.hpp"

namespace idl {

const char* version() { return IDL_VERSION; }

}  // namespace idl
