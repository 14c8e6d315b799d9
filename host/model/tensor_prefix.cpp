// SPDX-License-Identifier: MIT
#include "host/model/tensor_prefix.hpp"

#include <array>
#include <set>
#include <string_view>

#include "host/model/low_rank_tensors.hpp"
#include "host/model/model_file.hpp"
#include "host/model/recurrent_tensors.hpp"
#include "host/model/sparse_tensors.hpp"

namespace idl {
namespace {

constexpr std::array k_blocks = {"A", "B", "C"};

/// The names of `k_blocks` that the file lacks, each after `prefix`; "" where it has them all, or
/// L and R in the place of A.
std::string missing(const io::Safetensors& file, const std::string& prefix) {
  std::string names;
  const bool low_rank = rank_of(file, prefix).has_value();
  for (const std::string_view block : k_blocks)
    if (!has_matrix(file, prefix + std::string(block)) && !(low_rank && block == "A"))
      names += (names.empty() ? "'" : ", '") + prefix + std::string(block) + "'";
  return names;
}

/// All prefixes that some tensor called A, B or C has.
std::set<std::string> prefixes(const io::Safetensors& file) {
  std::set<std::string> found;
  const auto look_at = [&](const std::string& name) {
    for (const char* block : k_blocks) {
      const std::string matrix = name.substr(0, name.rfind(".values"));
      if (!matrix.ends_with(block)) continue;
      const std::string prefix = matrix.substr(0, matrix.size() - 1);
      if (prefix.empty() || prefix.back() == '.') found.insert(prefix);
    }
  };
  for (const auto& [name, array] : file.tensors) look_at(name);
  for (const auto& [name, type] : file.unread) look_at(name);
  return found;
}

[[noreturn]] void refuse(const io::Safetensors& file, const std::string& prefix) {
  throw IoError(file.path, "has no tensor " + missing(file, prefix) +
                               "; a model has A (n, n), or L (n, r) and R (n, r), " +
                               "B (n, p), C (q, n), D (q, p), this file " + tensor_list(file, ""));
}

}  // namespace

std::string tensor_prefix(const io::Safetensors& file, const std::optional<std::string>& given,
                          bool plain_first) {
  if (given) {
    const bool dot = given->empty() || given->back() == '.' || missing(file, *given).empty();
    std::string prefix = *given + (dot ? "" : ".");
    if (!missing(file, prefix).empty()) refuse(file, prefix);
    return prefix;
  }
  if (plain_first)
    for (const char* prefix : {"", k_cell_prefix_with_head, k_cell_prefix})
      if (missing(file, prefix).empty()) return prefix;
  std::string only;
  std::string candidates;
  std::size_t complete = 0;
  const std::set<std::string> all = prefixes(file);
  for (const std::string& prefix : all) {
    if (!missing(file, prefix).empty()) continue;
    ++complete;
    only = prefix;
    candidates += (candidates.empty() ? "'" : ", '") + prefix + "A'";
  }
  if (complete > 1)
    throw IoError(file.path, "holds " + std::to_string(complete) + " models, with " + candidates +
                                 "; prefix (--prefix) says which");
  if (complete == 0) refuse(file, all.size() == 1 ? *all.begin() : "");
  return only;
}

}  // namespace idl
