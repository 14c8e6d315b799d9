// SPDX-License-Identifier: MIT
#pragma once

#include "idl/matrix.hpp"

namespace idl::cpu {

/// Columns of a loop of which one follows the other, since it is made of the other's answer. A
/// chain is run by one thread.
class ColumnChain {
 public:
  virtual ~ColumnChain() = default;
  /// The first column of chain number `chain`, made ready; −1 where the chain is empty.
  virtual index_t begin(index_t chain, int thread) = 0;
  /// The column after this one, which has stopped, made ready; −1 where the chain has ended.
  virtual index_t follow(index_t column, int thread) = 0;
};

}  // namespace idl::cpu
