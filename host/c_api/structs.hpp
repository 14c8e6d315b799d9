// SPDX-License-Identifier: MIT
#pragma once

#include <cstring>
#include <string>

#include "idl/error.hpp"

/// Structs of C that begin with struct_size and may grow (idl/c_types.h).
namespace idl::c_api {

/// @param name  of the struct. @throws InvalidArgument for a size that no version of it has
template <class Struct>
void check_struct_size(const Struct& given, const char* name) {
  const auto text = [&] {
    return "struct_size of " + std::string(name) + " is " + std::to_string(given.struct_size);
  };
  IDL_CHECK(given.struct_size >= sizeof(given.struct_size),
            text() + ", set it to sizeof(" + name + ")");
  // As every version is: no member is known by half.
  IDL_CHECK(given.struct_size % alignof(Struct) == 0,
            text() + ", no version of it has this size: set it to sizeof(" + name + ")");
  IDL_CHECK(given.struct_size <= sizeof(Struct),
            text() + ", this library knows " + std::to_string(sizeof(Struct)) +
                " bytes of it: it is older than the header that the caller was compiled with");
}

/// What is given, with zeroes for members that the caller does not know; nullptr: all zeroes.
template <class Struct>
Struct read_struct(const Struct* given, const char* name) {
  Struct known = {};
  if (given == nullptr) return known;
  check_struct_size(*given, name);
  std::memcpy(&known, given, given->struct_size);
  return known;
}

/// The members that the caller knows <- those of `value`.
template <class Struct>
void write_struct(Struct value, Struct* to, const char* name) {
  check_struct_size(*to, name);
  value.struct_size = to->struct_size;
  std::memcpy(to, &value, to->struct_size);
}

}  // namespace idl::c_api
