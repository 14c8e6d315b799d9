// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>

#include "idl/model.hpp"

namespace idl::cli {

/// Writes A, B, C and D (zero where the model has none), activation, kappa and bias as a .mat file;
/// matrices in compressed rows become MATLAB's sparse ones.
/// @param head  [W b] of a recurrent model, written as W and b
/// @throws IoError; InvalidArgument where a matrix is larger than the format can hold
template <class T>
void write_weights(Context& context, const ImplicitModel<T>& model,
                   const std::filesystem::path& path,
                   const std::optional<ConstMatrixView<T>>& head = std::nullopt);

}  // namespace idl::cli
