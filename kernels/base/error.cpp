// SPDX-License-Identifier: MIT
#include "idl/error.hpp"

namespace idl {
namespace {

std::string device_error_text(std::string_view library, std::string_view call,
                              std::string_view code, std::string_view place) {
  std::string text(library);
  text.append(": ").append(call).append(" failed with ").append(code);
  if (!place.empty()) text.append(" at ").append(place);
  return text;
}

std::string out_of_memory_text(std::string_view where, std::size_t requested,
                               std::size_t available) {
  std::string text = "out of memory on ";
  text.append(where);
  if (requested > 0) text.append(": ").append(std::to_string(requested)).append(" bytes asked for");
  if (available > 0) text.append(", ").append(std::to_string(available)).append(" bytes free");
  return text;
}

std::string io_error_text(std::string_view path, std::string_view trouble) {
  return std::string(path).append(": ").append(trouble);
}

std::string io_error_text(std::string_view path, std::uint64_t offset,
                          std::string_view expectation) {
  return std::string(path)
      .append(": at byte ")
      .append(std::to_string(offset))
      .append(": expected ")
      .append(expectation);
}

}  // namespace

DeviceError::DeviceError(std::string_view library, std::string_view call, std::string_view code,
                         std::string_view place)
    : Error(device_error_text(library, call, code, place)) {}

OutOfMemory::OutOfMemory(std::string_view where, std::size_t requested, std::size_t available)
    : Error(out_of_memory_text(where, requested, available)),
      requested_(requested),
      available_(available) {}

IoError::IoError(std::string_view path, std::string_view trouble)
    : Error(io_error_text(path, trouble)) {}

IoError::IoError(std::string_view path, std::uint64_t offset, std::string_view expectation)
    : Error(io_error_text(path, offset, expectation)) {}

namespace detail {

void throw_invalid_argument(const std::string& text) { throw InvalidArgument(text); }

}  // namespace detail
}  // namespace idl
