// SPDX-License-Identifier: MIT
#include "kernels/base/processors.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

namespace idl {
namespace {

int processors_of_affinity() {
#ifdef __linux__
  // Kernels built for more processors than a cpu_set_t holds refuse a set of that size.
  for (std::size_t most = CPU_SETSIZE; most <= std::size_t{64} * CPU_SETSIZE; most *= 2) {
    cpu_set_t* set = CPU_ALLOC(most);
    if (set == nullptr) break;
    const std::size_t bytes = CPU_ALLOC_SIZE(most);
    const bool known = sched_getaffinity(0, bytes, set) == 0;
    const int count = known ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (known) return count;
  }
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

std::string first_line(const std::string& file) {
  std::string line;
  std::ifstream stream(file);
  std::getline(stream, line);
  return line;
}

std::optional<double> positive(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value > 0)) return {};
  return value;
}

std::optional<double> ratio(std::string_view quota, std::string_view period) {
  const auto numerator = positive(quota);  // not of "max" and of -1, which set no quota
  const auto denominator = positive(period);
  if (!numerator || !denominator) return {};
  return *numerator / *denominator;
}

/// "200000 100000" or "max 100000".
std::optional<double> quota_of_version_2(const std::string& group) {
  const std::string line = first_line(group + "/cpu.max");
  const std::size_t space = line.find(' ');
  if (space == std::string::npos) return {};
  return ratio(std::string_view(line).substr(0, space), std::string_view(line).substr(space + 1));
}

std::optional<double> quota_of_version_1(const std::string& group) {
  return ratio(first_line(group + "/cpu.cfs_quota_us"), first_line(group + "/cpu.cfs_period_us"));
}

/// `group` is "/a/b" or "/".
template <class Quota>
void lower_to_ancestors(std::optional<double>& least, const std::string& mount, std::string group,
                        const Quota& quota_of) {
  while (true) {
    if (const auto quota = quota_of(mount + group))
      least = std::min(*quota, least.value_or(*quota));
    const std::size_t slash = group.rfind('/');
    if (slash == std::string::npos) return;
    group.resize(slash);
  }
}

bool lists_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& membership, const std::string& mounts) {
  std::optional<double> least;
  std::ifstream lines(membership);
  // Each is hierarchy:controllers:path; version 2 names no controllers.
  for (std::string line; std::getline(lines, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    if (controllers.empty()) {
      lower_to_ancestors(least, mounts, group, quota_of_version_2);
      lower_to_ancestors(least, mounts + "/unified", group, quota_of_version_2);
    } else if (lists_cpu(controllers)) {
      for (const std::string& folder : {std::string("cpu"), controllers})
        lower_to_ancestors(least, std::string(mounts).append("/").append(folder), group,
                           quota_of_version_1);
    }
  }
  return least;
}

int available_processors() {
  int count = std::clamp(processors_of_affinity(), 1, k_most_threads);
  if (const auto quota = cpu_quota("/proc/self/cgroup", "/sys/fs/cgroup"))
    count = static_cast<int>(std::min<double>(count, std::ceil(*quota)));
  return std::max(count, 1);
}

std::optional<int> threads_of(std::string_view text) {
  text = text.substr(0, text.find(','));
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  text = text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.front() == '-') return {};
  if (error == std::errc::result_out_of_range) return k_most_threads;
  if (error != std::errc() || value == 0) return {};
  return std::min(value, k_most_threads);
}

int default_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  const auto given = text == nullptr ? std::nullopt : threads_of(text);
  return given ? *given : available_processors();
}

}  // namespace idl
