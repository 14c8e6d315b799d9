// SPDX-License-Identifier: MIT
#pragma once

#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/fixed_point.hpp"

namespace idl::solver {

/// What Anderson acceleration keeps beside a state of n×m: five more matrices of that size.
///
/// Columns that go on move from the map's value to a better place. As a column stops before it is
/// moved, its X is the map's value, and the certificate is that of the plain iteration.
template <class T>
class AndersonMemory {
 public:
  AndersonMemory(Context& context, index_t n, index_t m)
      : Y_(context, n, m),
        F_even_(context, n, m),
        G_even_(context, n, m),
        F_odd_(context, n, m),
        G_odd_(context, n, m),
        accepted_(context, m),
        points_(context, m) {}

  AndersonHistory<T> view() { return {Y_, F_even_, G_even_, F_odd_, G_odd_, accepted_, points_}; }

 private:
  Matrix<T> Y_;
  Matrix<T> F_even_;
  Matrix<T> G_even_;
  Matrix<T> F_odd_;
  Matrix<T> G_odd_;
  Vector<T> accepted_;
  Vector<std::int32_t> points_;
};

}  // namespace idl::solver
