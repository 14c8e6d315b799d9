// SPDX-License-Identifier: MIT
#pragma once

// Which form of loop.cuh's kernel a solve is run by.
#include <algorithm>

#include "idl/cuda/fused/loop.cuh"

namespace idl::cuda {

/// The n for which kernels are compiled: those that a block holds alone, n <= 208 in float and 144
/// in double, or those of clusters too, n <= 896 in float and 576 in double.
enum class FusedSizes { one_block, all };

template <class T, FusedSizes Sizes>
inline constexpr index_t k_most_rows = Sizes == FusedSizes::one_block
                                           ? (sizeof(T) == 4 ? 208 : 144)
                                           : (sizeof(T) == 4 ? 896 : 576);

/// One form of the kernel, for a Map.
template <class T, class Map, class Shape, int Columns>
struct FusedForm {
  static constexpr bool k_is_cluster = Shape::k_blocks > 1;
  static constexpr auto k_kernel = fused_loop_kernel<T, Map, Shape, Columns>;
  /// Blocks that run on a multiprocessor at the same time. By their registers, up to 128 for each
  /// thread, the larger ones have it for themselves.
  static constexpr int k_together = Shape::k_threads <= 256 ? 2 : 1;

  static index_t tiles(index_t cols) { return (cols + Columns - 1) / Columns; }
  static LaunchShape launch_shape(index_t cols) {
    return {.grid = dim3(static_cast<unsigned>(tiles(cols) * Shape::k_blocks)),
            .block = dim3(static_cast<unsigned>(Shape::k_threads)),
            .shared_bytes =
                k_norms_at<T, Shape, Columns> + k_norms_bytes<typename Map::Norm, Shape, Columns>,
            .cluster = static_cast<unsigned>(Shape::k_blocks)};
  }
  /// How often the device takes up tiles until all had their turn; 0 where it cannot run the
  /// kernel.
  static index_t rounds(index_t cols, int multiprocessors) {
    index_t room = index_t{k_together} * multiprocessors;
    if constexpr (k_is_cluster) room = most_clusters<k_kernel>(launch_shape(cols));
    return room == 0 ? 0 : (tiles(cols) + room - 1) / room;
  }
};

/// What chooses a form for n×m states and gives it to `act`.
template <class T, class Map, FusedSizes Sizes, class Act>
class FormChoice {
 public:
  FormChoice(index_t n, index_t m, int multiprocessors, const Act& act)
      : n_(n), m_(m), multiprocessors_(multiprocessors), act_(act) {}

  /// The smallest shape that holds n.
  void run() const {
    const bool found = in_a_block();
    if constexpr (Sizes == FusedSizes::all) {
      if (!found) in_clusters();
    }
  }

