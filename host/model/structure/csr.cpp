// SPDX-License-Identifier: MIT
#include "host/model/structure/csr.hpp"

#include <array>
#include <limits>
#include <string>
#include <utility>

#include "idl/error.hpp"

namespace idl {
namespace {

constexpr std::array<const char*, 4> k_matrices = {"A", "B", "C", "D"};

std::vector<TensorSize> sizes_of(const std::vector<TensorStorage>& tensors) {
  std::vector<TensorSize> sizes;
  for (const TensorStorage& storage : tensors) {
    sizes.push_back({.name = k_matrices[sizes.size()],
                     .rows = storage.rows,
                     .cols = storage.cols,
                     .rank = storage.rank});
    if (storage.pattern) sizes.back().stored = storage.pattern->nnz();
  }
  return sizes;
}

}  // namespace

std::vector<TensorSize> matrix_sizes(const ModelShape& shape, const ModelOptions& options) {
  const index_t n = shape.states;
  const index_t p = shape.inputs + (options.bias ? 1 : 0);
  const index_t q = shape.outputs;
  std::vector<TensorSize> sizes = {{.name = "A", .rows = n, .cols = n, .rank = options.rank},
                                   {.name = "B", .rows = n, .cols = p},
                                   {.name = "C", .rows = q, .cols = n}};
  if (!options.no_D) sizes.push_back({.name = "D", .rows = q, .cols = p});
  return sizes;
}

ParameterLayout sparse_layout(const std::vector<TensorSize>& sizes) {
  ParameterLayout layout = {.rows = 0, .cols = 1, .tensors = {}};
  const auto add = [&layout](const std::string& name, index_t rows, index_t cols) {
    // Each size has its range, but their product may have more bits than there are.
    constexpr index_t k_most = std::numeric_limits<index_t>::max() / 16;
    IDL_CHECK(rows == 0 || cols <= (k_most - layout.rows) / rows,
              "ImplicitModel: " + name + " of " + std::to_string(rows) + "x" +
                  std::to_string(cols) + " cannot be addressed");
    layout.tensors.push_back(
        {.name = name, .row = layout.rows, .rows = rows, .cols = cols, .ld = rows});
    layout.rows += rows * cols;
  };
  for (const TensorSize& size : sizes) {
    if (size.stored) {
      layout.tensors.push_back({.name = size.name + ".values",
                                .row = layout.rows,
                                .rows = *size.stored,
                                .cols = 1,
                                .is_vector = true});
      layout.rows += *size.stored;
    } else if (size.rank) {
      add("L", size.rows, *size.rank);
      add("R", size.cols, *size.rank);
    } else {
      add(size.name, size.rows, size.cols);
    }
  }
  return layout;
}

template <class T>
CsrStructure<T>::CsrStructure(std::vector<TensorStorage> tensors, WellPosednessKind constraint)
    : Structure<T>(sparse_layout(sizes_of(tensors))),
      tensors_(std::move(tensors)),
      constraint_(constraint),
      transposed_at_(tensors_.size()) {
  const auto place = [&](std::size_t first) {
    for (std::size_t k = first; k < tensors_.size(); k += 2) {
      transposed_at_[k] = transposed_values_;
      if (tensors_[k].pattern) transposed_values_ += tensors_[k].pattern->nnz();
    }
  };
  place(0);  // A, C
  transposed_before_inputs_ = transposed_values_;
  place(1);  // B, D
}

template <class T>
std::vector<TensorStorage> CsrStructure<T>::storage_on(Context& context) const {
  std::vector<TensorStorage> tensors;
  for (const TensorStorage& storage : tensors_) {
    tensors.push_back({.rows = storage.rows, .cols = storage.cols, .rank = storage.rank});
    if (storage.pattern) tensors.back().pattern = storage.pattern->clone(context);
  }
  return tensors;
}

template <class T>
std::shared_ptr<const Structure<T>> CsrStructure<T>::clone(Context& context) const {
  return std::make_shared<CsrStructure>(storage_on(context), constraint_);
}

template <class T>
LinearMap<T> CsrStructure<T>::map(std::size_t k, ConstMatrixView<T> M,
                                  VectorView<T> transposes) const {
  const ConstMatrixView<T> stored = tensor(k).of(M);
  if (!tensors_[k].pattern) return DenseMap<T>{stored};
  const SparsePattern& pattern = *tensors_[k].pattern;
  // Without their values transposes are none to multiply by.
  return has_transpose(k, transposes.size)
             ? pattern.map(stored.data, transposes.data + transposed_at_[k])
             : CsrMap<T>{.A = pattern.with(stored.data),
                         .longest_row = pattern.longest_row(),
                         .levels = pattern.levels()};
}

template <class T>
LinearMap<T> CsrStructure<T>::state_map(ConstMatrixView<T> M, VectorView<T> transposes) const {
  if (is_dense_upper()) return StrictlyUpperMap<T>{tensor(0).of(M)};
  return map(0, M, transposes);
}

template <class T>
ModelMaps<T> CsrStructure<T>::maps(ConstMatrixView<T> M, VectorView<T> transposes) const {
  ModelMaps<T> maps = {state_map(M, transposes), map(1, M, transposes), map(2, M, transposes)};
  if (tensors_.size() > 3) maps.D = map(3, M, transposes);
  return maps;
}

template <class T>
Sequence CsrStructure<T>::transpose_steps(ConstMatrixView<T> M, VectorView<T> transposes) const {
  Sequence sequence;
  for (std::size_t k = 0; k < tensors_.size(); ++k) {
    if (!has_transpose(k, transposes.size)) continue;
    const SparsePattern& pattern = *tensors_[k].pattern;
    const ConstMatrixView<T> values = tensor(k).of(M);
    sequence.push_back(GatherElements<T>{.from = {values.data, pattern.nnz(), values.device},
                                         .indices = pattern.permutation(),
                                         .to = transposes.range(transposed_at_[k], pattern.nnz())});
  }
  return sequence;
}

template <class T>
Sequence CsrStructure<T>::gradient(ConstMatrixView<T>, ConstMatrixView<T> VdY,
                                   ConstMatrixView<T> XU, MatrixView<T> dM, MatrixView<T>) const {
  Sequence sequence = gradient_from(0, VdY, XU, dM);
  if (is_dense_upper()) sequence.push_back(MaskStrictlyUpper<T>{.A = tensor(0).of(dM)});
  return sequence;
}

template <class T>
Sequence CsrStructure<T>::gradient_from(std::size_t first, ConstMatrixView<T> VdY,
                                        ConstMatrixView<T> XU, MatrixView<T> dM) const {
  const index_t n = tensors_[0].rows;
  Sequence sequence;
  for (std::size_t k = first; k < tensors_.size(); ++k) {
    const TensorStorage& storage = tensors_[k];
    const ConstMatrixView<T> left = VdY.row_range(k < 2 ? 0 : n, storage.rows);
    const ConstMatrixView<T> right = XU.row_range(k % 2 == 0 ? 0 : n, storage.cols);
    const MatrixView<T> gradient = tensor(k).of(dM);
    if (storage.pattern)
      sequence.push_back(
          Sddmm<T>{.V = left, .X = right, .P = storage.pattern->writable(gradient.data)});
    else
      sequence.push_back(Gemm<T>{.A = left, .B = right, .C = gradient, .transpose_B = true});
  }
  return sequence;
}

template <class T>
Projection<T> CsrStructure<T>::projection(const WellPosedness& constraint, MatrixView<T> M) const {
  const MatrixView<T> A = tensor(0).of(M);
  if (!tensors_[0].pattern) return projection_of(constraint, A);
  return projection_of(constraint, tensors_[0].pattern->writable(A.data));
}

template <class T>
const SparsePattern* CsrStructure<T>::pattern(std::string_view tensor) const {
  for (std::size_t k = 0; k < tensors_.size(); ++k)
    if (tensor == k_matrices[k] && tensors_[k].pattern) return &*tensors_[k].pattern;
  return nullptr;
}

template class CsrStructure<float>;
template class CsrStructure<double>;

}  // namespace idl
