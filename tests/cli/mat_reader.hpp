// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>
#include <matio.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "idl/error.hpp"

namespace idl::test {

/// What matio, another implementation of the format, reads.
class MatReader {
 public:
  explicit MatReader(const std::filesystem::path& path)
      : file_(Mat_Open(path.c_str(), MAT_ACC_RDONLY), &Mat_Close) {
    if (!file_) throw IoError(path.string(), "matio cannot open it");
  }

  using Variable = std::unique_ptr<matvar_t, void (*)(matvar_t*)>;
  Variable read(const char* name) const {
    Variable variable(Mat_VarRead(file_.get(), name), &Mat_VarFree);
    if (!variable) throw IoError(name, "matio cannot read it");
    EXPECT_EQ(variable->rank, 2);
    return variable;
  }
  std::size_t count() const {
    std::size_t count = 0;
    static_cast<void>(Mat_GetDir(file_.get(), &count));
    return count;
  }

 private:
  std::unique_ptr<mat_t, int (*)(mat_t*)> file_;
};

template <class T>
std::vector<T> values_of(const matvar_t& variable) {
  const auto* const begin = static_cast<const T*>(variable.data);
  return {begin, begin + variable.dims[0] * variable.dims[1]};
}

/// The entries of a sparse matrix of doubles, column-major, those that are not stored being 0.
inline std::vector<double> dense_values_of(const matvar_t& variable) {
  EXPECT_EQ(variable.class_type, MAT_C_SPARSE);
  const auto& sparse = *static_cast<const mat_sparse_t*>(variable.data);
  const auto* const values = static_cast<const double*>(sparse.data);
  std::vector<double> dense(variable.dims[0] * variable.dims[1], 0.0);
  for (std::size_t j = 0; j < variable.dims[1]; ++j)
    for (std::size_t e = sparse.jc[j]; e < sparse.jc[j + 1]; ++e)
      dense[sparse.ir[e] + j * variable.dims[0]] = values[e];
  return dense;
}

}  // namespace idl::test
