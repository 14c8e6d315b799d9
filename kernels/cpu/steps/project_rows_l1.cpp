// SPDX-License-Identifier: MIT
// ProjectRowsL1 and ProjectCsrRowsL1.
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
#include "kernels/optimiser_factors.hpp"

// The steps are those of kernels/math/l1_projection.hpp, each a sweep over entries by 32 lanes. In
// a column-major matrix a lane has a row of its own, and a row that is done earlier than its
// neighbours runs along without effect. The entries of a compressed row lie side by side: there all
// lanes share one row, and what they have summed is joined after each sweep.
namespace idl::cpu {
namespace {

constexpr index_t k_row_lanes = k_tile_rows;

struct Lanes {
  double at[k_row_lanes];
};

struct RowStates {
  Lanes sum;             // Σ|a_i|, later Σ of the gaps, of the projected magnitudes
  Lanes count;           // active entries
  Lanes previous_count;  // at the Newton step before
  Lanes poison;          // 0, or NaN where an entry is not finite
  Lanes largest;         // max |a_i|
  Lanes tau;
  bool projected[k_row_lanes];
  bool changed[k_row_lanes];  // projected, or inside and shrunk
};

// Neighbouring rows of a column-major matrix, one for a lane.
template <class T>
struct Tile {
  T* a;
  index_t ld;
  index_t rows;
  index_t cols;

  // step(entries of the lanes, number of lanes) for all entries. Where all lanes take part their
  // number is a constant, which lets the compiler unroll the loop over them and keep them in
  // registers.
  template <class Step>
  __attribute__((always_inline)) inline void sweep(const Step& step) const {
    const Tile t = *this;
    if (t.rows == k_row_lanes) {
      constexpr std::integral_constant<index_t, k_row_lanes> k_rows;
      for (index_t j = 0; j < t.cols; ++j) step(t.a + j * t.ld, k_rows);
    } else {
      for (index_t j = 0; j < t.cols; ++j) step(t.a + j * t.ld, t.rows);
    }
  }
  template <class Join>
  static void join(Lanes&, const Join&) {}
  template <class V>
  static void spread(V (&)[k_row_lanes]) {}
  static void finish() {}
  static index_t added_zeros() { return 0; }
};

// A row whose entries lie side by side; lane l has entries l, l + 32, … The last lanes may have a
// zero more, which changes no projection, so that all sweeps are of all lanes.
template <class T>
class AdjacentRow {
 public:
  AdjacentRow(T* entries, index_t count)
      : cols(count), a_(entries), whole_(count - count % k_row_lanes) {
    std::copy_n(a_ + whole_, cols - whole_, rest_);
  }

  template <class Step>
  __attribute__((always_inline)) inline void sweep(const Step& step) {
    T* const a = a_;
    const index_t whole = whole_;
    constexpr std::integral_constant<index_t, k_row_lanes> k_all;
    for (index_t j = 0; j < whole; j += k_row_lanes) step(a + j, k_all);
    if (whole < cols) step(+rest_, k_all);
  }
  // The first lane gets what join makes of all lanes.
  template <class Join>
  static void join(Lanes& lanes, const Join& join) {
    for (index_t half = k_row_lanes / 2; half > 0; half /= 2)
      for (index_t l = 0; l < half; ++l) lanes.at[l] = join(lanes.at[l], lanes.at[l + half]);
  }
  // All lanes get what the first has.
  template <class V>
  static void spread(V (&lanes)[k_row_lanes]) {
    std::fill_n(lanes, k_row_lanes, lanes[0]);
  }
  void finish() { std::copy_n(rest_, cols - whole_, a_ + whole_); }
  index_t added_zeros() const { return (k_row_lanes - cols % k_row_lanes) % k_row_lanes; }

  const index_t rows = 1;
  const index_t cols;

