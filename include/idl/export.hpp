// SPDX-License-Identifier: MIT
#pragma once

/// Marks the symbols that users may link against; everything else is hidden.
#if defined(IDL_STATIC) || !defined(__GNUC__)
#define IDL_EXPORT
#else
#define IDL_EXPORT __attribute__((visibility("default")))
#endif
