// SPDX-License-Identifier: MIT
#include <numeric>

#include "host/model/structure/dense.hpp"

namespace idl {
namespace {

/// A dense M whose A is zero on and below its diagonal, and stays so.
template <class T>
class StrictlyUpperStructure final : public DenseStructure<T> {
 public:
  LinearMap<T> map(ConstMatrixView<T> M, const ParameterLayout& layout) const override {
    return StrictlyUpperMap<T>{layout.at("A").of(M)};
  }
  Sequence gradient(ConstMatrixView<T> VdY, ConstMatrixView<T> XU, MatrixView<T> dM,
                    const ParameterLayout& layout) const override {
    Sequence sequence = DenseStructure<T>::gradient(VdY, XU, dM, layout);
    sequence.push_back(MaskStrictlyUpper<T>{.A = layout.at("A").of(dM)});
    return sequence;
  }
  Projection<T> projection(const WellPosedness&, MatrixView<T> M,
                           const ParameterLayout& layout) const override {
    return MaskStrictlyUpper<T>{.A = layout.at("A").of(M)};
  }
  double row_distance(const WellPosedness&, index_t i,
                      std::span<const double> magnitudes) const override {
    const auto forbidden = magnitudes.first(static_cast<std::size_t>(i) + 1);
    return std::accumulate(forbidden.begin(), forbidden.end(), 0.0);
  }
};

}  // namespace

template <class T>
const Structure<T>& strictly_upper_structure() {
  static const StrictlyUpperStructure<T> structure;
  return structure;
}

template const Structure<float>& strictly_upper_structure<float>();
template const Structure<double>& strictly_upper_structure<double>();

}  // namespace idl
