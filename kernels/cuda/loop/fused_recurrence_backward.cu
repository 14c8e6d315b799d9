// SPDX-License-Identifier: MIT
// All steps of a RecurrenceAdjoint in one kernel (fused_cell.cuh).
#include "kernels/cuda/loop/fused_cell_shapes.cuh"

namespace idl::cuda {

template <class T>
void run_fused(const RecurrenceAdjoint<T>& pass, ConstMatrixView<T> products, int multiprocessors,
               CUstream_st* stream) {
  const index_t hidden = rows(pass.C);
  const CellFactors<T> factors = {
      .A = factor_of(pass.A),
      .of_u = factor_of(pass.C),
      .of_x = factor_of(pass.B, pass.inputs),
      .of_u_to_h = pass.D ? factor_of(*pass.D, pass.inputs) : DenseFactor<T>{},
      .states = static_cast<int>(rows(pass.A)),
      .hidden = static_cast<int>(hidden)};
  const ActivationDerivative<T> derivative = {
      .S = products, .Z = pass.Z, .Psi = {}, .activation = pass.activation};
  const CellBackward<T> backward = {
      .map = fused_map(AdjointMap<T>{.G = {}, .Psi = {}, .derivative = derivative}, true),
      .times = times_of(pass, pass.V),
      .before = pass.loop.warm_start ? pass.V_after : ConstMatrixView<T>{},
      .S = products,
      .Z = pass.Z,
      .dH = pass.dH,
      .g = pass.g,
      .h = pass.dh,
      .truncate = static_cast<int>(pass.truncate)};
  launch_cell(fused_pass(pass.loop, pass.V), factors, backward, hidden, multiprocessors, stream);
}

template void run_fused(const RecurrenceAdjoint<float>&, ConstMatrixView<float>, int, CUstream_st*);
template void run_fused(const RecurrenceAdjoint<double>&, ConstMatrixView<double>, int,
                        CUstream_st*);

}  // namespace idl::cuda
