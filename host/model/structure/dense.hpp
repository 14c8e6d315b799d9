// SPDX-License-Identifier: MIT
#pragma once

#include "host/model/structure/structure.hpp"

namespace idl {

/// M = [A B; C D] as one matrix, so that its gradient is one product and the optimiser walks it
/// once. A is free or has rows in an ℓ1 ball.
template <class T>
class DenseStructure : public Structure<T> {
 public:
  ParameterLayout layout(const ModelShape& shape, bool bias, bool no_D) const override;
  LinearMap<T> map(ConstMatrixView<T> M, const ParameterLayout& layout) const override;
  /// N(0,1)/n everywhere.
  Sequence initial_values(MatrixView<T> M, const ParameterLayout& layout,
                          std::uint64_t seed) const override;
  /// dM = [V; dY][X; U]ᵀ.
  Sequence gradient(ConstMatrixView<T> VdY, ConstMatrixView<T> XU, MatrixView<T> dM,
                    const ParameterLayout& layout) const override;
  Projection<T> projection(const WellPosedness& constraint, MatrixView<T> M,
                           const ParameterLayout& layout) const override;
  /// The projection of a row onto the ℓ1 ball of radius κ keeps all signs, so that it moves by what
  /// its norm exceeds κ.
  double row_distance(const WellPosedness& constraint, index_t i,
                      std::span<const double> magnitudes) const override;
};

}  // namespace idl
