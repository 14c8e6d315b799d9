// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "idl/parameters.hpp"
#include "idl/recurrent.hpp"

/// How a recurrent model lies in a safetensors file: as the original PyTorch package's ImplicitRNN,
/// or, without a head, as its ImplicitRNNCell.
namespace idl {

/// Metadata that say that a model is recurrent; the cell's matrices alone do not tell.
constexpr const char* k_input_size_key = "input_size";
constexpr const char* k_hidden_size_key = "hidden_size";

constexpr const char* k_cell_prefix = "layer.";
constexpr const char* k_cell_prefix_with_head = "recurrent.layer.";

/// What precedes the names of the cell's tensors.
inline std::string cell_prefix(const RecurrentShape& shape) {
  return shape.outputs > 0 ? k_cell_prefix_with_head : k_cell_prefix;
}

/// What precedes "linear." in a file that has "recurrent.layer." in front of A.
inline std::string head_prefix(const std::string& prefix_of_cell) {
  const std::size_t end = std::string(k_cell_prefix_with_head).size();
  return prefix_of_cell.substr(0, prefix_of_cell.size() - end);
}

/// The tensors of [W b].
inline ParameterLayout head_layout(const RecurrentShape& shape) {
  return {shape.outputs,
          shape.hidden + 1,
          {{"linear.weight", 0, 0, shape.outputs, shape.hidden},
           {"linear.bias", 0, shape.hidden, shape.outputs, 1, 0, true}}};
}

}  // namespace idl
