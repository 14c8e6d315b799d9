// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <type_traits>
#include <variant>

#include "idl/model.hpp"
#include "idl/parameters.hpp"
#include "idl/well_posedness.hpp"
#include "kernels/linear_map.hpp"
#include "kernels/primitives.hpp"

namespace idl {

/// What A is in a model, and all that follows from it. It has no state: M and its layout hold
/// everything that differs from model to model. dM has the layout of M.
template <class T>
class Structure {
 public:
  virtual ~Structure() = default;

  /// The tensors of a model of this shape; with `no_D` there is no D, and where it would be M is
  /// zero.
  virtual ParameterLayout layout(const ModelShape& shape, bool bias, bool no_D) const = 0;
  /// What multiplies the state.
  virtual LinearMap<T> map(ConstMatrixView<T> M, const ParameterLayout& layout) const = 0;
  /// M <- the random parameters that training begins with, before their projection.
  virtual Sequence initial_values(MatrixView<T> M, const ParameterLayout& layout,
                                  std::uint64_t seed) const = 0;
  /// dM <- the gradient by [V; dY] and [X; U], both with one column a sample.
  virtual Sequence gradient(ConstMatrixView<T> VdY, ConstMatrixView<T> XU, MatrixView<T> dM,
                            const ParameterLayout& layout) const = 0;
  /// What brings A into the set of `constraint`.
  /// @throws InvalidArgument where kappa is out of its range
  virtual Projection<T> projection(const WellPosedness& constraint, MatrixView<T> M,
                                   const ParameterLayout& layout) const = 0;
  /// By how much the projection moves a row of A in the ℓ1 norm; negative where the row could be
  /// longer by so much. `magnitudes` are the |A_ij| of row i.
  virtual double row_distance(const WellPosedness& constraint, index_t i,
                              std::span<const double> magnitudes) const = 0;
};

template <class T>
const Structure<T>& dense_structure();
template <class T>
const Structure<T>& strictly_upper_structure();

/// The structure of A under a constraint of this kind.
template <class T>
const Structure<T>& structure_of(WellPosednessKind kind);

template <class T>
const Structure<T>& structure_of(const ImplicitModel<T>& model) {
  return structure_of<T>(model.options().well_posedness.kind);
}

/// The tensors of a model, whatever its precision.
inline ParameterLayout layout_of(const ModelShape& shape, const ModelOptions& options) {
  return structure_of<double>(options.well_posedness.kind)
      .layout(shape, options.bias, options.no_D);
}

/// A projection as steps: one, or none.
template <class T>
Sequence steps_of(const Projection<T>& projection) {
  const auto step = []<class P>(const P& part) -> Sequence {
    if constexpr (std::is_same_v<P, std::monostate>)
      return {};
    else
      return {part};
  };
  return std::visit(step, projection);
}

}  // namespace idl
