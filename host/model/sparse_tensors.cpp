// SPDX-License-Identifier: MIT
#include "host/model/sparse_tensors.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "host/model/model_file.hpp"
#include "idl/error.hpp"
#include "kernels/base/csr_check.hpp"

namespace idl {
namespace {

constexpr std::array k_parts = {".crow_indices", ".col_indices", ".values"};

/// One of the parts. @throws IoError where it has more dimensions than one
const io::Array& part(const io::Safetensors& file, const std::string& name) {
  const io::Array& array = file.at(name);
  if (array.shape.size() != 1)
    throw IoError(file.path, name + " has " + std::to_string(array.shape.size()) +
                                 " dimensions, expected one");
  return array;
}

const io::Array& index_part(const io::Safetensors& file, const std::string& name) {
  const io::Array& array = part(file, name);
  if (array.type != io::DataType::i32 && array.type != io::DataType::i64)
    throw IoError(file.path, name + " holds no indices, expected I32 or I64");
  return array;
}

}  // namespace

bool is_sparse(const io::Safetensors& file, const std::string& matrix) {
  std::string lacks;
  for (const char* suffix : k_parts)
    if (!file.contains(matrix + suffix))
      lacks += (lacks.empty() ? "'" : ", '") + matrix + suffix + "'";
  const bool none = !file.contains(matrix + k_parts[0]) && !file.contains(matrix + k_parts[1]) &&
                    !file.contains(matrix + k_parts[2]);
  if (none) return false;
  if (!lacks.empty())
    throw IoError(file.path, matrix + " is in compressed rows, but there is no " + lacks);
  if (file.contains(matrix))
    throw IoError(file.path, matrix + " is there twice: with all entries as '" + matrix +
                                 "', and in compressed rows as '" + matrix + ".values'");
  return true;
}

index_t sparse_rows(const io::Safetensors& file, const std::string& matrix) {
  const io::Array& offsets = index_part(file, matrix + ".crow_indices");
  if (offsets.shape[0] < 1)
    throw IoError(file.path, matrix + ".crow_indices is empty, expected one more than rows");
  return offsets.shape[0] - 1;
}

template <class T>
CsrArrays<T> read_sparse(const io::Safetensors& file, const std::string& matrix, index_t rows,
                         index_t cols) {
  const CsrNames names = {.matrix = matrix,
                          .row_offsets = matrix + ".crow_indices",
                          .col_indices = matrix + ".col_indices",
                          .values = matrix + ".values"};
  const io::Array& values = part(file, names.values);
  if (values.type != io::DataType::f32 && values.type != io::DataType::f64)
    throw IoError(file.path, names.values + " holds integers, expected F32, F64, F16 or BF16");
  CsrArrays<T> arrays = {.rows = rows,
                         .cols = cols,
                         .row_offsets = index_part(file, names.row_offsets).as<std::int64_t>(),
                         .col_indices = {},
                         .values = {}};
  const std::vector<std::int64_t> columns = index_part(file, names.col_indices).as<std::int64_t>();
  const std::string fault = csr_fault<std::int64_t, std::int64_t>(
      names, rows, cols, arrays.row_offsets, columns, static_cast<std::uint64_t>(values.size()));
  if (!fault.empty()) throw IoError(file.path, fault);
  arrays.col_indices.reserve(columns.size());
  for (const std::int64_t column : columns)
    arrays.col_indices.push_back(static_cast<std::int32_t>(column));
  arrays.values = values.as<T>();
  for (std::size_t k = 0; k < arrays.values.size(); ++k)
    if (!std::isfinite(arrays.values[k]))
      throw IoError(file.path, not_finite_text(names.values + "[" + std::to_string(k) + "]",
                                               values.as<double>()[k]));
  return arrays;
}

void put_pattern(io::Safetensors& file, const std::string& matrix,
                 std::span<const std::int64_t> row_offsets,
                 std::span<const std::int32_t> col_indices) {
  // Of one type, as PyTorch wants them.
  const std::vector<std::int64_t> columns(col_indices.begin(), col_indices.end());
  file.tensors[matrix + ".crow_indices"] =
      io::Array::from<std::int64_t>({static_cast<std::int64_t>(row_offsets.size())}, row_offsets);
  file.tensors[matrix + ".col_indices"] =
      io::Array::from<std::int64_t>({static_cast<std::int64_t>(columns.size())}, columns);
}

template CsrArrays<float> read_sparse(const io::Safetensors&, const std::string&, index_t, index_t);
template CsrArrays<double> read_sparse(const io::Safetensors&, const std::string&, index_t,
                                       index_t);

}  // namespace idl
