// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "idl/export.hpp"

/// Errors are for misuse and broken hardware. A solve that does not converge is no error: its
/// report says so, column by column (see solver.hpp).
namespace idl {

/// The root of every exception that the library throws.
class IDL_EXPORT Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An argument is impossible; the text names the operand, what was expected and what was given.
class IDL_EXPORT InvalidArgument : public Error {
 public:
  using Error::Error;
};

/// What was asked for does not exist in this build or on this machine.
class IDL_EXPORT NotSupported : public Error {
 public:
  using Error::Error;
};

/// A call into CUDA, cuBLASLt or cuSPARSE failed, or cuBLASLt could not be loaded.
class IDL_EXPORT DeviceError : public Error {
 public:
  /// @param library  "CUDA", "cuBLASLt", ...
  /// @param call     the expression that failed
  /// @param code     the library's name of the status, for example "cudaErrorIllegalAddress"
  /// @param place    file:line
  DeviceError(std::string_view library, std::string_view call, std::string_view code,
              std::string_view place);
};

/// Memory could not be had, on the host or on the device.
class IDL_EXPORT OutOfMemory : public Error {
 public:
  /// @param where      "cpu", "cuda:0", ...
  /// @param requested  bytes asked for, 0 where that is not known
  /// @param available  bytes free at that moment, 0 where that is not known
  OutOfMemory(std::string_view where, std::size_t requested, std::size_t available);

  /// Bytes asked for; 0 where a library of CUDA's asked for its own use.
  std::size_t requested() const noexcept { return requested_; }
  /// Bytes free at that moment; 0 where that is not known.
  std::size_t available() const noexcept { return available_; }

 private:
  std::size_t requested_;
  std::size_t available_;
};

/// A file could not be read or written, or does not hold what it should.
class IDL_EXPORT IoError : public Error {
 public:
  /// For trouble with the file as a whole.
  IoError(std::string_view path, std::string_view trouble);
  /// For trouble at a byte offset, with what was expected there.
  IoError(std::string_view path, std::uint64_t offset, std::string_view expectation);
};

/// Training met numbers that are not finite (a loss, an adjoint, a parameter, a moment), or a model
/// that holds some was to be saved; the text names them. What was on the disk is untouched.
class IDL_EXPORT NotFinite : public Error {
 public:
  using Error::Error;
};

namespace detail {
[[noreturn]] IDL_EXPORT void throw_invalid_argument(const std::string& text);
}  // namespace detail

}  // namespace idl

/// Throws idl::InvalidArgument with `text` unless `condition` holds. Active in every build; `text`
/// is evaluated only on failure.
#define IDL_CHECK(condition, text)                 \
  do {                                             \
    if (!(condition)) [[unlikely]]                 \
      ::idl::detail::throw_invalid_argument(text); \
  } while (false)
