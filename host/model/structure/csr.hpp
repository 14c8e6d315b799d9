// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/model/structure/structure.hpp"
#include "host/sparse/sparse_pattern.hpp"

namespace idl {

/// Of a matrix of a model: how many entries are stored, where these are not all, or its rank, where
/// it is LRᵀ, which A alone may be.
struct TensorSize {
  std::string name;
  index_t rows = 0;
  index_t cols = 0;
  std::optional<index_t> stored{};
  std::optional<index_t> rank{};
};

/// "A", "B", "C" and, unless there is none, "D", A with its rank, where the options have one.
std::vector<TensorSize> matrix_sizes(const ModelShape& shape, const ModelOptions& options);

/// The layout of A, or L and R, B, C and, unless there is none, D of these sizes, one after the
/// other.
ParameterLayout sparse_layout(const std::vector<TensorSize>& sizes);

/// What is known of a matrix of a model before its values: its sizes, and which entries are stored,
/// where these are not all.
struct TensorStorage {
  index_t rows = 0;
  index_t cols = 0;
  std::optional<SparsePattern> pattern{};
  std::optional<index_t> rank{};  ///< as TensorSize has it
};

/// Of A, B, C and D each in compressed rows or with all entries. The parameters are one column, M:
/// the stored values of the tensors one after the other.
template <class T>
class CsrStructure : public Structure<T> {
 public:
  /// A, B, C and, unless there is none, D. Of an A of which all entries are stored the constraint
  /// tells whether it is strictly upper triangular, of others the pattern does.
  explicit CsrStructure(std::vector<TensorStorage> tensors,
                        WellPosednessKind constraint = WellPosednessKind::none);

  std::shared_ptr<const Structure<T>> clone(Context& context) const override;
  ModelMaps<T> maps(ConstMatrixView<T> M, VectorView<T> transposes) const override;
  index_t transposed_values(bool inputs) const override {
    return inputs ? transposed_values_ : transposed_before_inputs_;
  }
  Sequence transpose_steps(ConstMatrixView<T> M, VectorView<T> transposes) const override;
  /// On the pattern: dA_ij = Σ_k V_ik X_jk for the stored (i, j) alone, and so on.
  Sequence gradient(ConstMatrixView<T> M, ConstMatrixView<T> VdY, ConstMatrixView<T> XU,
                    MatrixView<T> dM, MatrixView<T> inner) const override;
  Projection<T> projection(const WellPosedness& constraint, MatrixView<T> M) const override;
  const SparsePattern* pattern(std::string_view tensor) const override;

 protected:
  /// What the constructor was given, where the context works.
  std::vector<TensorStorage> storage_on(Context& context) const;
  /// The gradient of the matrices from this one on.
  Sequence gradient_from(std::size_t first, ConstMatrixView<T> VdY, ConstMatrixView<T> XU,
                         MatrixView<T> dM) const;
  virtual LinearMap<T> state_map(ConstMatrixView<T> M, VectorView<T> transposes) const;

 private:
  /// That of matrix k; there may be two in the place of A.
  const ParameterTensor& tensor(std::size_t k) const {
    const auto& all = this->layout().tensors;
    return all[all.size() - tensors_.size() + k];
  }
  /// Whether A is strictly upper triangular and all of its entries are stored.
  bool is_dense_upper() const {
    return constraint_ == WellPosednessKind::strictly_upper_triangular && !tensors_[0].pattern &&
           !tensors_[0].rank;
  }
  /// Whether the transpose of tensor k is stored, and among these values.
  bool has_transpose(std::size_t k, index_t values) const {
    const auto& pattern = tensors_[k].pattern;
    return pattern && transposed_at_[k] + pattern->nnz() <= values;
  }
  LinearMap<T> map(std::size_t k, ConstMatrixView<T> M, VectorView<T> transposes) const;

  std::vector<TensorStorage> tensors_;
  WellPosednessKind constraint_;
  /// Where the values of each transpose begin; A and C come before B and D.
  std::vector<index_t> transposed_at_;
  index_t transposed_before_inputs_ = 0;  ///< of A and C
  index_t transposed_values_ = 0;         ///< of all
};

extern template class CsrStructure<float>;
extern template class CsrStructure<double>;

}  // namespace idl
