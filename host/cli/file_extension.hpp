// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string_view>

namespace idl::cli {

/// Whether the file's name is longer than the extension and ends so, in letters of either case.
inline bool has_extension(std::string_view path, std::string_view extension) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return path.size() > extension.size() &&
         std::equal(extension.rbegin(), extension.rend(), path.rbegin(),
                    [&](char a, char b) { return lower(a) == lower(b); });
}

}  // namespace idl::cli
