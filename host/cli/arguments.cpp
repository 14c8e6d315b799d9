// SPDX-License-Identifier: MIT
#include "host/cli/arguments.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <sstream>
#include <string_view>
#include <system_error>
#include <vector>

#include "idl/error.hpp"

namespace idl::cli {
namespace {

bool is_flag(const std::string& argument) { return argument.size() > 1 && argument[0] == '-'; }

/// "idl train" and how to learn more, for the end of an error.
std::string advice(const CLI::App& command, const std::string& program) {
  const std::string name = command.get_parent() == nullptr ? "" : " " + command.get_name();
  return " (see " + program_word(program) + name + " --help)";
}

/// The command that the first word names, and its place among the arguments.
CLI::App* find_command(CLI::App& app, Arguments arguments, std::size_t& place) {
  const std::vector<CLI::App*> commands = app.get_subcommands([](CLI::App*) { return true; });
  std::string names;
  for (const CLI::App* command : commands)
    names.append(names.empty() ? "" : ", ").append(command->get_name());
  names = "(" + names + ")";
  bool answered = false;  // by --help or --version
  for (place = 1; place < arguments.size(); ++place) {
    const std::string& argument = arguments[place];
    if (is_flag(argument)) {
      IDL_CHECK(app.get_option_no_throw(argument) != nullptr,
                "unknown flag '" + argument + "'" + advice(app, arguments[0]));
      answered = true;
      continue;
    }
    const auto named = [&](const CLI::App* command) { return command->get_name() == argument; };
    const auto found = std::find_if(commands.begin(), commands.end(), named);
    IDL_CHECK(found != commands.end(),
              std::string("unknown command '").append(argument).append("' ").append(names));
    return *found;
  }
  IDL_CHECK(answered, "no command was given " + names + advice(app, arguments[0]));
  return nullptr;
}

/// Walks over the arguments of one command.
class CommandCheck {
 public:
  CommandCheck(CLI::App& command, const std::string& program)
      : command_(command), program_(program) {}

  void run(Arguments arguments) {
    std::vector<const CLI::Option*> words;  // those that may come without their flag
    for (const CLI::Option* option : command_.get_options())
      if (option->get_positional()) words.push_back(option);
    auto word = words.begin();
    bool only_words = false;  // after "--"
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      if (!only_words && arguments[i] == "--") {
        only_words = true;
      } else if (!only_words && is_flag(arguments[i])) {
        const bool more = i + 1 < arguments.size() && !arguments[i + 1].empty();
        if (check_flag(arguments[i], more)) ++i;
      } else {
        require(word != words.end(), "'" + arguments[i] + "' is not expected");
        require_once(**word++);
      }
    }
    if (given_.count(command_.get_help_ptr()) > 0) return;
    for (const CLI::Option* option : command_.get_options())
      require(!option->get_required() || given_.count(option) > 0,
              option->get_name() + " is required");
  }

 private:
  /// @returns whether the next argument is the flag's value
  bool check_flag(const std::string& argument, bool more) {
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const CLI::Option* option = command_.get_option_no_throw(name);
    require(option != nullptr, "unknown flag '" + name + "'");
    require_once(*option);
    const bool has_value = equals != std::string::npos;
    if (option->get_expected_max() == 0) {
      require(!has_value, name + " takes no value");
      return false;
    }
    require(has_value ? equals + 1 < argument.size() : more, name + " needs a value");
    return !has_value;
  }

  void require_once(const CLI::Option& option) {
    require(given_.insert(&option).second || option.get_expected_max() == 0,
            option.get_name() + " is given twice");
  }

  void require(bool condition, const std::string& text) const {
    IDL_CHECK(condition, text + advice(command_, program_));
  }

  CLI::App& command_;
  const std::string& program_;
  std::set<const CLI::Option*> given_;
};

/// Whether both are names of the same file.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code error;
  return std::filesystem::equivalent(a, b, error) && !error;
}

/// Whether the shell finds `self` by this name.
bool is_on_path(const std::string& name, const std::filesystem::path& self) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const std::filesystem::path candidate = std::filesystem::path(folder) / name;
    if (::access(candidate.c_str(), X_OK) == 0) return same_file(candidate, self);
  }
  return false;
}

}  // namespace

void check_arguments(CLI::App& app, Arguments arguments) {
  std::size_t place = 0;
  CLI::App* command = find_command(app, arguments, place);
  if (command != nullptr) CommandCheck(*command, arguments[0]).run(arguments.subspan(place + 1));
}

void check_has_effect(const CLI::App& command, std::initializer_list<const char*> flags,
                      bool has_effect, const std::string& needs) {
  for (const char* flag : flags)
    IDL_CHECK(has_effect || command.count(flag) == 0,
              std::string(flag) + " has no effect without " + needs);
}

std::string shell_word(const std::string& text) {
  const auto harmless = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._-/+:,@%").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), harmless)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

std::string program_word(const std::string& called) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return shell_word(called);
  const bool leads_here =
      called.find('/') != std::string::npos ? same_file(called, self) : is_on_path(called, self);
  return shell_word(leads_here ? called : self.string());
}

std::string flag_words(const std::string& name, const std::string& value) {
  return name + (is_flag(value) ? "=" : " ") + shell_word(value);
}

}  // namespace idl::cli
