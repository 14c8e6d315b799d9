// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <iostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "host/cli/arguments.hpp"
#include "host/cli/option_flags.hpp"
#include "host/cli/table.hpp"
#include "idl/device.hpp"
#include "idl/error.hpp"
#include "idl/shortfall.hpp"

namespace idl::cli {

/// Exit statuses of the program.
inline constexpr int k_success = 0;
inline constexpr int k_failure = 1;      ///< the device failed, or a training met numbers that are
                                         ///< not finite
inline constexpr int k_bad_input = 2;    ///< a wrong flag or size, a file that cannot be read or
                                         ///< written; files that were whole still are
inline constexpr int k_unconverged = 3;  ///< all was written, but some sample did not converge or
                                         ///< has outputs or a loss that are not finite
inline constexpr int k_signalled = 128;  ///< plus the signal's number (130: Ctrl-C): stopped by it,
                                         ///< after writing a checkpoint

/// Each command adds itself with its flags; when it is chosen, `status` gets its exit status.
/// @param program  how this program is called again, as a word of sh
void add_train(CLI::App& app, const std::string& program, int& status);
void add_evaluate(CLI::App& app, int& status);
void add_predict(CLI::App& app, int& status);
void add_sparsify(CLI::App& app, int& status);
void add_plot(CLI::App& app, int& status);
void add_info(CLI::App& app, int& status);

/// For commands whose result is what they print: an answer that nobody gets is no success.
/// @throws IoError
inline void flush_answer() {
  if (!std::cout.flush()) throw IoError("standard output", "cannot be written");
}

/// The exit status of a command that gave all its answers; tells on standard error what is amiss.
inline int status_of(const Shortfall& shortfall, bool allowed) {
  if (!shortfall.any()) return k_success;
  std::cerr << "idl: " << shortfall.text() << (allowed ? "" : " (--allow-unconverged accepts that)")
            << std::endl;
  return allowed ? k_success : k_unconverged;
}

/// Calls body.operator()<float>() or <double>() as `precision`, "f32" or "f64", says.
/// @throws InvalidArgument for any other
template <class Body>
auto with_precision(const std::string& precision, Body&& body) {
  IDL_CHECK(precision == "f32" || precision == "f64",
            "--precision is " + precision + ", expected f32 or f64");
  return precision == "f64" ? body.template operator()<double>()
                            : body.template operator()<float>();
}

/// Adds the flag "--name" for a value of any type that a setting may have.
/// @param range  of numbers
template <class Value>
void add_setting(CLI::App& command, std::string_view name, Value& value, std::string_view text,
                 const NumberRange& range = {}) {
  const std::string flag = std::string("--").append(name);
  const std::string help(text);
  if constexpr (std::is_same_v<Value, bool>) {
    command.add_flag(flag, value, help);
  } else if constexpr (std::is_same_v<Value, StopRule>) {
    command.add_flag_function(
        flag, [&value](std::int64_t count) { value = from_plain<StopRule>(count > 0); }, help);
  } else if constexpr (std::is_enum_v<Value>) {
    command
        .add_option_function<std::string>(
            flag, [&value](const std::string& given) { value = from_plain<Value>(given); },
            help + ": " + k_named<Value>.explained_names())
        ->type_name("TEXT")
        ->default_str(std::string(plain(value)));
  } else if constexpr (std::is_same_v<Value, std::string>) {
    command.add_option(flag, value, help)->capture_default_str();
  } else {
    add_number(command, flag, value, range, help);
  }
}

/// The flags that tell the columns of a table apart.
inline void add_column_flags(CLI::App& command, TableFlags& flags) {
  for_each_column_flag(flags, [&](std::string_view name, auto& value, std::string_view help) {
    add_setting(command, name, value, help);
  });
}
/// How long sequences are.
inline void add_lengths_flag(CLI::App& command, TableFlags& flags) {
  add_setting(command, "lengths", flags.lengths,
              "Of a recurrent model: .npy of whole numbers, the steps of each sequence");
}
/// What tells columns apart, and where the answers to a .npy file are.
inline void add_answer_flags(CLI::App& command, TableFlags& flags) {
  add_setting(command, "labels", flags.labels, "With --data X.npy: .npy of whole numbers");
  add_setting(command, "targets", flags.targets, "With --data X.npy: .npy of (samples, targets)");
  add_column_flags(command, flags);
}
/// The flags that several commands share.
inline void add_solver_flags(CLI::App& command, SolverOptions& solver) {
  for_each_solver_setting(
      solver, [&](std::string_view name, auto& value, std::string_view help,
                  const NumberRange& range) { add_setting(command, name, value, help, range); });
}
inline void add_device_flag(CLI::App& command, std::string& device) {
  command.add_option("--device", device, "auto, cpu, cuda or cuda:K")->capture_default_str();
}
inline void add_allow_unconverged_flag(CLI::App& command, bool& allowed) {
  command.add_flag("--allow-unconverged", allowed,
                   "End with 0, not 3, where a sample did not converge or is not finite");
}
inline void add_threads_flag(CLI::App& command, std::int32_t& threads) {
  add_number(command, "--threads", threads, ranges::k_threads,
             "On the CPU; 0: as many as there are processors to use");
}
inline void add_precision_flag(CLI::App& command, std::string& precision) {
  command.add_option("--precision", precision, "f32 or f64")->capture_default_str();
}

}  // namespace idl::cli