 private:
  T* a_;
  index_t whole_;
  T rest_[k_row_lanes] = {};
};

constexpr auto k_plus = [](double a, double b) { return a + b; };
constexpr auto k_larger = [](double a, double b) { return b > a ? b : a; };

// x where the mask is all ones, 0 where it is 0. In place of a conditional, which compilers turn
// into a branch and then do not vectorise.
inline double keep(double x, std::int64_t mask) {
  return std::bit_cast<double>(std::bit_cast<std::int64_t>(x) & mask);
}

template <class Rows>
void measure(Rows& r, double threshold, RowStates& s) {
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Lanes sum{};
    Lanes poison{};
    Lanes largest{};
    const auto take = [&](auto above) __attribute__((always_inline)) {
      r.sweep([&](const auto* entries, auto lanes) __attribute__((always_inline)) {
        for (index_t l = 0; l < lanes; ++l) {
          const double value = std::abs(static_cast<double>(entries[l]));
          sum.at[l] += above(value);
          poison.at[l] += value - value;
          largest.at[l] = value > largest.at[l] ? value : largest.at[l];
        }
      });
    };
    if (threshold > 0)
      take([threshold](double value) { return above_threshold(value, threshold); });
    else
      take([](double value) { return value; });
    s.sum = sum;
    s.poison = poison;
    s.largest = largest;
  });
  r.join(s.sum, k_plus);
  r.join(s.poison, k_plus);
  r.join(s.largest, k_larger);
  r.spread(s.largest.at);
}

// Sums and counts the gaps below tau.
template <class Rows>
void sum_gaps(Rows& r, RowStates& s) {
  r.spread(s.tau.at);
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Lanes sum{};
    Lanes count{};
    const Lanes largest = s.largest;
    const Lanes tau = s.tau;
    r.sweep([&](const auto* entries, auto lanes) __attribute__((always_inline)) {
      for (index_t l = 0; l < lanes; ++l) {
        const double gap = largest.at[l] - std::abs(static_cast<double>(entries[l]));
        const std::int64_t active = gap < tau.at[l] ? -1 : 0;
        sum.at[l] += keep(gap, active);
        count.at[l] += keep(1.0, active);
      }
    });
    s.sum = sum;
    s.count = count;
  });
  r.join(s.sum, k_plus);
  r.join(s.count, k_plus);
}

// Σ of the magnitudes that the row would have with its tau.
template <class Rows>
void sum_shrunk(Rows& r, RowStates& s) {
  r.spread(s.tau.at);
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Lanes sum{};
    const Lanes largest = s.largest;
    const Lanes tau = s.tau;
    r.sweep([&](const auto* entries, auto lanes) __attribute__((always_inline)) {
      for (index_t l = 0; l < lanes; ++l)
        sum.at[l] += std::abs(static_cast<double>(shrink(entries[l], largest.at[l], tau.at[l])));
    });
    s.sum = sum;
  });
  r.join(s.sum, k_plus);
}

// Newton's method for tau in all projected rows.
template <class Rows>
void solve_for_tau(Rows& r, double radius, RowStates& s) {
  for (index_t l = 0; l < r.rows; ++l) {
    s.tau.at[l] = radius;
    s.previous_count.at[l] = std::numeric_limits<double>::infinity();
  }
  for (bool changed = true; changed;) {
    sum_gaps(r, s);
    changed = false;
    for (index_t l = 0; l < r.rows; ++l) {
      if (!s.projected[l] || s.count.at[l] >= s.previous_count.at[l]) continue;
      changed = true;
      s.previous_count.at[l] = s.count.at[l];
      s.tau.at[l] = next_tau(radius, s.sum.at[l], static_cast<std::int64_t>(s.count.at[l]));
    }
  }
}

// Lowers tau where roundings have left a row outside the ball.
template <class Rows>
void settle_inside(Rows& r, double radius, RowStates& s) {
  bool lowered = true;
  for (int attempt = 0; lowered; ++attempt) {
    sum_shrunk(r, s);
    lowered = false;
    for (index_t l = 0; l < r.rows; ++l) {
      if (!s.projected[l]) continue;
      const auto count = static_cast<std::int64_t>(s.previous_count.at[l]);
      if (l1_ball_holds_in_any_order(s.sum.at[l], radius, count)) continue;
      lowered = true;
      s.tau.at[l] = lower_tau(s.tau.at[l], s.sum.at[l], radius, count, attempt);
    }
  }
}

