// SPDX-License-Identifier: MIT
#include "host/model/structure/structure.hpp"

namespace idl {

template <class T>
const Structure<T>& structure_of(WellPosednessKind kind) {
  return kind == WellPosednessKind::strictly_upper_triangular ? strictly_upper_structure<T>()
                                                              : dense_structure<T>();
}

template const Structure<float>& structure_of<float>(WellPosednessKind);
template const Structure<double>& structure_of<double>(WellPosednessKind);

}  // namespace idl