 private:
  /// The registers of P: 32, 64, 72, 91 in float; 32, 64, 90 in double.
  bool in_a_block() const {
    if constexpr (sizeof(T) == 4) {
      return try_shape<FusedShape<16, 8, 4, 8, 4>, 1, 4>() ||
             try_shape<FusedShape<32, 8, 4, 16, 4>, 1, 2>() ||
             try_shape<FusedShape<64, 8, 3, 24, 4>, 1, 2>() ||
             try_shape<FusedShape<32, 16, 7, 13, 1>, 1>();
    } else {
      return try_shape<FusedShape<32, 8, 2, 8, 2>, 1, 4>() ||
             try_shape<FusedShape<64, 8, 2, 16, 2>, 1>() ||
             try_shape<FusedShape<32, 16, 5, 9, 1>, 1>();
    }
  }
  /// The registers of P: 64, 90, 50, 72, 91, 64, 90, 72, 196 in float; 72, 64, 90, 72, 64, 180 in
  /// double.
  bool in_clusters() const {
    if constexpr (sizeof(T) == 4) {
      return try_shape<FusedShape<32, 16, 4, 16, 4, 2>, 1, 2>() ||
             try_shape<FusedShape<32, 16, 5, 18, 2, 2>, 1>() ||
             try_shape<FusedShape<16, 32, 5, 10, 2, 4>, 1, 2, 4>() ||
             try_shape<FusedShape<32, 16, 3, 24, 4, 4>, 1, 2>() ||
             try_shape<FusedShape<16, 32, 7, 13, 1, 4>, 1>() ||
             try_shape<FusedShape<16, 32, 4, 16, 4, 8>, 1, 2>() ||
             try_shape<FusedShape<16, 32, 5, 18, 2, 8>, 1>() ||
             try_shape<FusedShape<16, 32, 3, 24, 4, 16>, 1>() ||
             try_shape<FusedShape<8, 32, 7, 28, 4, 16>, 1>();
    } else {
      return try_shape<FusedShape<32, 16, 3, 12, 2, 2>, 1>() ||
             try_shape<FusedShape<32, 16, 2, 16, 2, 4>, 1>() ||
             try_shape<FusedShape<16, 32, 5, 9, 1, 4>, 1>() ||
             try_shape<FusedShape<16, 32, 3, 12, 2, 8>, 1>() ||
             try_shape<FusedShape<16, 32, 2, 16, 2, 16>, 1>() ||
             try_shape<FusedShape<8, 32, 5, 18, 2, 16>, 1>();
    }
  }

  /// `Columns` are the numbers of columns per block for which the registers suffice, in ascending
  /// order.
  template <class Shape, int... Columns>
  bool try_shape() const {
    if (n_ > Shape::k_most_rows) return false;
    take_best<FusedForm<T, Map, Shape, Columns>...>();
    return true;
  }

  /// In the fewest rounds: so small an iteration is as much waiting as arithmetic, and waits for
  /// more columns at once (estimated). Among equals the fewest columns per block: then each stops
  /// by itself, and a block's iteration is shortest.
  template <class... Forms>
  void take_best() const {
    // 0 rounds: the device cannot run it.
    index_t fewest = 0;
    for (const index_t rounds : {Forms::rounds(m_, multiprocessors_)...})
      if (rounds > 0 && (fewest == 0 || rounds < fewest)) fewest = rounds;
    bool taken = false;
    const auto take = [&](auto form) {
      if (taken || form.rounds(m_, multiprocessors_) != fewest) return;
      taken = true;
      act_(form);
    };
    (take(Forms{}), ...);
  }

  index_t n_;
  index_t m_;
  int multiprocessors_;
  const Act& act_;
};

template <class T, class Map, FusedSizes Sizes = FusedSizes::all, class Act>
void choose_form(index_t n, index_t m, int multiprocessors, const Act& act) {
  FormChoice<T, Map, Sizes, Act>(n, m, multiprocessors, act).run();
}

/// Enqueues a solve with a dense A of solve.X.rows rows and columns.
template <FusedSizes Sizes = FusedSizes::all, class T, class Map>
void launch_fused(const FusedSolve<T>& solve, const DenseFactor<T>& A, const Map& map,
                  int multiprocessors, CUstream_st* stream) {
  if (solve.X.cols == 0) return;
  choose_form<T, Map, Sizes>(solve.X.rows, solve.X.cols, multiprocessors, [&](auto form) {
    launch(form.k_kernel, form.launch_shape(solve.X.cols), stream, solve, A, map);
  });
}

/// How often the device's clusters have to take up columns of a state of n rows and m columns until
/// all had their turn; 1 for blocks without a cluster; 0 where the device cannot run the kernel, or
/// none holds A.
template <class T, class Map, FusedSizes Sizes = FusedSizes::all>
index_t rounds_of(index_t n, index_t m, int multiprocessors) {
  index_t rounds = 0;
  choose_form<T, Map, Sizes>(n, m, multiprocessors, [&](auto form) {
    rounds = form.k_is_cluster ? form.rounds(m, multiprocessors) : 1;
  });
  return rounds;
}

}  // namespace idl::cuda
