// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "host/model/structure/dense.hpp"

namespace idl {

/// A dense M whose A is zero on and below its diagonal, and stays so.
template <class T>
class StrictlyUpperStructure final : public DenseStructure<T> {
 public:
  using DenseStructure<T>::DenseStructure;

  std::shared_ptr<const Structure<T>> clone(Context&) const override {
    return std::make_shared<StrictlyUpperStructure>(this->layout());
  }
  ModelMaps<T> maps(ConstMatrixView<T> M, VectorView<T> transposes) const override;
  Sequence gradient(ConstMatrixView<T> M, ConstMatrixView<T> VdY, ConstMatrixView<T> XU,
                    MatrixView<T> dM, MatrixView<T> inner) const override;
};

}  // namespace idl
