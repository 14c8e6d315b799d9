// SPDX-License-Identifier: MIT
#include "idl/csr_matrix.hpp"

#include <string>
#include <utility>

#include "host/backend_of.hpp"
#include "host/sparse/transposed_entries.hpp"
#include "idl/context.hpp"
#include "kernels/backend.hpp"
#include "kernels/base/csr_check.hpp"
#include "kernels/operand_checks.hpp"

namespace idl {

template <class T>
CsrArrays<T> transposed(const CsrArrays<T>& A) {
  check_csr<std::int64_t, std::int32_t>("transposed", csr_names("A"), A.rows, A.cols, A.row_offsets,
                                        A.col_indices, A.values.size());
  TransposedEntries pattern = transposed_entries(A.cols, A.row_offsets, A.col_indices);
  CsrArrays<T> result = {.rows = A.cols,
                         .cols = A.rows,
                         .row_offsets = std::move(pattern.row_offsets),
                         .col_indices = std::move(pattern.col_indices),
                         .values = {}};
  result.values.reserve(A.values.size());
  for (const std::int64_t entry : pattern.entries)
    result.values.push_back(A.values[static_cast<std::size_t>(entry)]);
  return result;
}

template CsrArrays<float> transposed(const CsrArrays<float>&);
template CsrArrays<double> transposed(const CsrArrays<double>&);

template <class T>
CsrMatrix<T>::CsrMatrix(index_t rows, index_t cols, Vector<std::int64_t> row_offsets,
                        Vector<std::int32_t> col_indices, Vector<T> values)
    : row_offsets_(std::move(row_offsets)),
      col_indices_(std::move(col_indices)),
      values_(std::move(values)),
      rows_(rows),
      cols_(cols) {}

template <class T>
CsrMatrix<T>::CsrMatrix(Context& context, index_t rows, index_t cols,
                        std::span<const std::int64_t> row_offsets,
                        std::span<const std::int32_t> col_indices, std::span<const T> values)
    : rows_(rows), cols_(cols) {
  check_csr("CsrMatrix", csr_names("A"), rows, cols, row_offsets, col_indices, values.size());
  row_offsets_ = Vector<std::int64_t>::from_host(context, row_offsets);
  col_indices_ = Vector<std::int32_t>::from_host(context, col_indices);
  values_ = Vector<T>::from_host(context, values);
}

template <class T>
CsrMatrix<T> CsrMatrix<T>::from_dense(Context& context,
                                      std::type_identity_t<ConstMatrixView<T>> A) {
  OperandChecks checks("from_dense", context.device());
  checks.input("A", A);
  checks.fits_int32("A", A.cols, "columns");
  Vector<std::int64_t> row_offsets(context, A.rows + 1);
  Vector<std::int64_t> count(context, 1);
  DenseToCsr<T> conversion = {.A = A,
                              .P = {.row_offsets = row_offsets.data(),
                                    .rows = A.rows,
                                    .cols = A.cols,
                                    .device = context.device()},
                              .nnz = count};
  backend_of(context)->run(conversion);  // with room for none, it counts
  const index_t nnz = download(context, count).front();
  Vector<std::int32_t> col_indices(context, nnz);
  Vector<T> values(context, nnz);
  conversion.P.col_indices = col_indices.data();
  conversion.P.values = values.data();
  conversion.P.capacity = nnz;
  if (nnz > 0) backend_of(context)->run(conversion);
  return {A.rows, A.cols, std::move(row_offsets), std::move(col_indices), std::move(values)};
}

template <class T>
CsrMatrix<T> CsrMatrix<T>::clone(Context& context) const {
  return {rows_, cols_, row_offsets_.clone(context), col_indices_.clone(context),
          values_.clone(context)};
}

template <class T>
CsrMatrix<T> CsrMatrix<T>::transposed(Context& context) const {
  return {context, idl::transposed(download(context, *this))};
}

template class CsrMatrix<float>;
template class CsrMatrix<double>;

template <class T>
CsrArrays<T> download(Context& context, ConstCsrView<T> source) {
  OperandChecks("download", context.device()).input("source", source);
  const auto part = [&]<class E>(const E* data, index_t first, index_t count) {
    return download<E>(context, VectorView<const E>{data + first, count, source.device});
  };
  CsrArrays<T> arrays;
  arrays.rows = source.rows;
  arrays.cols = source.cols;
  arrays.row_offsets = part(source.row_offsets, 0, source.rows + 1);
  const std::int64_t first = arrays.row_offsets.front();
  const std::int64_t end = arrays.row_offsets.back();
  IDL_CHECK(first >= 0 && first <= end && end <= source.nnz,
            "download: source.row_offsets go from " + std::to_string(first) + " to " +
                std::to_string(end) + " in " + std::to_string(source.nnz) + " entries");
  for (std::int64_t& offset : arrays.row_offsets) offset -= first;
  if (first == end) return arrays;
  arrays.col_indices = part(source.col_indices, first, end - first);
  arrays.values = part(source.values, first, end - first);
  return arrays;
}

template CsrArrays<float> download(Context&, ConstCsrView<float>);
template CsrArrays<double> download(Context&, ConstCsrView<double>);

}  // namespace idl
