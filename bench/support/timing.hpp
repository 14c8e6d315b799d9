// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>

#include "idl/context.hpp"

namespace idl::bench {

/// The shortest of the times that `work` takes on the context, of at least five runs and a quarter
/// of a second, in seconds. The first run is not counted.
template <class Work>
double seconds_of(Context& context, Work&& work) {
  using Clock = std::chrono::steady_clock;
  work();
  context.synchronize();
  double best = 1e300;
  double total = 0.0;
  for (int k = 0; k < 5 || total < 0.25; ++k) {
    const auto begin = Clock::now();
    work();
    context.synchronize();
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    best = std::min(best, seconds);
    total += seconds;
  }
  return best;
}

}  // namespace idl::bench
