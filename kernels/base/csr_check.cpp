// SPDX-License-Identifier: MIT
#include "kernels/base/csr_check.hpp"

#include <limits>

#include "idl/error.hpp"

namespace idl {
namespace {

using std::to_string;

template <class Offset>
std::string offsets_fault(const CsrNames& names, index_t rows, std::span<const Offset> offsets,
                          std::size_t entries) {
  // Not rows + 1, which may overflow.
  if (offsets.empty() || static_cast<std::uint64_t>(rows) != offsets.size() - 1)
    return names.row_offsets + " has " + to_string(offsets.size()) +
           " elements, expected one more than the " + to_string(rows) + " rows";
  if (offsets.front() != 0)
    return names.row_offsets + "[0] is " + to_string(offsets.front()) + ", expected 0";
  for (std::size_t i = 1; i < offsets.size(); ++i)
    if (offsets[i] < offsets[i - 1])
      return names.row_offsets + " falls from " + to_string(offsets[i - 1]) + " to " +
             to_string(offsets[i]) + " at row " + to_string(i - 1);
  if (static_cast<std::uint64_t>(offsets.back()) != entries)
    return names.row_offsets + " ends with " + to_string(offsets.back()) + ", but " +
           names.col_indices + " has " + to_string(entries) + " elements";
  return {};
}

/// Why entry `e` of row `i` cannot be there.
template <class Column>
std::string column_fault(const CsrNames& names, index_t cols, std::span<const Column> columns,
                         std::size_t i, std::size_t e) {
  const std::string entry = names.col_indices + "[" + to_string(e) + "], in row " + to_string(i) +
                            ", is " + to_string(columns[e]);
  if (columns[e] < 0 || columns[e] >= cols)
    return entry + ", expected a column of " + names.matrix + " in [0, " + to_string(cols) + ")";
  if (columns[e] == columns[e - 1]) return entry + " for the second time";
  return entry + " after " + to_string(columns[e - 1]) + ", expected ascending columns";
}

}  // namespace

CsrNames csr_names(const std::string& matrix) {
  return {matrix, matrix + ".row_offsets", matrix + ".col_indices", matrix + ".values"};
}

template <class Offset, class Column>
std::string csr_fault(const CsrNames& names, index_t rows, index_t cols,
                      std::span<const Offset> row_offsets, std::span<const Column> col_indices,
                      std::uint64_t values) {
  if (rows < 0 || cols < 0) return names.matrix + " is " + to_string(rows) + "x" + to_string(cols);
  if (cols > std::numeric_limits<std::int32_t>::max())
    return names.matrix + " has " + to_string(cols) +
           " columns, more than 32-bit indices can tell apart";
  const std::size_t entries = col_indices.size();
  if (values != entries)
    return names.values + " has " + to_string(values) + " elements, " + names.col_indices +
           " has " + to_string(entries);
  if (std::string fault = offsets_fault(names, rows, row_offsets, entries); !fault.empty())
    return fault;
  for (std::size_t i = 0; i + 1 < row_offsets.size(); ++i) {
    const auto begin = static_cast<std::size_t>(row_offsets[i]);
    for (std::size_t e = begin; e < static_cast<std::size_t>(row_offsets[i + 1]); ++e) {
      const Column column = col_indices[e];
      const bool in_range = column >= 0 && column < cols;
      if (!in_range || (e > begin && column <= col_indices[e - 1]))
        return column_fault(names, cols, col_indices, i, e);
    }
  }
  return {};
}

template std::string csr_fault(const CsrNames&, index_t, index_t, std::span<const std::int32_t>,
                               std::span<const std::int32_t>, std::uint64_t);
template std::string csr_fault(const CsrNames&, index_t, index_t, std::span<const std::int32_t>,
                               std::span<const std::int64_t>, std::uint64_t);
template std::string csr_fault(const CsrNames&, index_t, index_t, std::span<const std::int64_t>,
                               std::span<const std::int32_t>, std::uint64_t);
template std::string csr_fault(const CsrNames&, index_t, index_t, std::span<const std::int64_t>,
                               std::span<const std::int64_t>, std::uint64_t);

}  // namespace idl
