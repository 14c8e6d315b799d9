// SPDX-License-Identifier: MIT
#include "idl/version.hpp"

#define IDL_TEXT_OF(number) #number
#define IDL_VERSION_TEXT(major, minor, patch) \
  IDL_TEXT_OF(major) "." IDL_TEXT_OF(minor) "." IDL_TEXT_OF(patch)

namespace idl {

const char* version() {
  return IDL_VERSION_TEXT(IDL_VERSION_MAJOR, IDL_VERSION_MINOR, IDL_VERSION_PATCH);
}

}  // namespace idl
