// SPDX-License-Identifier: MIT
#pragma once

#include <vector>

#include "idl/model.hpp"

namespace idl {

/// Where a block lies in M.
struct Block {
  const char* name;
  index_t row;
  index_t col;
  index_t rows;
  index_t cols;
};

/// A, B, C and (unless no_D) D.
inline std::vector<Block> blocks_of(const ModelShape& shape, const ModelOptions& options) {
  const index_t n = shape.states;
  const index_t q = shape.outputs;
  const index_t p = shape.inputs + (options.bias ? 1 : 0);
  std::vector<Block> blocks = {{"A", 0, 0, n, n}, {"B", 0, n, n, p}, {"C", n, 0, q, n}};
  if (!options.no_D) blocks.push_back({"D", n, n, q, p});
  return blocks;
}

}  // namespace idl
