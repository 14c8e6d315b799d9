// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <vector>

#include "kernels/recurrence.hpp"

namespace idl {

/// The steps of a recurrent pass in the order in which they run.
template <class T>
struct RecurrentSteps {
  struct Step {
    Sequence before;  ///< its solve, and after that of the step before
    FixedPoint<T> solve;
  };
  std::vector<Step> steps;
  Sequence after;  ///< all of them
};

/// `first`, then the steps of a pass or of its adjoint.
template <class T, class Pass>
RecurrentSteps<T> recurrent_steps(const Pass& pass, Sequence first) {
  RecurrentSteps<T> all;
  for (const index_t t : order_of(pass)) {
    append(first, steps_before(pass, t));
    all.steps.push_back({std::exchange(first, {}), solve_of(pass, t)});
    first = steps_after(pass, t);
  }
  all.after = std::move(first);
  return all;
}

}  // namespace idl
