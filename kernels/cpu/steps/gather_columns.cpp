// SPDX-License-Identifier: MIT
// GatherColumns and ScatterColumns.
#include <cstring>
#include <string>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

// The indices are data, which only the run itself can look at.
void check_indices(const char* primitive, VectorView<const std::int32_t> indices, index_t cols,
                   const char* matrix) {
  for (index_t k = 0; k < indices.size; ++k) {
    const std::int32_t index = indices.data[k];
    IDL_CHECK(index >= -1 && index < cols, std::string(primitive) + ": indices[" +
                                               std::to_string(k) + "] is " + std::to_string(index) +
                                               ", " + matrix + " has " + std::to_string(cols) +
                                               " columns");
  }
}

}  // namespace

template <class T>
void execute(const GatherColumns<T>& gather, Scratch&) {
  check_indices("GatherColumns", gather.indices, gather.X.cols, "X");
  if (gather.Y.rows == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(gather.Y.rows) * sizeof(T);
  parallel_for(gather.indices.size, gather.Y.rows, [&](index_t k) {
    const index_t j = gather.indices.data[k];
    if (j < 0) return;
    std::memcpy(gather.Y.data + k * gather.Y.ld, gather.X.data + j * gather.X.ld, bytes);
  });
}

template <class T>
void execute(const ScatterColumns<T>& scatter, Scratch&) {
  check_indices("ScatterColumns", scatter.indices, scatter.Y.cols, "Y");
  if (scatter.Y.rows == 0) return;
  const std::size_t bytes = static_cast<std::size_t>(scatter.Y.rows) * sizeof(T);
  parallel_for(scatter.indices.size, scatter.Y.rows, [&](index_t k) {
    const index_t j = scatter.indices.data[k];
    if (j < 0) return;
    std::memcpy(scatter.Y.data + j * scatter.Y.ld, scatter.X.data + k * scatter.X.ld, bytes);
  });
}

template void execute(const GatherColumns<float>&, Scratch&);
template void execute(const GatherColumns<double>&, Scratch&);
template void execute(const ScatterColumns<float>&, Scratch&);
template void execute(const ScatterColumns<double>&, Scratch&);

}  // namespace idl::cpu
