// SPDX-License-Identifier: MIT
#include "host/solver/anderson.hpp"

#include <string>

#include "idl/error.hpp"

namespace idl {

std::string_view to_string(Acceleration acceleration) {
  switch (acceleration) {
    case Acceleration::none:
      return "none";
    case Acceleration::anderson:
      return "anderson";
    case Acceleration::automatic:
      return "automatic";
  }
  return "unknown";
}

Acceleration parse_acceleration(std::string_view name) {
  for (const Acceleration known :
       {Acceleration::none, Acceleration::anderson, Acceleration::automatic})
    if (to_string(known) == name) return known;
  throw InvalidArgument("unknown acceleration '" + std::string(name) +
                        "', known are: none, anderson, automatic");
}

namespace solver {

template <class T>
AndersonHistory<T>::AndersonHistory(Context& context, MatrixView<T> X)
    : X_(X),
      Y_(context, X.rows, X.cols),
      F_even_(context, X.rows, X.cols),
      G_even_(context, X.rows, X.cols),
      F_odd_(context, X.rows, X.cols),
      G_odd_(context, X.rows, X.cols),
      accepted_(context, X.cols),
      points_(context, X.cols) {}

template <class T>
Primitive AndersonHistory<T>::step(const IterationState<T>& iteration) {
  return AndersonMix<T>{.X = X_,
                        .Y = Y_,
                        .F_even = F_even_,
                        .G_even = G_even_,
                        .F_odd = F_odd_,
                        .G_odd = G_odd_,
                        .accepted = accepted_,
                        .points = points_,
                        .fallbacks = iteration.columns().fallbacks,
                        .step_norms = iteration.step_norms(),
                        .status = iteration.status(),
                        .iterations = iteration.columns().iterations};
}

template class AndersonHistory<float>;
template class AndersonHistory<double>;

}  // namespace solver
}  // namespace idl
