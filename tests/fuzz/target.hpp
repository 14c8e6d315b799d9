// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

/// What the fuzz targets share. Each <name>_fuzz.cpp is a program: with libFuzzer it searches for
/// inputs that its reader cannot bear, with replay.cpp it reads those of corpus/<name>.
namespace idl::fuzz {

/// Writes the bytes to a file that lies in memory and hands its path to `read`. A reader may throw
/// Error and nothing else. @returns 0, as libFuzzer asks
int run(const std::uint8_t* data, std::size_t size,
        const std::function<void(const std::filesystem::path&)>& read);

/// What the reader said of the last input; empty where it was accepted.
const std::string& last_refusal();

/// Ends the program, with `what` on standard error, unless `condition` holds: what a reader has
/// accepted is not as it promises.
void require(bool condition, const char* what);

}  // namespace idl::fuzz
