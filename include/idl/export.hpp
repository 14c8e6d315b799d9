// SPDX-License-Identifier: MIT
#pragma once

#if __cplusplus < 202002L
#error "libidl_cuda needs C++20: compile with -std=c++20 or later"
#endif

/// Marks the symbols that users may link against; everything else is hidden.
#if defined(IDL_STATIC) || !defined(__GNUC__)
#define IDL_EXPORT
#else
#define IDL_EXPORT __attribute__((visibility("default")))
#endif

namespace idl::detail {

/// What the library reaches of a class behind its public members; it defines it, and users cannot.
template <class Class>
struct Inside;

}  // namespace idl::detail
