// SPDX-License-Identifier: MIT
#pragma once

#include "idl/detail/cuda_callable.hpp"

namespace idl {

template <class T>
IDL_CUDA_CALLABLE inline bool is_finite(T x) {
  return x - x == T(0);
}

}  // namespace idl
