// SPDX-License-Identifier: MIT
// All steps of a Recurrence in one kernel (fused_cell.cuh).
#include "kernels/cuda/loop/fused_cell_shapes.cuh"

namespace idl::cuda {

template <class T>
void run_fused(const Recurrence<T>& pass, int multiprocessors, CUstream_st* stream) {
  const CellFactors<T> factors = {.A = factor_of(pass.A),
                                  .of_u = factor_of(pass.B),
                                  .of_x = factor_of(pass.C),
                                  .of_u_to_h = pass.D ? factor_of(*pass.D) : DenseFactor<T>{},
                                  .states = static_cast<int>(rows(pass.A)),
                                  .hidden = static_cast<int>(rows(pass.C))};
  const CellForward<T> forward = {
      .map = fused_map(PicardMap<T>{pass.Z, pass.activation}, true),
      .times = times_of(pass, pass.X),
      .before = pass.loop.warm_start ? pass.X_before : ConstMatrixView<T>{},
      .x = pass.x,
      .U = pass.U,
      .Z = pass.Z,
      .H = pass.H,
      .h = pass.h};
  launch_cell(fused_pass(pass.loop, pass.X), factors, forward, cols(pass.B), multiprocessors,
              stream);
}

template <class T>
bool holds_cell(index_t states, index_t hidden, index_t inputs) {
  return choose_cell<T>({states, hidden, inputs, 1}, 1, [](auto) {});
}

template void run_fused(const Recurrence<float>&, int, CUstream_st*);
template void run_fused(const Recurrence<double>&, int, CUstream_st*);

template bool holds_cell<float>(index_t, index_t, index_t);
template bool holds_cell<double>(index_t, index_t, index_t);

}  // namespace idl::cuda
