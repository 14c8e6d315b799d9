// SPDX-License-Identifier: MIT
#pragma once

// Which form of fused_cell.cuh's kernel a pass over time is run by.
#include <algorithm>

#include "kernels/cuda/loop/fused_cell.cuh"
#include "kernels/cuda/loop/fused_recurrence.hpp"

namespace idl::cuda {

/// One form of the kernel.
template <class Cell_, int Columns>
struct CellForm {
  using Cell = Cell_;
  static constexpr int k_columns = Columns;

  static index_t tiles(index_t sequences) { return (sequences + Columns - 1) / Columns; }
  /// How often the device takes up tiles until all had their turn.
  static index_t rounds(index_t sequences, int multiprocessors) {
    const index_t room = index_t{Cell::k_together} * multiprocessors;
    return (tiles(sequences) + room - 1) / room;
  }
};

/// What a pass asks of a block.
struct CellSizes {
  index_t states;
  index_t hidden;
  index_t inputs;
  index_t sequences;
};

/// What chooses a form and gives it to `act`: the smallest cell that holds the sizes, in the fewest
/// rounds, since so small an iteration waits more than it computes, and waits for more columns at
/// once (estimated). Among equals the fewest columns per block: then each stops by itself, and a
/// block's iteration is shortest. Cells are tried in the order of their work.
template <class T, class Act>
class CellChoice {
 public:
  CellChoice(const CellSizes& sizes, int multiprocessors, const Act& act)
      : sizes_(sizes), multiprocessors_(multiprocessors), act_(act) {}

  /// Whether there is one. The registers of P: 72, 128, 72, 112 for float, 72 and 64 doubles.
  bool run() const {
    if constexpr (sizeof(T) == 4) {
      return try_cell<CellShape<8, 4, 3, 3, 6, 6, 2, 12>, 1, 4>() ||
             try_cell<CellShape<16, 8, 4, 4, 8, 8, 4, 2>, 1, 2, 4>() ||
             try_cell<CellShape<32, 16, 4, 2, 8, 4, 4, 1>, 1>() ||
             try_cell<CellShape<24, 16, 4, 4, 6, 6, 2, 1>, 1>() ||
             try_cell<CellShape<32, 16, 4, 4, 7, 7, 1, 1>, 1>();
    } else {
      return try_cell<CellShape<8, 4, 3, 3, 6, 6, 2, 8>, 1, 2>() ||
             try_cell<CellShape<32, 8, 2, 2, 8, 8, 2, 1>, 1>();
    }
  }

 private:
  template <class Cell, int... Columns>
  bool try_cell() const {
    if (!Cell::holds(sizes_.states, sizes_.hidden, sizes_.inputs)) return false;
    const index_t fewest =
        std::min({CellForm<Cell, Columns>::rounds(sizes_.sequences, multiprocessors_)...});
    bool taken = false;
    const auto take = [&](auto form) {
      if (taken || form.rounds(sizes_.sequences, multiprocessors_) != fewest) return;
      taken = true;
      act_(form);
    };
    (take(CellForm<Cell, Columns>{}), ...);
    return true;
  }

  CellSizes sizes_;
  int multiprocessors_;
  const Act& act_;
};

template <class T, class Act>
bool choose_cell(const CellSizes& sizes, int multiprocessors, const Act& act) {
  return CellChoice<T, Act>(sizes, multiprocessors, act).run();
}

template <class T>
FusedSolve<T> fused_pass(const RecurrentLoop<T>& loop, MatrixView<T> state) {
  return fused_solve(state, loop, true);
}

/// Those of a description, whose state is `state`.
template <class Described, class T>
PassTimes times_of(const Described& pass, const MatrixView<T>& state) {
  const index_t sequences = pass.lengths.size;
  return {.lengths = pass.lengths.data,
          .sequences = static_cast<int>(sequences),
          .first = static_cast<int>(pass.first),
          .steps = static_cast<int>(state.cols / sequences),
          .warm_start = pass.loop.warm_start};
}

template <class T, class Pass>
void launch_cell(const FusedSolve<T>& solve, const CellFactors<T>& factors, const Pass& pass,
                 index_t inputs, int multiprocessors, CUstream_st* stream) {
  const CellSizes sizes = {factors.states, factors.hidden, inputs, pass.times.sequences};
  choose_cell<T>(sizes, multiprocessors, [&](auto form) {
    using Form = decltype(form);
    using Cell = typename Form::Cell;
    const LaunchShape shape = {.grid = dim3(static_cast<unsigned>(form.tiles(sizes.sequences))),
                               .block = dim3(static_cast<unsigned>(Cell::k_threads)),
                               .shared_bytes = CellMemory<T, Pass, Cell, Form::k_columns>::k_bytes};
    launch(fused_cell_kernel<T, Pass, Cell, Form::k_columns>, shape, stream, solve, factors, pass);
  });
}

}  // namespace idl::cuda
