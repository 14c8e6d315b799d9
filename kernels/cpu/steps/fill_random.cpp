// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/math/standard_normal.hpp"

namespace idl::cpu {

template <class T>
void execute(const FillRandom<T>& fill, Scratch&) {
  constexpr index_t k_work_of_number = 32;
  const MatrixView<T>& A = fill.A;
  parallel_for(A.cols, A.rows * k_work_of_number, [&](index_t j) {
    for (index_t i = 0; i < A.rows; ++i) {
      const auto index = static_cast<std::uint64_t>(i + j * A.rows);
      const double normal = standard_normal(random_bits(fill.seed, fill.sequence, index));
      A.data[i + j * A.ld] = static_cast<T>(rounded::multiply(fill.scale, normal));
    }
  });
}

template void execute(const FillRandom<float>&, Scratch&);
template void execute(const FillRandom<double>&, Scratch&);

}  // namespace idl::cpu
