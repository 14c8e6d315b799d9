// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "idl/model.hpp"
#include "idl/sparsify.hpp"

/// The entries that a model stores, one by one, on the host: to choose among them.
namespace idl {

/// Those of one of A, B, C and D, row by row, columns ascending.
struct StoredEntries {
  std::string matrix;  ///< "A", "B", "C" or "D"
  bool sparse = false;
  index_t rows = 0;
  index_t cols = 0;
  std::vector<std::int64_t> row_offsets{0};
  std::vector<std::int32_t> col_indices{};
  std::vector<std::size_t> places{};  ///< in M, contiguous and column-major
};

/// @throws InvalidArgument where A = LRᵀ, of which no entries are stored
void check_prunable(const ModelOptions& options);

/// Of the matrices of the model that there are. @throws as check_prunable
template <class T>
std::vector<StoredEntries> stored_entries(Context& context, const ImplicitModel<T>& model);

/// Those of which keep(k) is true, k the number of the entry, in compressed rows.
StoredEntries kept_entries(const StoredEntries& entries, const std::vector<bool>& keep);

/// Which entries stay by the rule, of the values of M. @throws NotFinite
template <class T>
std::vector<bool> choose_entries(const StoredEntries& entries, std::span<const T> M,
                                 const SparsifyOptions& options);

/// The matrix of these entries with the values that they have in M.
template <class T>
ModelMatrix<T> matrix_of(Context& context, const StoredEntries& entries, std::span<const T> M);

/// The matrices of a model of these entries with the values that they have in M.
template <class T>
ModelMatrices<T> matrices_of(Context& context, const std::vector<StoredEntries>& entries,
                             std::span<const T> M);

/// A model of them.
template <class T>
ImplicitModel<T> model_of_entries(Context& context, const std::vector<StoredEntries>& entries,
                                  std::span<const T> M, const ModelOptions& options);

/// What `values`, of the layout of M, holds at these entries, in the layout of model_of_entries().
template <class T>
std::vector<T> values_at(const std::vector<StoredEntries>& entries, std::span<const T> values);

}  // namespace idl
