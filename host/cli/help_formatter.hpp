// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <sstream>
#include <string>

namespace idl::cli {

/// CLI11's help, its descriptions broken between words so that no line has more than 80 columns.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_desc(const CLI::Option* option) const override {
    std::istringstream words(CLI::Formatter::make_option_desc(option));
    const std::size_t widest = 80 - get_column_width();
    std::string text, word;
    std::size_t width = 0;
    while (words >> word) {
      const bool fits = width == 0 || width + 1 + word.size() <= widest;
      if (width > 0) text += fits ? ' ' : '\n';
      width = fits && width > 0 ? width + 1 + word.size() : word.size();
      text += word;
    }
    return text;
  }
};

}  // namespace idl::cli
