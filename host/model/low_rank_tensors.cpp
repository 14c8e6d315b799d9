// SPDX-License-Identifier: MIT
#include "host/model/low_rank_tensors.hpp"

#include "host/model/model_file.hpp"
#include "host/model/sparse_tensors.hpp"
#include "idl/error.hpp"

namespace idl {

std::optional<index_t> rank_of(const io::Safetensors& file, const std::string& prefix) {
  const std::string A = prefix + "A";
  const std::string L = prefix + "L";
  const std::string R = prefix + "R";
  if (!file.contains(L) && !file.contains(R)) return std::nullopt;
  const std::string there = file.contains(L) ? L : R;
  if (has_matrix(file, A))
    throw IoError(file.path, A + " is there twice: as itself, and as L R^T by '" + there + "'");
  if (!file.contains(L) || !file.contains(R))
    throw IoError(file.path, A + " is L R^T by '" + there + "', but there is no '" +
                                 (file.contains(L) ? R : L) + "'");
  return parameter_matrix(file, L).shape[1];
}

}  // namespace idl
