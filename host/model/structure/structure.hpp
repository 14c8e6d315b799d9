// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "idl/model.hpp"
#include "idl/parameters.hpp"
#include "idl/well_posedness.hpp"
#include "kernels/linear_map.hpp"
#include "kernels/primitives.hpp"

namespace idl {

class SparsePattern;

/// The maps of X = φ(AX + BU), Y = CX + DU.
template <class T>
struct ModelMaps {
  LinearMap<T> A;
  LinearMap<T> B;
  LinearMap<T> C;
  std::optional<LinearMap<T>> D{};  ///< none with no_D
};

/// What the parameters of a model are, and all that follows from it: the named tensors and their
/// places in M, the maps that they make, their gradient and their projection. It holds no values:
/// these are in M, and dM and an optimiser's moments have the layout of M.
template <class T>
class Structure {
 public:
  explicit Structure(ParameterLayout layout) : layout_(std::move(layout)) {}
  virtual ~Structure() = default;
  Structure(const Structure&) = delete;
  Structure& operator=(const Structure&) = delete;

  const ParameterLayout& layout() const { return layout_; }
  /// The same where the context works.
  virtual std::shared_ptr<const Structure> clone(Context& context) const = 0;

  /// The formula's maps. For products with transposes `transposes` holds what transpose_steps()
  /// made of the same M: of Aᵀ and Cᵀ, and where it has room for them of Bᵀ and Dᵀ.
  virtual ModelMaps<T> maps(ConstMatrixView<T> M, VectorView<T> transposes = {}) const = 0;
  /// Elements that transpose_steps() fills for the adjoint and the gradient, and with `inputs` for
  /// the gradient of the inputs too; 0 where maps are multiplied from either side as they are.
  virtual index_t transposed_values(bool) const { return 0; }
  virtual Sequence transpose_steps(ConstMatrixView<T>, VectorView<T>) const { return {}; }

  /// Random parameters, which are to be projected.
  virtual Sequence random_parameters(MatrixView<T> M, std::uint64_t seed) const;

  /// Y <- CX + DU; [X; U] has one column a sample.
  virtual Sequence output(ConstMatrixView<T> M, ConstMatrixView<T> XU, MatrixView<T> Y,
                          bool batch_invariant) const;
  /// dM <- the gradient by [V; dY] and [X; U], and by M where A is a product of factors. `inner`
  /// has inner_rows(A) rows and a column a sample; what it holds is lost.
  virtual Sequence gradient(ConstMatrixView<T> M, ConstMatrixView<T> VdY, ConstMatrixView<T> XU,
                            MatrixView<T> dM, MatrixView<T> inner) const = 0;
  /// dU <- BᵀV + DᵀdY, of which dU has the first rows.
  virtual Sequence input_gradient(ConstMatrixView<T> M, VectorView<T> transposes,
                                  ConstMatrixView<T> VdY, MatrixView<T> dU,
                                  bool batch_invariant) const;
  /// What brings A into the set of `constraint`.
  /// @throws InvalidArgument where kappa is out of its range
  virtual Projection<T> projection(const WellPosedness& constraint, MatrixView<T> M) const = 0;
  /// What it takes beside that where A = LRᵀ.
  virtual Projection<T> projection_of_L(const WellPosedness&, MatrixView<T>) const { return {}; }
  /// The part of M in which no tensor lies, and which is zero.
  virtual std::optional<ParameterTensor> unused() const { return std::nullopt; }
  Sequence clear_unused(MatrixView<T> M) const {
    const auto part = unused();
    return part ? Sequence{Fill<T>{.Y = part->of(M)}} : Sequence{};
  }
  /// Which entries of "A", "B", "C" or "D" are stored; nullptr where all are.
  virtual const SparsePattern* pattern(std::string_view) const { return nullptr; }

 private:
  ParameterLayout layout_;
};

/// M = [A B; C D] as one matrix; with `no_D` there is no D, and where it would be M is zero. With a
/// rank M is one column.
ParameterLayout layout_of(const ModelShape& shape, const ModelOptions& options);

/// The structure of a model all of whose entries are stored, A as its constraint says.
template <class T>
std::shared_ptr<const Structure<T>> make_dense_structure(const ModelShape& shape,
                                                         const ModelOptions& options);
/// The structure of a model none of whose matrices is in compressed rows, A as its rank and its
/// constraint say.
template <class T>
std::shared_ptr<const Structure<T>> make_structure(Context& context, const ModelShape& shape,
                                                   const ModelOptions& options);

template <class T>
struct detail::Inside<ImplicitModel<T>> {
  std::shared_ptr<const Structure<T>> structure;

  static const std::shared_ptr<const Structure<T>>& of(const ImplicitModel<T>& model) {
    return model.inside_->structure;
  }
  /// A model with copies of these matrices, not projected.
  static ImplicitModel<T> of_matrices(Context& context, const ModelMatrices<T>& matrices,
                                      const ModelOptions& options);
  /// A model whose parameters are what this memory, of the shape of M, holds.
  static ImplicitModel<T> make(Matrix<T> memory, std::shared_ptr<const Structure<T>> structure,
                               const ModelShape& shape, const ModelOptions& options);
  /// predict_into() without its warning.
  static void predict_unannounced(const ImplicitModel<T>& model, Context& context,
                                  ConstMatrixView<T> U, MatrixView<T> Y,
                                  std::optional<MatrixView<T>> X, SolveReport& report,
                                  const SolverOptions& options,
                                  std::optional<ConstMatrixView<T>> X0);
};

template <class T>
const Structure<T>& structure_of(const ImplicitModel<T>& model) {
  return *detail::Inside<ImplicitModel<T>>::of(model);
}

/// What brings A, all of whose entries are stored, into the set of `constraint`.
/// @throws InvalidArgument where kappa is out of its range
template <class T>
Projection<T> projection_of(const WellPosedness& constraint, MatrixView<T> A);
/// The same of an A in compressed rows, of which nothing is stored that has to be zero.
template <class T>
Projection<T> projection_of(const WellPosedness& constraint, CsrView<T> A);

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

extern template class Structure<float>;
extern template class Structure<double>;

}  // namespace idl
