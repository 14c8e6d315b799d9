// SPDX-License-Identifier: MIT
#include <algorithm>

#include "idl/detail/column_status.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/cpu/steps/substituted_rows.hpp"
#include "kernels/cpu/steps/sums.hpp"

namespace idl::cpu {
namespace {

constexpr index_t k_rows = k_most_substituted_rows;

/// Columns that are solved side by side, one in each lane.
template <class T>
constexpr index_t k_column_lanes = 64 / static_cast<index_t>(sizeof(T));

/// Rows of some columns, a row contiguous.
template <class T>
struct alignas(64) Panel {
  T at[k_rows][64 / sizeof(T)];
};

/// Column i of the result holds, contiguous, what X_i adds to the rows after it.
template <class T>
void gather_triangle(const Substitute<T>& s, T* triangle) {
  const index_t n = s.A.rows;
  for (index_t i = 0; i < n; ++i)
    for (index_t k = 0; k < i; ++k) {
      const T value = s.A.data[k + i * s.A.ld];
      triangle[s.transpose ? i + k * k_rows : k + i * k_rows] = value;
    }
}

template <class T>
void load_panel(const ConstMatrixView<T>& X, index_t first, index_t count, Panel<T>& panel) {
  for (index_t i = 0; i < X.rows; ++i) std::fill_n(panel.at[i], k_column_lanes<T>, T(0));
  for (index_t l = 0; l < count; ++l) {
    const T* x = X.data + (first + l) * X.ld;
    for (index_t i = 0; i < X.rows; ++i) panel.at[i][l] = x[i];
  }
}

/// t <- the solution, row by row; each row is added to those that wait for it as soon as it is
/// known.
template <std::size_t W, class T, class Rows>
__attribute__((always_inline)) inline void solve_panel(const T* triangle, index_t n, bool transpose,
                                                       const Rows& rows, Panel<T>& t,
                                                       const Panel<T>& forcing,
                                                       const Panel<T>& slopes) {
  constexpr index_t k_pack = static_cast<index_t>(W / sizeof(T));
  for (index_t step = 0; step < n; ++step) {
    const index_t i = transpose ? step : n - 1 - step;
    rows.apply(t.at[i], forcing.at[i], slopes.at[i],
               std::integral_constant<index_t, k_column_lanes<T>>{});
    const index_t begin = transpose ? i + 1 : 0;
    const index_t end = transpose ? n : i;
    for (index_t l = 0; l < k_column_lanes<T>; l += k_pack) {
      Pack<T, W> x, sum;
      load<T, W>(x, t.at[i] + l);
      for (index_t k = begin; k < end; ++k) {
        load<T, W>(sum, t.at[k] + l);
        sum += x * triangle[k + i * k_rows];
        store<T, W>(sum, t.at[k] + l);
      }
    }
  }
}

template <class T, class Rows, class Update>
void store_column(const Update& u, const MatrixView<T>& X, index_t j, index_t lane,
                  const Panel<T>& panel) {
  T* x = X.data + j * X.ld;
  T norm = u.join ? u.state_norms.data[j] : T(0);
  for (index_t i = 0; i < X.rows; ++i) {
    x[i] = panel.at[i][lane];
    norm = Rows::join(norm, x[i]);
  }
  store_norms(u, j, norm);
}

template <class T, class Rows, class Update>
void substitute(const Substitute<T>& s, Update u, const Rows& rows, index_t work, T* triangle) {
  const MatrixView<T> X = state_of(u);
  const auto constants = constants_of(u);
  gather_triangle(s, triangle);
  const index_t groups = (X.cols + k_column_lanes<T> - 1) / k_column_lanes<T>;
  parallel_for(groups, X.rows * (X.rows / 2 + k_column_lanes<T> * work), [&](index_t group) {
    const index_t first = group * k_column_lanes<T>;
    const index_t count = std::min(k_column_lanes<T>, X.cols - first);
    Panel<T> panel, forcing, slopes;
    load_panel(product_of(u), first, count, panel);
    load_panel(*constants.front(), first, count, forcing);
    load_panel(*constants.back(), first, count, slopes);
    with_widest_vectors([&](auto width) __attribute__((always_inline)) {
      const Rows f = rows;  // whose constants then cannot change with the panel
      solve_panel<width()>(triangle, X.rows, s.transpose, f, panel, forcing, slopes);
    });
    for (index_t l = 0; l < count; ++l)
      if (u.status.data[first + l] == k_running) store_column<T, Rows>(u, X, first + l, l, panel);
  });
}

}  // namespace

template <class T>
void execute(const Substitute<T>& s, Scratch& scratch) {
  T* triangle = scratch.take<T>(static_cast<std::size_t>(k_rows * k_rows));
  if (const auto* picard = std::get_if<PicardUpdate<T>>(&s.update)) {
    dispatch_loops<T>(picard->activation, [&](auto phi) {
      substitute(s, *picard, PicardRows<T, decltype(phi)>{phi}, decltype(phi)::k_work, triangle);
    });
  } else {
    substitute(s, std::get<AdjointUpdate<T>>(s.update), AdjointRows<T>{}, 1, triangle);
  }
}

template void execute(const Substitute<float>&, Scratch&);
template void execute(const Substitute<double>&, Scratch&);

}  // namespace idl::cpu
