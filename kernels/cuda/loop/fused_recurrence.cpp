// SPDX-License-Identifier: MIT
#include "kernels/cuda/loop/fused_recurrence.hpp"

#include <cstdint>
#include <limits>
#include <utility>
#include <variant>

#include "kernels/loop/loop_memory.hpp"

namespace idl::cuda {
namespace {

template <class T>
bool is_dense(const LinearMap<T>& map) {
  return std::holds_alternative<DenseMap<T>>(map);
}

template <class T, class Pass>
bool fits_block(const Pass& pass, index_t inputs) {
  const RecurrentLoop<T>& loop = pass.loop;
  const bool dense =
      is_dense(pass.A) && is_dense(pass.B) && is_dense(pass.C) && (!pass.D || is_dense(*pass.D));
  // The kernel counts columns and entries of them by 32 bits.
  // An own activation is compiled into no kernel of the library.
  return dense && pass.activation.kind != ActivationKind::custom && !loop.mix &&
         loop.sweep == Sweep::jacobi && loop.decision.max_iterations > 0 &&
         loop.step_norms.size <= std::numeric_limits<std::int32_t>::max() &&
         holds_cell<T>(rows(pass.A), rows(pass.C), inputs);
}

}  // namespace

template <class T>
bool FusedRecurrence::fits(const Recurrence<T>& pass) {
  return fits_block<T>(pass, cols(pass.B));
}

template <class T>
bool FusedRecurrence::fits(const RecurrenceAdjoint<T>& pass) {
  return fits_block<T>(pass, rows(pass.C));
}

template <class T>
FusedRecurrence FusedRecurrence::make(const std::shared_ptr<Backend>&, const Recurrence<T>& pass,
                                      int multiprocessors) {
  return {{}, [=](CUstream_st* stream) { run_fused(pass, multiprocessors, stream); }};
}

template <class T>
FusedRecurrence FusedRecurrence::make(const std::shared_ptr<Backend>& backend,
                                      const RecurrenceAdjoint<T>& pass, int multiprocessors) {
  const auto memory = std::make_shared<LoopMemory>(backend);
  const MatrixView<T> products = memory->matrix<T>(pass.X.rows, pass.X.cols);
  // With the same bits however many columns there are, as all else of the pass.
  Sequence start = product_steps<T>(pass.A, pass.X, products, {.batch_invariant = true});
  const auto enqueue = [=](CUstream_st* stream) {
    static_cast<void>(memory);  // kept
    run_fused<T>(pass, products, multiprocessors, stream);
  };
  return {std::move(start), enqueue};
}

template bool FusedRecurrence::fits(const Recurrence<float>&);
template bool FusedRecurrence::fits(const Recurrence<double>&);
template bool FusedRecurrence::fits(const RecurrenceAdjoint<float>&);
template bool FusedRecurrence::fits(const RecurrenceAdjoint<double>&);

template FusedRecurrence FusedRecurrence::make(const std::shared_ptr<Backend>&,
                                               const Recurrence<float>&, int);
template FusedRecurrence FusedRecurrence::make(const std::shared_ptr<Backend>&,
                                               const Recurrence<double>&, int);
template FusedRecurrence FusedRecurrence::make(const std::shared_ptr<Backend>&,
                                               const RecurrenceAdjoint<float>&, int);
template FusedRecurrence FusedRecurrence::make(const std::shared_ptr<Backend>&,
                                               const RecurrenceAdjoint<double>&, int);

}  // namespace idl::cuda
