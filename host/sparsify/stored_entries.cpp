// SPDX-License-Identifier: MIT
#include "host/sparsify/stored_entries.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "idl/csr_matrix.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

/// All entries of a tensor of M, or those above its diagonal.
StoredEntries all_entries(const ParameterTensor& tensor, index_t M_rows, bool strictly_upper) {
  IDL_CHECK(tensor.cols <= std::numeric_limits<std::int32_t>::max(),
            tensor.name + " has " + std::to_string(tensor.cols) +
                " columns, more than compressed rows can have");
  StoredEntries entries = {.matrix = tensor.name, .rows = tensor.rows, .cols = tensor.cols};
  const index_t ld = tensor.ld == 0 ? M_rows : tensor.ld;
  const auto count = static_cast<std::size_t>(tensor.rows * tensor.cols);
  entries.col_indices.reserve(count);
  entries.places.reserve(count);
  for (index_t i = 0; i < tensor.rows; ++i) {
    for (index_t j = strictly_upper ? i + 1 : 0; j < tensor.cols; ++j) {
      entries.col_indices.push_back(static_cast<std::int32_t>(j));
      entries.places.push_back(
          static_cast<std::size_t>(tensor.row + tensor.col * M_rows + i + j * ld));
    }
    entries.row_offsets.push_back(static_cast<std::int64_t>(entries.places.size()));
  }
  return entries;
}

template <class T>
StoredEntries sparse_entries(Context& context, const ImplicitModel<T>& model,
                             const std::string& matrix) {
  CsrArrays<T> arrays = download(context, model.csr(matrix));
  StoredEntries entries = {.matrix = matrix,
                           .sparse = true,
                           .rows = arrays.rows,
                           .cols = arrays.cols,
                           .row_offsets = std::move(arrays.row_offsets),
                           .col_indices = std::move(arrays.col_indices),
                           .places = std::vector<std::size_t>(arrays.values.size())};
  std::iota(entries.places.begin(), entries.places.end(),
            static_cast<std::size_t>(model.layout().at(matrix + ".values").row));
  return entries;
}

/// Marks the `count` entries of largest magnitude among [first, first + magnitudes.size()), of
/// equals the first.
void keep_largest(std::span<const double> magnitudes, std::size_t first, std::size_t count,
                  std::vector<bool>& keep) {
  count = std::min(count, magnitudes.size());
  std::vector<std::size_t> order(magnitudes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                   [&](std::size_t a, std::size_t b) {
                     return magnitudes[a] != magnitudes[b] ? magnitudes[a] > magnitudes[b] : a < b;
                   });
  for (std::size_t k = 0; k < count; ++k) keep[first + order[k]] = true;
}

std::size_t share_of(double density, index_t count) {
  return static_cast<std::size_t>(std::llround(density * static_cast<double>(count)));
}

template <class T>
std::vector<double> magnitudes_of(const StoredEntries& entries, std::span<const T> M) {
  std::vector<double> magnitudes;
  magnitudes.reserve(entries.places.size());
  for (const std::size_t place : entries.places) {
    magnitudes.push_back(std::abs(static_cast<double>(M[place])));
    if (!std::isfinite(magnitudes.back()))
      throw NotFinite("sparsify: an entry of " + entries.matrix + " is not finite");
  }
  return magnitudes;
}

}  // namespace

void check_prunable(const ModelOptions& options) {
  IDL_CHECK(!options.rank, "A is L R^T of rank " + std::to_string(*options.rank) +
                               ", which has no entries that could be kept or left out");
}

template <class T>
std::vector<StoredEntries> stored_entries(Context& context, const ImplicitModel<T>& model) {
  check_prunable(model.options());
  const bool upper =
      model.options().well_posedness.kind == WellPosednessKind::strictly_upper_triangular;
  std::vector<StoredEntries> all;
  for (const ParameterTensor& tensor : model.layout().tensors) {
    const std::string matrix = tensor.name.substr(0, 1);
    all.push_back(model.is_sparse(matrix)
                      ? sparse_entries(context, model, matrix)
                      : all_entries(tensor, model.layout().rows, upper && matrix == "A"));
  }
  return all;
}

StoredEntries kept_entries(const StoredEntries& entries, const std::vector<bool>& keep) {
  StoredEntries kept = {
      .matrix = entries.matrix, .sparse = true, .rows = entries.rows, .cols = entries.cols};
  std::size_t k = 0;
  for (std::size_t i = 1; i < entries.row_offsets.size(); ++i) {
    for (; k < static_cast<std::size_t>(entries.row_offsets[i]); ++k) {
      if (!keep[k]) continue;
      kept.col_indices.push_back(entries.col_indices[k]);
      kept.places.push_back(entries.places[k]);
    }
    kept.row_offsets.push_back(static_cast<std::int64_t>(kept.places.size()));
  }
  return kept;
}

