// SPDX-License-Identifier: MIT
// ListRunning and MoveStatus.
#include <algorithm>

#include "idl/detail/column_status.hpp"
#include "idl/solver.hpp"
#include "kernels/cpu/runtime/execute.hpp"

namespace idl::cpu {
namespace {

template <class T>
void copy_entries(const ColumnEntries<T>& from, index_t source, const ColumnEntries<T>& to,
                  index_t target) {
  to.columns.status.data[target] = from.columns.status.data[source];
  to.columns.iterations.data[target] = from.columns.iterations.data[source];
  to.columns.best_steps.data[target] = from.columns.best_steps.data[source];
  to.columns.stalled.data[target] = from.columns.stalled.data[source];
  to.step_norms.data[target] = from.step_norms.data[source];
  to.state_norms.data[target] = from.state_norms.data[source];
}

}  // namespace

void execute(const ListRunning& list, Scratch&) {
  std::fill_n(list.indices.data, list.indices.size, -1);
  const auto* end = list.status.data + list.status.size;
  if (std::count(list.status.data, end, k_running) > list.indices.size) return;
  index_t k = 0;
  for (index_t j = 0; j < list.status.size; ++j)
    if (list.status.data[j] == k_running) list.indices.data[k++] = static_cast<std::int32_t>(j);
}

template <class T>
void execute(const MoveStatus<T>& move, Scratch&) {
  for (index_t k = 0; k < move.indices.size; ++k) {
    const index_t j = move.indices.data[k];
    if (j < 0 || j >= move.whole.columns.status.size) {
      if (!move.back) move.part.columns.status.data[k] = k_converged;
    } else if (move.back) {
      copy_entries(move.part, k, move.whole, j);
    } else {
      copy_entries(move.whole, j, move.part, k);
    }
  }
}

template void execute(const MoveStatus<float>&, Scratch&);
template void execute(const MoveStatus<double>&, Scratch&);

}  // namespace idl::cpu
