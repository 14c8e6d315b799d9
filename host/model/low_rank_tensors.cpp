// SPDX-License-Identifier: MIT
#include "host/model/low_rank_tensors.hpp"

#include "host/model/model_file.hpp"
#include "host/model/sparse_tensors.hpp"
#include "idl/error.hpp"

namespace idl {

std::optional<index_t> rank_of(const io::Safetensors& file, const std::string& prefix) {
  const auto has = [&](const std::string& name) {
    return file.tensors.contains(name) || file.unread.contains(name);
  };
  const std::string A = prefix + "A";
  const std::string L = prefix + "L";
  const std::string R = prefix + "R";
  if (!has(L) && !has(R)) return std::nullopt;
  const std::string there = has(L) ? L : R;
  if (has(A) || is_sparse(file, A))
    throw IoError(file.path, A + " is there twice: as itself, and as L R^T by '" + there + "'");
  if (!has(L) || !has(R))
    throw IoError(file.path,
                  A + " is L R^T by '" + there + "', but there is no '" + (has(L) ? R : L) + "'");
  return parameter_matrix(file, L).shape[1];
}

}  // namespace idl
