// SPDX-License-Identifier: MIT
// Compiled with contraction, as sparse_rows.cpp is. After the product nothing is multiplied.
#include "kernels/cpu/product/relu_rows.hpp"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/product/dense_sums.hpp"
#include "kernels/cpu/product/row_sums.hpp"

namespace idl::cpu {
namespace {

// The norms of some packs of samples.
template <class T, std::size_t W, std::size_t Packs>
struct Norms {
  Magnitudes<T, W> largest[Packs];

  __attribute__((always_inline)) void take(const T* from) {
    std::memcpy(largest, from, sizeof(largest));
  }
  __attribute__((always_inline)) void put(T* to) const {
    std::memcpy(to, largest, sizeof(largest));
  }
};

// x, pack p of the product of a row, becomes that of the next state. The row begins at `at`;
// `rows` are of either kind.
template <class T, std::size_t W, std::size_t Packs, class Rows>
__attribute__((always_inline)) inline void update_pack(const Rows& rows, index_t at, std::size_t p,
                                                       Pack<T, W>& x, Norms<T, W, Packs>& steps,
                                                       Norms<T, W, Packs>& states) {
  const std::size_t lane = p * W / sizeof(T);
  Pack<T, W> z, old;
  load<T, W>(z, rows.Z + at + lane);
  load<T, W>(old, rows.X.data + at + lane);
  x += z;
  x = x < 0 ? Pack<T, W>{} : x;
  store<T, W>(x, rows.next + at + lane);
  join<T, W>(steps.largest[p], x - old);
  join<T, W>(states.largest[p], x);
}

// Row i, whose entries are [begin, end).
template <class T, std::size_t W, std::size_t Packs, std::size_t Entries>
__attribute__((always_inline)) inline void update_row(const ReluRows<T>& rows, index_t i,
                                                      std::int64_t begin, std::int64_t end,
                                                      Norms<T, W, Packs>& steps,
                                                      Norms<T, W, Packs>& states) {
  PartialSums<T, W, Packs> sums = {};
  if constexpr (Entries < k_many_entries)
    add_entries<T, W, Packs, Entries>(rows.A, begin, rows.X, sums);
  else
    add_row<T, W, Packs>(rows.A, begin, end, rows.X, sums);
  const index_t at = i * rows.X.stride;
  for (std::size_t p = 0; p < Packs; ++p) {
    Pack<T, W> x;
    add_up<T, W, Packs, Entries>(sums, p, x);
    update_pack<T, W>(rows, at, p, x, steps, states);
  }
}

// From a lane on, in a copy, which no store can change.
template <class Rows>
__attribute__((always_inline)) inline Rows from_lane(Rows rows, index_t lane) {
  rows.X.data += lane;
  rows.Z += lane;
  rows.next += lane;
  rows.steps += lane;
  rows.states += lane;
  return rows;
}

// Rows with fewer than k_many_entries.
template <class T, std::size_t W, std::size_t Packs, std::size_t Entries>
__attribute__((always_inline)) inline void update_short(const ReluRows<T>& rows,
                                                        std::span<const std::int32_t> some,
                                                        Norms<T, W, Packs>& steps,
                                                        Norms<T, W, Packs>& states) {
  for (const std::int32_t i : some)
    update_row<T, W, Packs, Entries>(rows, i, rows.A.row_offsets[i], 0, steps, states);
}

// Of rows with many entries the end is often foreseen wrongly: where the next one begins is known
// by then.
template <class T, std::size_t W, std::size_t Packs>
__attribute__((always_inline)) inline void update_long(const ReluRows<T>& rows,
                                                       std::span<const std::int32_t> some,
                                                       Norms<T, W, Packs>& steps,
                                                       Norms<T, W, Packs>& states) {
  if (some.empty()) return;
  const std::int64_t* offsets = rows.A.row_offsets;
  index_t next = some.front();
  std::int64_t next_begin = offsets[next], next_end = offsets[next + 1];
  for (std::size_t k = 1; k <= some.size(); ++k) {
    const index_t i = next;
    const std::int64_t begin = next_begin, end = next_end;
    next = some[std::min(k, some.size() - 1)];
    next_begin = offsets[next];
    next_end = offsets[next + 1];
    update_row<T, W, Packs, k_many_entries>(rows, i, begin, end, steps, states);
  }
}

template <class T, std::size_t W, std::size_t Packs>
__attribute__((always_inline)) inline void update_packs(const ReluRows<T>& of,
                                                        const RowsByEntries& by_entries,
                                                        index_t lane) {
  const auto rows = from_lane(of, lane);
  Norms<T, W, Packs> steps, states;
  steps.take(rows.steps);
  states.take(rows.states);
  update_long<T, W, Packs>(rows, by_entries[4], steps, states);
  update_short<T, W, Packs, 3>(rows, by_entries[3], steps, states);
  update_short<T, W, Packs, 2>(rows, by_entries[2], steps, states);
  update_short<T, W, Packs, 1>(rows, by_entries[1], steps, states);
  update_short<T, W, Packs, 0>(rows, by_entries[0], steps, states);
  steps.put(rows.steps);
  states.put(rows.states);
}

// As many lines at a time as the registers hold.
template <class T, std::size_t W, std::size_t Lines>
__attribute__((always_inline)) inline void update_lines(const ReluRows<T>& rows,
                                                        const RowsByEntries& by_entries) {
  constexpr std::size_t k_packs = W == 64 ? Lines : 2;
  for (std::size_t at = 0; at < Lines * 64; at += k_packs * W)
    update_packs<T, W, k_packs>(rows, by_entries, static_cast<index_t>(at / sizeof(T)));
}

}  // namespace

template <class T>
void ReluRows<T>::update(const RowsByEntries& rows, index_t lines) const {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    switch (lines) {
      case 1:
        return update_lines<T, width(), 1>(*this, rows);
      case 2:
        return update_lines<T, width(), 2>(*this, rows);
      case 3:
        return update_lines<T, width(), 3>(*this, rows);
      default:
        return update_lines<T, width(), 4>(*this, rows);
    }
  });
}

