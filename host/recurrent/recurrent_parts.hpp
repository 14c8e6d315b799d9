// SPDX-License-Identifier: MIT
#pragma once

#include "host/recurrent/recurrent_programs.hpp"
#include "idl/recurrent.hpp"

namespace idl {

/// The parts of a recurrent pass, for those who put it together with other work.
template <class T>
struct detail::Inside<RecurrentPass<T>> {
  /// What forward_async() and backward_async() launch, in this order; that of the backward pass
  /// until d_outputs() is first called.
  static const Programs& forward(RecurrentPass<T>& pass);
  static const Programs& backward(RecurrentPass<T>& pass);
  /// The memory of the pass; entries of its iterations are t·m + b for step t of sequence b.
  static RecurrentPrograms<T>& programs(RecurrentPass<T>& pass);
  static const RecurrentPrograms<T>& programs(const RecurrentPass<T>& pass);
};

extern template struct detail::Inside<RecurrentPass<float>>;
extern template struct detail::Inside<RecurrentPass<double>>;

template <class T>
using RecurrentParts = detail::Inside<RecurrentPass<T>>;

}  // namespace idl
