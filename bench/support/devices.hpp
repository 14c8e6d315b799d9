// SPDX-License-Identifier: MIT
#pragma once

#include <benchmark/benchmark.h>

#include <string>
#include <type_traits>

#include "idl/device.hpp"

namespace idl::bench {

/// Registers the benches of one file for one device.
using Registration = void (*)(Device);

/// What the cases of a program are compared with: only where it is the limits are they measured.
enum class Compares { with_limits, with_nothing };

/// Main calls the registration once for each device of this run. Returns true, so that it can
/// initialise a constant.
bool add_benches(Registration registration, Compares compares = Compares::with_limits);

/// What this machine does at best, measured at the start of the run: the limits that benches
/// compare with.
struct Rates {
  double flops = 0;  ///< per second, of a large GEMM in the precision
  double bytes = 0;  ///< per second, read plus written, of a large copy
};
template <class T>
const Rates& rates(Device device);

/// The least time that this many flops and bytes can take.
template <class T>
double limit_seconds(Device device, double flops, double bytes) {
  const Rates& best = rates<T>(device);
  const double computing = flops / best.flops;
  const double moving = bytes / best.bytes;
  return computing > moving ? computing : moving;
}

template <class T>
std::string case_name(const std::string& what, Device device) {
  return what + "/" + to_string(device) + (std::is_same_v<T, float> ? "/f32" : "/f64");
}

/// Registers `body`, a function of (benchmark::State&), which takes the time itself; an exception
/// is recorded as the case's error.
template <class Body>
benchmark::internal::Benchmark* add_case(const std::string& name, Body body) {
  return benchmark::RegisterBenchmark(name.c_str(),
                                      [body](benchmark::State& state) {
                                        try {
                                          body(state);
                                        } catch (const std::exception& error) {
                                          state.SkipWithError(error.what());
                                        }
                                      })
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace idl::bench
