// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>

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

/// Runs `action` with its `number`-th allocation failing. Whether that allocation came; sets `text`
/// where anything but a lack of memory was reported.
bool run_with_failure(const std::function<void()>& action, std::int64_t number, std::string& text);

/// Runs `action` again and again, with one more allocation granted each time, until none fails.
/// `check` is called after every failure, with memory to be had again. A `stride` skips some.
void fail_at_every_allocation(
    const std::function<void()>& action, const std::function<void()>& check = [] {},
    std::int64_t stride = 1);

}  // namespace idl::test