template <class T>
std::vector<bool> choose_entries(const StoredEntries& entries, std::span<const T> M,
                                 const SparsifyOptions& options) {
  const std::vector<double> magnitudes = magnitudes_of(entries, M);
  std::vector<bool> keep(magnitudes.size(), false);
  switch (options.by) {
    case SparsifyRule::magnitude:
      keep_largest(magnitudes, 0, share_of(options.density, entries.rows * entries.cols), keep);
      break;
    case SparsifyRule::row_top_k: {
      const std::size_t share = share_of(options.density, entries.cols);
      const std::size_t count = options.density > 0 ? std::max<std::size_t>(share, 1) : 0;
      for (std::size_t i = 1; i < entries.row_offsets.size(); ++i) {
        const auto first = static_cast<std::size_t>(entries.row_offsets[i - 1]);
        const auto end = static_cast<std::size_t>(entries.row_offsets[i]);
        keep_largest(std::span(magnitudes).subspan(first, end - first), first, count, keep);
      }
      break;
    }
    case SparsifyRule::random: {
      std::mt19937_64 engine(options.seed);
      std::vector<double> lots(magnitudes.size());
      for (double& lot : lots) lot = static_cast<double>(engine() >> 11);
      keep_largest(lots, 0, share_of(options.density, entries.rows * entries.cols), keep);
      break;
    }
    case SparsifyRule::threshold:
      for (std::size_t k = 0; k < keep.size(); ++k) keep[k] = magnitudes[k] >= options.threshold;
      break;
  }
  return keep;
}

template <class T>
ModelMatrix<T> matrix_of(Context& context, const StoredEntries& entries, std::span<const T> M) {
  std::vector<T> values;
  values.reserve(entries.places.size());
  for (const std::size_t place : entries.places) values.push_back(M[place]);
  if (entries.sparse)
    return CsrMatrix<T>(context, entries.rows, entries.cols, entries.row_offsets,
                        entries.col_indices, values);
  const auto rows = static_cast<std::size_t>(entries.rows);
  std::vector<T> by_columns(rows * static_cast<std::size_t>(entries.cols));
  for (std::size_t i = 0, k = 0; i < rows; ++i)
    for (; k < static_cast<std::size_t>(entries.row_offsets[i + 1]); ++k)
      by_columns[i + static_cast<std::size_t>(entries.col_indices[k]) * rows] = values[k];
  return Matrix<T>::from_host(context, entries.rows, entries.cols, by_columns);
}

template <class T>
ModelMatrices<T> matrices_of(Context& context, const std::vector<StoredEntries>& entries,
                             std::span<const T> M) {
  ModelMatrices<T> matrices = {.A = matrix_of(context, entries[0], M),
                               .B = matrix_of(context, entries[1], M),
                               .C = matrix_of(context, entries[2], M)};
  if (entries.size() > 3) matrices.D = matrix_of(context, entries[3], M);
  return matrices;
}

template <class T>
ImplicitModel<T> model_of_entries(Context& context, const std::vector<StoredEntries>& entries,
                                  std::span<const T> M, const ModelOptions& options) {
  return ImplicitModel<T>(context, matrices_of(context, entries, M), options);
}

template <class T>
std::vector<T> values_at(const std::vector<StoredEntries>& entries, std::span<const T> values) {
  std::vector<T> result;
  for (const StoredEntries& of : entries) {
    if (of.sparse) {
      for (const std::size_t place : of.places) result.push_back(values[place]);
      continue;
    }
    const auto cols = static_cast<std::size_t>(of.cols);
    for (std::size_t j = 0; j < cols; ++j)
      for (std::size_t i = 0; i < static_cast<std::size_t>(of.rows); ++i)
        result.push_back(values[of.places[i * cols + j]]);
  }
  return result;
}

template std::vector<StoredEntries> stored_entries(Context&, const ImplicitModel<float>&);
template std::vector<StoredEntries> stored_entries(Context&, const ImplicitModel<double>&);
template std::vector<bool> choose_entries(const StoredEntries&, std::span<const float>,
                                          const SparsifyOptions&);
template std::vector<bool> choose_entries(const StoredEntries&, std::span<const double>,
                                          const SparsifyOptions&);
template ModelMatrix<float> matrix_of(Context&, const StoredEntries&, std::span<const float>);
template ModelMatrix<double> matrix_of(Context&, const StoredEntries&, std::span<const double>);
template ModelMatrices<float> matrices_of(Context&, const std::vector<StoredEntries>&,
                                          std::span<const float>);
template ModelMatrices<double> matrices_of(Context&, const std::vector<StoredEntries>&,
                                           std::span<const double>);
template ImplicitModel<float> model_of_entries(Context&, const std::vector<StoredEntries>&,
                                               std::span<const float>, const ModelOptions&);
template ImplicitModel<double> model_of_entries(Context&, const std::vector<StoredEntries>&,
                                                std::span<const double>, const ModelOptions&);
template std::vector<float> values_at(const std::vector<StoredEntries>&, std::span<const float>);
template std::vector<double> values_at(const std::vector<StoredEntries>&, std::span<const double>);

}  // namespace idl
