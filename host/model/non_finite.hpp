// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "idl/model.hpp"

namespace idl {

/// How many entries of which blocks of `M`, a matrix of the shape of a model's parameters or of no
/// rows, are NaN or infinite: "3 of 25 entries of A, 1 of 20 entries of D", with `prefix` in front
/// of the names; "" where none are. Looked at on the device, where one number comes from; only
/// where that is not finite the entries are fetched and counted. Waits.
template <class T>
std::string non_finite_blocks(Context& context, ConstMatrixView<T> M, const std::string& prefix,
                              const ModelShape& shape, const ModelOptions& options);

}  // namespace idl