// Zeros of the rows are counted where there is room for them.
template <class T, template <class> class Rows>
void write(Rows<T>& r, RowStates& s, std::int32_t* zeros) {
  r.spread(s.tau.at);
  r.spread(s.largest.at);
  r.spread(s.changed);
  Lanes counts{};
  with_widest_vectors([&](auto) __attribute__((always_inline)) {
    Magnitude<T> count[k_row_lanes] = {};  // integers as wide as T
    Magnitude<T> changed[k_row_lanes];
    std::copy_n(s.changed, k_row_lanes, changed);
    const Lanes largest = s.largest;
    const Lanes tau = s.tau;
    r.sweep([&](T * entries, auto lanes) __attribute__((always_inline)) {
      // Two loops, one over doubles and one over T: mixed they are not vectorised.
      T shrunk[k_row_lanes];
      for (index_t l = 0; l < lanes; ++l) shrunk[l] = shrink(entries[l], largest.at[l], tau.at[l]);
      for (index_t l = 0; l < lanes; ++l) {
        const T value = changed[l] != 0 ? shrunk[l] : entries[l];
        entries[l] = value;
        count[l] += value == T(0) ? 1 : 0;
      }
    });
    for (index_t l = 0; l < k_row_lanes; ++l) counts.at[l] = static_cast<double>(count[l]);
  });
  r.finish();
  if (zeros == nullptr) return;
  r.join(counts, k_plus);
  for (index_t l = 0; l < r.rows; ++l)
    zeros[l] = static_cast<std::int32_t>(counts.at[l]) - static_cast<std::int32_t>(r.added_zeros());
}

template <class Rows>
void project(Rows& r, const L1Prox& prox, std::int32_t* zeros) {
  RowStates s{};
  measure(r, prox.threshold, s);
  bool any = false;
  for (index_t l = 0; l < r.rows; ++l) {
    const bool finite = s.poison.at[l] == 0.0;
    s.projected[l] = finite && !l1_ball_holds(s.sum.at[l], prox, r.cols);
    s.changed[l] = s.projected[l] || (finite && prox.threshold > 0);
    any = any || s.projected[l];
  }
  if (any) {
    solve_for_tau(r, prox.radius, s);
    settle_inside(r, prox.radius, s);
  }
  const Shrinkage inside = shrink_by_threshold(prox.threshold);
  for (index_t l = 0; l < r.rows; ++l) {
    if (s.projected[l]) continue;
    s.largest.at[l] = inside.largest;
    s.tau.at[l] = inside.tau;
  }
  if (any || prox.threshold > 0 || zeros != nullptr) write(r, s, zeros);
}

constexpr index_t k_sweeps = 8;

}  // namespace

template <class T>
void execute(const ProjectRowsL1<T>& p, Scratch&) {
  const L1Prox prox = prox_of(p);
  for_each_row_tile(p.A.rows, p.A.cols * k_sweeps, [&](index_t first, index_t rows) {
    Tile<T> tile = {p.A.data + first, p.A.ld, rows, p.A.cols};
    project(tile, prox, p.zeros.size > 0 ? p.zeros.data + first : nullptr);
  });
}

template <class T>
void execute(const ProjectCsrRowsL1<T>& p, Scratch&) {
  if (p.A.rows == 0) return;
  const L1Prox prox = prox_of(p);
  parallel_for(p.A.rows, (p.A.capacity / p.A.rows + k_row_lanes) * k_sweeps, [&](index_t i) {
    const std::int64_t begin = p.A.row_offsets[i];
    AdjacentRow<T> row(p.A.values + begin, p.A.row_offsets[i + 1] - begin);
    project(row, prox, p.zeros.size > 0 ? p.zeros.data + i : nullptr);
  });
}

template void execute(const ProjectRowsL1<float>&, Scratch&);
template void execute(const ProjectRowsL1<double>&, Scratch&);
template void execute(const ProjectCsrRowsL1<float>&, Scratch&);
template void execute(const ProjectCsrRowsL1<double>&, Scratch&);

}  // namespace idl::cpu
