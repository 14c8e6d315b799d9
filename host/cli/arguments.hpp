// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <type_traits>

#include "host/options/ranges.hpp"

/// What people type after the program's name.
namespace idl::cli {

/// The program's own name, then what follows it.
using Arguments = std::span<const std::string>;

/// Names what is wrong with the arguments: an unknown command or flag, a flag without its value,
/// with a value that it does not take or given twice, a word too many, a required flag that is
/// missing. With --help, too, but for what is missing.
/// @throws InvalidArgument
void check_arguments(CLI::App& app, Arguments arguments);

/// Adds a flag for a number of type T, of base ten, within the range, and of nothing else. `value`
/// is a T or optional<T>.
/// @throws InvalidArgument when it is parsed, with the flag, what was given and the range
template <class T, class Value>
CLI::Option* add_number_of(CLI::App& command, const std::string& flag, Value& value,
                           const NumberRange& range, const std::string& help) {
  const auto take = [flag, &value, range](const CLI::results_t& given) {
    value = number_from_text<T>(flag, given.front(), range);
    return true;
  };
  return command.add_option(flag, take, help)
      ->type_name(std::is_floating_point_v<T> ? "FLOAT" : "INT");
}
template <class T>
void add_number(CLI::App& command, const std::string& flag, std::optional<T>& value,
                const NumberRange& range, const std::string& help) {
  add_number_of<T>(command, flag, value, range, help);
}
/// As above; what `value` holds before is the default.
template <class T>
void add_number(CLI::App& command, const std::string& flag, T& value, const NumberRange& range,
                const std::string& help) {
  add_number_of<T>(command, flag, value, range, help)->default_str(number_text(value));
}

/// A flag that is given does something. @throws InvalidArgument naming the flag, and what it needs
void check_has_effect(const CLI::App& command, std::initializer_list<const char*> flags,
                      bool has_effect, const std::string& needs);

/// The text as one word of sh: as it is, or in single quotes.
std::string shell_word(const std::string& text);

/// How to call this program again, as a word of sh: as it was called, where that leads to it.
/// @param called  argv[0]
std::string program_word(const std::string& called);

/// "NAME VALUE" as words of sh; "NAME=VALUE" where the value looks like a flag.
std::string flag_words(const std::string& name, const std::string& value);

}  // namespace idl::cli
