// SPDX-License-Identifier: MIT
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <type_traits>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/row_tiles.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/magnitude.hpp"
#include "kernels/math/l1_projection.hpp"

// The steps are those of kernels/math/l1_projection.hpp, taken for 32 rows at once: each step is a
// sweep over the columns with one lane per row. A row that is done earlier than its neighbours runs
// along without effect.
namespace idl::cpu {
namespace {

template <class T>
struct Tile {
  T* a;
  index_t ld;
  index_t rows;
  index_t cols;
};

struct Lanes {
  double at[k_tile_rows];
};

struct RowStates {
  Lanes sum;             // Σ|a_i|, later Σ of the gaps, of the projected magnitudes
  Lanes count;           // active entries
  Lanes previous_count;  // at the Newton step before
  Lanes poison;          // 0, or NaN where an entry is not finite
  Lanes largest;         // max |a_i|
  Lanes tau;
  bool projected[k_tile_rows];
};

// step(column j of the tile, number of rows) for all columns. Full tiles get the number as a
// constant, which lets the compiler unroll the loop over the lanes and keep them in registers.
template <class T, class Step>
__attribute__((always_inline)) inline void sweep(const Tile<T>& tile, const Step& step) {
  const Tile<T> t = tile;
  if (t.rows == k_tile_rows) {
    constexpr std::integral_constant<index_t, k_tile_rows> k_rows;
    for (index_t j = 0; j < t.cols; ++j) step(t.a + j * t.ld, k_rows);
  } else {
    for (index_t j = 0; j < t.cols; ++j) step(t.a + j * t.ld, t.rows);
  }
}

// x where the mask is all ones, 0 where it is 0. In place of a conditional, which compilers turn
// into a branch and then do not vectorise.
inline double keep(double x, std::int64_t mask) {
  return std::bit_cast<double>(std::bit_cast<std::int64_t>(x) & mask);
}

template <class T>
void measure(const Tile<T>& tile, RowStates& s) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Lanes sum{};
    Lanes poison{};
    Lanes largest{};
    sweep(
        tile, [&](const T* column, auto rows) __attribute__((always_inline)) {
          for (index_t l = 0; l < rows; ++l) {
            const double value = std::abs(static_cast<double>(column[l]));
            sum.at[l] += value;
            poison.at[l] += value - value;
            largest.at[l] = value > largest.at[l] ? value : largest.at[l];
          }
        });
    s.sum = sum;
    s.poison = poison;
    s.largest = largest;
  });
}

// Sums and counts the gaps below tau.
template <class T>
void sum_gaps(const Tile<T>& tile, RowStates& s) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Lanes sum{};
    Lanes count{};
    const Lanes largest = s.largest;
    const Lanes tau = s.tau;
    sweep(
        tile, [&](const T* column, auto rows) __attribute__((always_inline)) {
          for (index_t l = 0; l < rows; ++l) {
            const double gap = largest.at[l] - std::abs(static_cast<double>(column[l]));
            const std::int64_t active = gap < tau.at[l] ? -1 : 0;
            sum.at[l] += keep(gap, active);
            count.at[l] += keep(1.0, active);
          }
        });
    s.sum = sum;
    s.count = count;
  });
}

// Σ of the magnitudes that the row would have with its tau.
template <class T>
void sum_shrunk(const Tile<T>& tile, RowStates& s) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Lanes sum{};
    const Lanes largest = s.largest;
    const Lanes tau = s.tau;
    sweep(
        tile, [&](const T* column, auto rows) __attribute__((always_inline)) {
          for (index_t l = 0; l < rows; ++l) {
            sum.at[l] += std::abs(static_cast<double>(shrink(column[l], largest.at[l], tau.at[l])));
          }
        });
    s.sum = sum;
  });
}

// Newton's method for tau in all projected rows.
template <class T>
void solve_for_tau(const Tile<T>& tile, double radius, RowStates& s) {
  for (index_t l = 0; l < tile.rows; ++l) {
    s.tau.at[l] = radius;
    s.previous_count.at[l] = std::numeric_limits<double>::infinity();
  }
  for (bool changed = true; changed;) {
    sum_gaps(tile, s);
    changed = false;
    for (index_t l = 0; l < tile.rows; ++l) {
      if (!s.projected[l] || s.count.at[l] >= s.previous_count.at[l]) continue;
      changed = true;
      s.previous_count.at[l] = s.count.at[l];
      s.tau.at[l] = next_tau(radius, s.sum.at[l], static_cast<std::int64_t>(s.count.at[l]));
    }
  }
}

// Lowers tau where roundings have left a row outside the ball.
template <class T>
void settle_inside(const Tile<T>& tile, double radius, RowStates& s) {
  bool lowered = true;
  for (int attempt = 0; lowered; ++attempt) {
    sum_shrunk(tile, s);
    lowered = false;
    for (index_t l = 0; l < tile.rows; ++l) {
      if (!s.projected[l]) continue;
      const auto count = static_cast<std::int64_t>(s.previous_count.at[l]);
      if (l1_ball_holds_in_any_order(s.sum.at[l], radius, count)) continue;
      lowered = true;
      s.tau.at[l] = lower_tau(s.tau.at[l], s.sum.at[l], radius, count, attempt);
    }
  }
}

template <class T>
void write_tile(const Tile<T>& tile, const RowStates& s, std::int32_t* zeros) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Magnitude<T> count[k_tile_rows] = {};  // integers as wide as T
    Magnitude<T> projected[k_tile_rows];
    std::copy_n(s.projected, k_tile_rows, projected);
    const Lanes largest = s.largest;
    const Lanes tau = s.tau;
    sweep(
        tile, [&](T * column, auto rows) __attribute__((always_inline)) {
          // Two loops, one over doubles and one over T: mixed they are not vectorised.
          T shrunk[k_tile_rows];
          for (index_t l = 0; l < rows; ++l)
            shrunk[l] = shrink(column[l], largest.at[l], tau.at[l]);
          for (index_t l = 0; l < rows; ++l) {
            const T value = projected[l] != 0 ? shrunk[l] : column[l];
            column[l] = value;
            count[l] += value == T(0) ? 1 : 0;
          }
        });
    if (zeros == nullptr) return;
    for (index_t l = 0; l < tile.rows; ++l) zeros[l] = static_cast<std::int32_t>(count[l]);
  });
}

template <class T>
void project_tile(const Tile<T>& tile, double radius, std::int32_t* zeros) {
  RowStates s{};
  measure(tile, s);
  bool any = false;
  for (index_t l = 0; l < tile.rows; ++l) {
    s.projected[l] = s.poison.at[l] == 0.0 && !l1_ball_holds(s.sum.at[l], radius);
    any = any || s.projected[l];
  }
  if (any) {
    solve_for_tau(tile, radius, s);
    settle_inside(tile, radius, s);
  }
  if (any || zeros != nullptr) write_tile(tile, s, zeros);
}

}  // namespace

template <class T>
void execute(const ProjectRowsL1<T>& p, Scratch&) {
  constexpr index_t k_sweeps = 8;
  const auto radius = static_cast<double>(p.radius);
  for_each_row_tile(p.A.rows, p.A.cols * k_sweeps, [&](index_t first, index_t rows) {
    project_tile(Tile<T>{p.A.data + first, p.A.ld, rows, p.A.cols}, radius,
                 p.zeros.size > 0 ? p.zeros.data + first : nullptr);
  });
}

template void execute(const ProjectRowsL1<float>&, Scratch&);
template void execute(const ProjectRowsL1<double>&, Scratch&);

}  // namespace idl::cpu
