// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "idl/matrix.hpp"
#include "idl/parameters.hpp"

namespace idl {

/// How many entries of which tensors of `M`, a model's parameters or a matrix of their shape, are
/// NaN or infinite: "3 of 25 entries of A, 1 of 20 entries of D", with `prefix` in front of the
/// names; "" where none are. Looked at on the device, where one number comes from; only
/// where that is not finite the entries are fetched and counted. Waits.
template <class T>
std::string non_finite_tensors(Context& context, ConstMatrixView<T> M, const std::string& prefix,
                               const ParameterLayout& layout);

}  // namespace idl
