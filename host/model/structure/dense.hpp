// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "host/model/structure/structure.hpp"

namespace idl {

/// M = [A B; C D] as one matrix, so that its gradient is one product and the optimiser walks it
/// once. A is free or has rows in an ℓ1 ball.
template <class T>
class DenseStructure : public Structure<T> {
 public:
  using Structure<T>::Structure;

  std::shared_ptr<const Structure<T>> clone(Context&) const override {
    return std::make_shared<DenseStructure>(this->layout());
  }
  ModelMaps<T> maps(ConstMatrixView<T> M, VectorView<T> transposes) const override;
  /// Y = [C D][X; U].
  Sequence output(ConstMatrixView<T> M, ConstMatrixView<T> XU, MatrixView<T> Y,
                  bool batch_invariant) const override;
  /// dM = [V; dY][X; U]ᵀ.
  Sequence gradient(ConstMatrixView<T> M, ConstMatrixView<T> VdY, ConstMatrixView<T> XU,
                    MatrixView<T> dM, MatrixView<T> inner) const override;
  /// dU = [B; D]ᵀ[V; dY].
  Sequence input_gradient(ConstMatrixView<T> M, VectorView<T> transposes, ConstMatrixView<T> VdY,
                          MatrixView<T> dU, bool batch_invariant) const override;
  Projection<T> projection(const WellPosedness& constraint, MatrixView<T> M) const override;
  /// The place of D, where there is none.
  std::optional<ParameterTensor> unused() const override;

 private:
  index_t states() const { return this->layout().at("A").rows; }
  index_t outputs() const { return this->layout().rows - states(); }
  index_t input_rows() const { return this->layout().cols - states(); }
  bool has_D() const { return this->layout().tensors.size() > 3; }
};

}  // namespace idl
