// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>

#include "idl/detail/cuda_callable.hpp"
#include "idl/detail/is_finite.hpp"

/// The element functions of SoftmaxCrossEntropy and SquaredError.
namespace idl {

/// log Σ_i exp(Y_i) − Y_label from the column's maximum and sum = Σ_i exp(Y_i − max).
template <class T>
IDL_CUDA_CALLABLE inline T cross_entropy(T logit_of_label, T max, T sum) {
  return std::log(sum) - (logit_of_label - max);
}

/// scale·(term/sum − [i is the label]) with term = exp(Y_i − max).
template <class T>
IDL_CUDA_CALLABLE inline T cross_entropy_derivative(T term, T sum, bool is_label, T scale) {
  return scale * (term / sum - (is_label ? T(1) : T(0)));
}

/// Whether a column whose largest entry is `largest`, in row `row`, tells its label.
template <class T>
IDL_CUDA_CALLABLE inline bool is_right(T largest, std::int64_t row, std::int32_t label) {
  return row == label && is_finite(largest);
}

/// Whether `label` names one of q classes.
IDL_CUDA_CALLABLE inline bool is_class(std::int32_t label, std::int64_t q) {
  return label >= 0 && label < q;
}

/// scale·(2/q)·(Y − target), given factor = scale·2/q.
template <class T>
IDL_CUDA_CALLABLE inline T squared_error_derivative(T y, T target, T factor) {
  return factor * (y - target);
}

}  // namespace idl
