// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

namespace idl {

/// How much a message matters.
enum class Severity : std::uint8_t { info, warning, error };

/// Receives what the library has to say. Called on the thread that uses the Context; it must not
/// throw and must not call back into that Context. Without a callback warnings and errors go to
/// standard error.
using LogCallback = std::function<void(Severity, std::string_view)>;

}  // namespace idl
