// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

/// The program's operator new, through which all memory of the library comes: that of the host,
/// that of the device cpu and, in the emulation, that of the device cuda:0. (zlib calls
/// malloc itself and is left alone.)
namespace idl::test {

/// Lets the `number`-th allocation from now on fail, on whichever thread it is; those after it
/// succeed again.
void fail_allocation(std::int64_t number);
/// Ends that. Whether the allocation came.
bool stop_failing();

/// Allocations that have not been released.
std::int64_t live_allocations();
/// Allocations since the program began.
std::int64_t all_allocations();

}  // namespace idl::test
