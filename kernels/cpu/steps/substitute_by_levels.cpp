// SPDX-License-Identifier: MIT
// Columns lie side by side in panels, so that an entry of A multiplies a row of neighbours, and a
// thread takes the rows of its columns level after level. The norm of a column joins its rows in
// their order.
#include <algorithm>
#include <array>

#include "idl/detail/column_status.hpp"
#include "kernels/cpu/product/lanes.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/substituted_rows.hpp"

namespace idl::cpu {
namespace {

/// Cache lines in a row of a panel, at most: two share the reading of A.
constexpr index_t k_lines = 2;
template <class T>
constexpr index_t k_level_lanes = k_lines* k_line_lanes<T>;

/// Rows of a level that are neighbours are multiplied together, as many at most.
constexpr index_t k_level_columns = 32;

/// S, then X; and what else f is made of, the last of it twice where it is one.
template <class T>
struct Panels {
  T* state;
  T* forcing;
  T* slopes;
  index_t lanes;
};

/// Up to so many columns are not worth the packing.
constexpr index_t k_few_samples = 3;

/// Neighbours in a list of rows, from place `at` on.
index_t neighbours(const std::int32_t* rows, std::int64_t at, std::int64_t end) {
  index_t count = 1;
  while (count < k_level_columns && at + count < end && rows[at + count] == rows[at] + count)
    ++count;
  return count;
}

/// visit(first, count) for rows that are neighbours in a level, level after level.
template <class Visit>
__attribute__((always_inline)) inline void for_neighbours(const RowLevels& levels,
                                                          const Visit& visit) {
  const std::int32_t* order = levels.rows.data;
  for (index_t level = 0; level + 1 < levels.offsets.size; ++level) {
    const std::int64_t end = levels.offsets.data[level + 1];
    for (std::int64_t at = levels.offsets.data[level]; at < end;) {
      const index_t count = neighbours(order, at, end);
      visit(static_cast<index_t>(order[at]), count);
      at += count;
    }
  }
}

/// Column j, if it runs, where it lies.
template <class T, class Update, class Rows>
void solve_column(const SubstituteByLevels<T>& s, Update u, const Rows& f, index_t j) {
  if (u.status.data[j] != k_running) return;
  const auto column = [j](const auto& view) { return view.data + j * view.ld; };
  const auto constants = constants_of(u);
  T* x = column(state_of(u));
  const T* S = column(product_of(u));
  const T* forcing = column(*constants.front());
  const T* slopes = column(*constants.back());
  T sums[k_level_columns];
  T norm = T(0);
  for_neighbours(s.levels, [&](index_t first, index_t count) {
    multiply_rows<T>({s.A, first, count}, x, sums);
    for (index_t r = 0; r < count; ++r) x[first + r] = S[first + r] + sums[r];
    f.apply(x + first, forcing + first, slopes + first, count);
    for (index_t r = 0; r < count; ++r) norm = Rows::join(norm, x[first + r]);
  });
  store_norms(u, j, u.join ? Rows::join(u.state_norms.data[j], norm) : norm);
}

/// x_l <- f(x_l + sums_l, ...), and the norms of the lanes.
template <class T, class Rows>
__attribute__((always_inline)) inline void apply_to_line(const Rows& f, T* x, const T* sums,
                                                         const T* forcing, const T* slopes,
                                                         T* norms) {
  T next[k_line_lanes<T>];
  T joined[k_line_lanes<T>];
  for (index_t l = 0; l < k_line_lanes<T>; ++l) next[l] = x[l] + sums[l];
  f.apply(next, forcing, slopes, std::integral_constant<index_t, k_line_lanes<T>>{});
  for (index_t l = 0; l < k_line_lanes<T>; ++l) joined[l] = Rows::join(norms[l], next[l]);
  for (index_t l = 0; l < k_line_lanes<T>; ++l) {
    x[l] = next[l];
    norms[l] = joined[l];
  }
}

/// All rows, and the norms of the columns.
template <class T, class Rows>
void solve_rows(const SubstituteByLevels<T>& s, const Rows& rows, const Panels<T>& panels,
                T* norms) {
  alignas(64) T sums[k_level_columns * k_level_lanes<T>];
  const index_t lanes = panels.lanes;
  const auto apply = [&](index_t first, index_t count) {
    with_widest_vectors([&](auto) __attribute__((always_inline)) {
      const Rows f = rows;  // whose constants then cannot change with the panel
      for (index_t r = 0; r < count; ++r)
        for (index_t at = 0; at < lanes; at += k_line_lanes<T>) {
          const index_t entry = (first + r) * lanes + at;
          apply_to_line(f, panels.state + entry, sums + r * lanes + at, panels.forcing + entry,
                        panels.slopes + entry, norms + at);
        }
    });
  };
  for_neighbours(s.levels, [&](index_t first, index_t count) {
    multiply_rows<T>({s.A, first, count}, SamplePanel<const T>{panels.state, lanes}, {sums, lanes},
                     lanes / k_line_lanes<T>);
    apply(first, count);
  });
}

/// The columns that run.
template <class T, class Rows, class Update>
void store_columns(const Update& u, const MatrixView<T>& X, index_t first, index_t count,
                   SamplePanel<const T> panel, const T* norms) {
  std::array<index_t, k_level_lanes<T>> lanes;
  std::array<T*, k_level_lanes<T>> columns;
  std::size_t running = 0;
  for (index_t l = 0; l < count; ++l) {
    const index_t j = first + l;
    if (u.status.data[j] != k_running) continue;
    lanes[running] = l;
    columns[running++] = X.data + j * X.ld;
    store_norms(u, j, u.join ? Rows::join(u.state_norms.data[j], norms[l]) : norms[l]);
  }
  lanes_to_columns<T>(panel, {lanes.data(), running}, X.rows, {columns.data(), running});
}

template <class T, class Update, class Rows>
void substitute(const SubstituteByLevels<T>& s, Update u, const Rows& rows, index_t work,
                Scratch& scratch) {
  const MatrixView<T> X = state_of(u);
  if (X.cols <= k_few_samples)
    return parallel_for(X.cols, s.A.nnz + X.rows * work,
                        [&](index_t j) { solve_column(s, u, rows, j); });
  const auto constants = constants_of(u);
  const index_t lanes = X.cols <= k_line_lanes<T> ? k_line_lanes<T> : k_level_lanes<T>;
  const index_t panel = X.rows * lanes;
  const index_t panels = 1 + static_cast<index_t>(constants.size());
  const index_t groups = (X.cols + lanes - 1) / lanes;
  const int threads = threads_for(groups, k_lines * s.A.nnz + X.rows * lanes * (work + panels));
  T* memory = scratch.take<T>(static_cast<std::size_t>(threads * panels * panel));
  on_threads(groups, threads, [&](index_t group, int thread) {
    const index_t first = group * lanes;
    const index_t count = std::min(lanes, X.cols - first);
    T* own = memory + thread * panels * panel;
    const Panels<T> at = {own, own + panel, own + (panels - 1) * panel, lanes};
    const auto load = [&](const ConstMatrixView<T>& from, T* to) {
      samples_to_lanes<T>(from.columns(first, count), {to, lanes});
    };
    load(product_of(u), at.state);
    for (std::size_t k = 0; k < constants.size(); ++k)
      load(*constants[k], own + (static_cast<index_t>(k) + 1) * panel);
    alignas(64) T norms[k_level_lanes<T>] = {};
    solve_rows(s, rows, at, norms);
    store_columns<T, Rows>(u, X, first, count, {at.state, lanes}, norms);
  });
}

}  // namespace

template <class T>
void execute(const SubstituteByLevels<T>& s, Scratch& scratch) {
  if (const auto* picard = std::get_if<PicardUpdate<T>>(&s.update)) {
    dispatch_loops<T>(picard->activation, [&](auto phi) {
      substitute(s, *picard, PicardRows<T, decltype(phi)>{phi}, decltype(phi)::k_work, scratch);
    });
  } else {
    substitute(s, std::get<AdjointUpdate<T>>(s.update), AdjointRows<T>{}, 1, scratch);
  }
}

template void execute(const SubstituteByLevels<float>&, Scratch&);
template void execute(const SubstituteByLevels<double>&, Scratch&);

}  // namespace idl::cpu
