// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>

#include "idl/detail/column_status.hpp"
#include "kernels/cpu/product/sample_rows.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/steps/activation_loops.hpp"
#include "kernels/loop_updates.hpp"
#include "kernels/math/extrema.hpp"

namespace idl::cpu {
namespace {

/// The sums, or the largest, of the entries so far of each sample of a tile.
template <class T>
struct TileNorms {
  T steps[k_tile_samples] = {};
  T states[k_tile_samples] = {};
};

/// A tile of samples through all states. next(i, j, s) is f of sample j and state i; join(a, b)
/// puts norms together.
template <class T, class Update, class Next, class Join>
void update_tile(const SampleUpdate<T>& u, Update update, index_t first, index_t count,
                 const Next& next, const Join& join) {
  const MatrixView<T> X = state_of(update);
  const ConstMatrixView<T> from = u.from.row_range(first, count);
  TileNorms<T> norms;
  T made[k_tile_samples];
  for (index_t i = 0; i < X.cols; ++i) {
    const T* sums = made;
    if (u.A)
      multiply_row(*u.A, i, from, made);
    else
      sums = product_of(update).data + first + i * product_of(update).ld;
    for (index_t j = 0; j < count; ++j) {
      const T old = from.data[j + i * from.ld];
      T& x = X.data[first + j + i * X.ld];
      if (update.status.data[first + j] != k_running) {
        x = old;
        continue;
      }
      x = next(i, first + j, sums[j]);
      norms.steps[j] = join(norms.steps[j], std::abs(x - old));
      norms.states[j] = join(norms.states[j], std::abs(x));
    }
  }
  for (index_t j = 0; j < count; ++j) {
    if (update.status.data[first + j] != k_running) continue;
    update.step_norms.data[first + j] = norms.steps[j];
    update.state_norms.data[first + j] = norms.states[j];
  }
}

template <class T, class Update, class Next, class Join>
void update_all(const SampleUpdate<T>& u, Update update, const Next& next, const Join& join) {
  const MatrixView<T> X = state_of(update);
  for_each_sample_tile(
      X.rows, (u.A ? u.A->nnz : 0) + 4 * X.cols,
      [&](index_t first, index_t count) { update_tile(u, update, first, count, next, join); });
}

template <class T>
void run(const SampleUpdate<T>& u, const PicardUpdate<T>& update) {
  dispatch_loops<T>(update.activation, [&](const auto& phi) {
    update_all(
        u, update,
        [&](index_t i, index_t j, T s) { return phi(s + update.Z.data[j + i * update.Z.ld]); },
        [](T a, T b) { return larger(a, b); });
  });
}

template <class T>
void run(const SampleUpdate<T>& u, const AdjointUpdate<T>& update) {
  update_all(
      u, update,
      [&](index_t i, index_t j, T w) {
        return update.Psi.data[j + i * update.Psi.ld] * (w + update.G.data[j + i * update.G.ld]);
      },
      [](T a, T b) { return a + b; });
}

}  // namespace

template <class T>
void execute(const SampleUpdate<T>& u, Scratch&) {
  std::visit([&](const auto& update) { run(u, update); }, u.update);
}

template void execute(const SampleUpdate<float>&, Scratch&);
template void execute(const SampleUpdate<double>&, Scratch&);

}  // namespace idl::cpu
