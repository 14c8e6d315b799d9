// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "idl/error.hpp"

namespace idl {

/// A value of an enumeration, how it is written, and what help texts add.
template <class E>
struct NamedValue {
  E value;
  std::string_view name;
  std::string_view help{};
};

/// How an enumeration is written wherever people or files write it.
template <class E>
struct NamedEnum {
  std::string_view what;                  ///< what errors call it: "sweep"
  std::span<const NamedValue<E>> values;  ///< in the order in which they are listed

  /// The row of a value; nullptr for a number that is none.
  constexpr const NamedValue<E>* find(E value) const {
    for (const NamedValue<E>& row : values)
      if (row.value == value) return &row;
    return nullptr;
  }
  /// The row of a name; nullptr where nothing is called so.
  constexpr const NamedValue<E>* find(std::string_view name) const {
    for (const NamedValue<E>& row : values)
      if (row.name == name) return &row;
    return nullptr;
  }
  /// "unknown" for a number that is no value.
  constexpr std::string_view name_of(E value) const {
    const NamedValue<E>* row = find(value);
    return row != nullptr ? row->name : "unknown";
  }
  /// @throws InvalidArgument for an unknown name, listing the known ones
  E parse(std::string_view name) const {
    const NamedValue<E>* row = find(name);
    if (row == nullptr)
      detail::throw_invalid_argument("unknown " + std::string(what) + " '" + std::string(name) +
                                     "', known are: " + names());
    return row->value;
  }

  /// "jacobi, gauss_seidel, automatic".
  std::string names() const { return list(false); }
  /// "jacobi (Picard), gauss_seidel, automatic (what is faster here)".
  std::string explained_names() const { return list(true); }

 private:
  std::string list(bool explained) const {
    std::string text;
    for (const NamedValue<E>& row : values) {
      text.append(text.empty() ? "" : ", ").append(row.name);
      if (explained && !row.help.empty()) text.append(" (").append(row.help).append(")");
    }
    return text;
  }
};

/// The names of E: a specialisation for each enumeration that has some.
template <class E>
extern const NamedEnum<E> k_named;

}  // namespace idl