template <class T>
void DenseReluRows<T>::update(index_t first, index_t count, index_t lines) const {
  with_widest_vectors([&](auto width) __attribute__((always_inline)) {
    constexpr std::size_t W = width();
    for_packs<T, W>(
        lines * k_line_lanes<T>, [&](auto packs, index_t lane) __attribute__((always_inline)) {
          constexpr std::size_t P = packs();
          const auto rows = from_lane(*this, lane);
          const index_t stride = rows.X.stride;
          Norms<T, W, P> step_norms, state_norms;
          step_norms.take(rows.steps);
          state_norms.take(rows.states);
          for_tiles<k_tile_rows<W>>(
              first, first + count, [&](auto number, index_t i) __attribute__((always_inline)) {
                constexpr std::size_t R = number();
                TileSums<T, W, R, P> sums = {};
                const T* a = rows.A.data + i;
                add_columns<T, W, R, P>(a, rows.A.ld, rows.next, stride, first, sums);
                add_columns<T, W, R, P>(a + first * rows.A.ld, rows.A.ld,
                                        rows.X.data + first * stride, stride, rows.A.cols - first,
                                        sums);
                index_t at = i * stride;
#pragma GCC unroll 16
                for (std::size_t r = 0; r < R; ++r, at += stride)
                  for (std::size_t p = 0; p < P; ++p)
                    update_pack<T, W>(rows, at, p, sums[r][p], step_norms, state_norms);
              });
          step_norms.put(rows.steps);
          state_norms.put(rows.states);
        });
  });
}

template struct ReluRows<float>;
template struct ReluRows<double>;
template struct DenseReluRows<float>;
template struct DenseReluRows<double>;

}  // namespace idl::cpu
