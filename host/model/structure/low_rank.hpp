// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "host/model/structure/csr.hpp"

namespace idl {

/// What keeps LRᵀ in the set of `constraint`, as a constraint on the rows of L and on those of Rᵀ:
/// of the ball κ each has √κ, so rounded that its square does not exceed κ.
WellPosedness of_factors(const WellPosedness& constraint);

/// A = LRᵀ beside B, C and D as CsrStructure has them. The parameters are one column, M: L, R, then
/// what B, C and D store.
template <class T>
class LowRankStructure final : public CsrStructure<T> {
 public:
  /// A, whose rank is set, B, C and, unless there is none, D.
  LowRankStructure(Context& context, std::vector<TensorStorage> tensors);

  std::shared_ptr<const Structure<T>> clone(Context& context) const override {
    return std::make_shared<LowRankStructure>(context, this->storage_on(context));
  }
  Sequence random_parameters(MatrixView<T> M, std::uint64_t seed) const override;
  /// dL = V(RᵀX)ᵀ, dR = X(LᵀV)ᵀ, and those of B, C and D.
  Sequence gradient(ConstMatrixView<T> M, ConstMatrixView<T> VdY, ConstMatrixView<T> XU,
                    MatrixView<T> dM, MatrixView<T> inner) const override;
  /// The columns of R, each of which lies together.
  Projection<T> projection(const WellPosedness& constraint, MatrixView<T> M) const override;
  /// The rows of L.
  Projection<T> projection_of_L(const WellPosedness& constraint, MatrixView<T> M) const override;

 private:
  LinearMap<T> state_map(ConstMatrixView<T> M, VectorView<T> transposes) const override;

  Vector<std::int64_t> columns_of_R_;  ///< where each begins, and where the last one ends
};

extern template class LowRankStructure<float>;
extern template class LowRankStructure<double>;

}  // namespace idl
