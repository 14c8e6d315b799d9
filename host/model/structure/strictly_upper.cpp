// SPDX-License-Identifier: MIT
#include "host/model/structure/strictly_upper.hpp"

namespace idl {

template <class T>
ModelMaps<T> StrictlyUpperStructure<T>::maps(ConstMatrixView<T> M, VectorView<T> transposes) const {
  ModelMaps<T> maps = DenseStructure<T>::maps(M, transposes);
  maps.A = StrictlyUpperMap<T>{this->layout().at("A").of(M)};
  return maps;
}

template <class T>
Sequence StrictlyUpperStructure<T>::gradient(ConstMatrixView<T> M, ConstMatrixView<T> VdY,
                                             ConstMatrixView<T> XU, MatrixView<T> dM,
                                             MatrixView<T> inner) const {
  Sequence sequence = DenseStructure<T>::gradient(M, VdY, XU, dM, inner);
  sequence.push_back(MaskStrictlyUpper<T>{.A = this->layout().at("A").of(dM)});
  return sequence;
}

template class StrictlyUpperStructure<float>;
template class StrictlyUpperStructure<double>;

}  // namespace idl
