// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace idl {

/// More threads than these take no part in one loop.
inline constexpr int k_most_threads = 256;

/// Processors that the calling thread may run on: those of its affinity, and no more than the CPU
/// quota of its cgroup grants; between 1 and k_most_threads.
int available_processors();

/// Threads of a Context that was not given a number: what OMP_NUM_THREADS says (of a list the
/// first), available_processors() where it says nothing that is a number.
int default_threads();

/// What OMP_NUM_THREADS means by `text`: at most k_most_threads; nothing for 0 and what is no
/// number.
std::optional<int> threads_of(std::string_view text);

/// The smallest quota, in processors, on the way from a process's cgroup up to the root: cpu.max of
/// version 2, cpu.cfs_quota_us by cpu.cfs_period_us of version 1; none where no quota is set.
/// `membership` is what /proc/self/cgroup is, `mounts` what /sys/fs/cgroup is. In a container the
/// path in `membership` may be one of the host; then the root of `mounts` is the container's.
std::optional<double> cpu_quota(const std::string& membership, const std::string& mounts);

}  // namespace idl
