// SPDX-License-Identifier: MIT
#pragma once

#include <span>
#include <string>

#include "idl/data_format.hpp"
#include "idl/matrix.hpp"

namespace idl::cli {

/// A CSV file of predictions, a row for each sample: the name of the class whose output is largest
/// (nothing where an output is not finite), the targets by their names, or the outputs of a model
/// that names neither.
/// @param Y  the outputs of one sample after the other, targets in their own unit
template <class T>
std::string prediction_csv(const DataFormat& data, std::span<const T> Y, index_t outputs);

}  // namespace idl::cli
