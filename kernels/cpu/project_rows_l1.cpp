// SPDX-License-Identifier: MIT
#include <cmath>

#include "kernels/cpu/execute.hpp"
#include "kernels/cpu/row_tiles.hpp"
#include "kernels/cpu/vector_width.hpp"
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

struct RowStates {
  double sum[k_tile_rows] = {};      // Σ|a_i|, later Σ of the gaps, of the projected magnitudes
  double count[k_tile_rows] = {};    // active entries
  double poison[k_tile_rows] = {};   // 0, or NaN where an entry is not finite
  double largest[k_tile_rows] = {};  // max |a_i|
  double tau[k_tile_rows] = {};
  double previous_count[k_tile_rows] = {};
  bool projected[k_tile_rows] = {};
};

template <class T>
void measure(const Tile<T>& tile, RowStates& s) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    for (index_t j = 0; j < tile.cols; ++j) {
      const T* column = tile.a + j * tile.ld;
      for (index_t l = 0; l < tile.rows; ++l) {
        const double value = std::abs(static_cast<double>(column[l]));
        s.sum[l] += value;
        s.poison[l] += value - value;
        s.largest[l] = value > s.largest[l] ? value : s.largest[l];
      }
    }
  });
}

// Sums and counts the gaps below tau.
template <class T>
void sum_gaps(const Tile<T>& tile, RowStates& s) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    for (index_t l = 0; l < tile.rows; ++l) s.sum[l] = s.count[l] = 0;
    for (index_t j = 0; j < tile.cols; ++j) {
      const T* column = tile.a + j * tile.ld;
      for (index_t l = 0; l < tile.rows; ++l) {
        const double gap = s.largest[l] - std::abs(static_cast<double>(column[l]));
        const bool active = gap < s.tau[l];
        s.sum[l] += active ? gap : 0.0;
        s.count[l] += active ? 1.0 : 0.0;
      }
    }
  });
}

// Σ of the magnitudes that the row would have with its tau.
template <class T>
void sum_shrunk(const Tile<T>& tile, RowStates& s) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    for (index_t l = 0; l < tile.rows; ++l) s.sum[l] = 0;
    for (index_t j = 0; j < tile.cols; ++j) {
      const T* column = tile.a + j * tile.ld;
      for (index_t l = 0; l < tile.rows; ++l) {
        s.sum[l] += std::abs(static_cast<double>(shrink(column[l], s.largest[l], s.tau[l])));
      }
    }
  });
}

// Newton's method for tau in all projected rows.
template <class T>
void solve_for_tau(const Tile<T>& tile, double radius, RowStates& s) {
  for (index_t l = 0; l < tile.rows; ++l) {
    s.tau[l] = radius;
    s.previous_count[l] = -1;
  }
  for (bool changed = true; changed;) {
    sum_gaps(tile, s);
    changed = false;
    for (index_t l = 0; l < tile.rows; ++l) {
      if (!s.projected[l] || s.count[l] == s.previous_count[l]) continue;
      changed = true;
      s.previous_count[l] = s.count[l];
      s.tau[l] = next_tau(radius, s.sum[l], static_cast<std::int64_t>(s.count[l]));
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
      if (!s.projected[l] || l1_ball_holds_in_any_order(s.sum[l], radius, tile.cols)) continue;
      lowered = true;
      s.tau[l] = lower_tau(s.tau[l], s.sum[l], radius, tile.cols,
                           static_cast<std::int64_t>(s.previous_count[l]), attempt);
    }
  }
}

template <class T>
void write_tile(const Tile<T>& tile, const RowStates& s, std::int32_t* zeros) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    std::int32_t count[k_tile_rows] = {};
    for (index_t j = 0; j < tile.cols; ++j) {
      T* column = tile.a + j * tile.ld;
      for (index_t l = 0; l < tile.rows; ++l) {
        const T shrunk = shrink(column[l], s.largest[l], s.tau[l]);
        const T value = s.projected[l] ? shrunk : column[l];
        column[l] = value;
        count[l] += value == T(0) ? 1 : 0;
      }
    }
    if (zeros != nullptr) {
      for (index_t l = 0; l < tile.rows; ++l) zeros[l] = count[l];
    }
  });
}

template <class T>
void project_tile(const Tile<T>& tile, double radius, std::int32_t* zeros) {
  RowStates s;
  measure(tile, s);
  bool any = false;
  for (index_t l = 0; l < tile.rows; ++l) {
    s.projected[l] = s.poison[l] == 0.0 && !l1_ball_holds(s.sum[l], radius);
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
