// SPDX-License-Identifier: MIT
#pragma once

#include <deque>
#include <memory>

#include "host/sparse/sparse_pattern.hpp"
#include "kernels/fixed_point.hpp"
#include "tests/kernels/sparse.hpp"

namespace idl::test {

/// Descriptions of solves, and what launches leave.
template <class C>
class SolveTest : public SparseTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Answer {
    std::vector<double> X, steps, norms;
    std::vector<std::uint8_t> status;
    std::vector<std::int32_t> iterations, active, fallbacks;
  };

  /// What a loop keeps of m columns, with `count` in each counter; those in `stopped` have.
  void set_columns(FixedPoint<Element>& solve, index_t m, std::int32_t count,
                   const std::vector<std::size_t>& stopped = {}) {
    const auto counters = [&] {
      return this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), count));
    };
    const auto active = static_cast<std::int32_t>(static_cast<std::size_t>(m) - stopped.size());
    solve.columns = {.status = this->statuses(m, stopped),
                     .iterations = counters(),
                     .best_steps = this->reals(m, 1e30),
                     .stalled = counters(),
                     .active = this->vector(std::vector<std::int32_t>{active}),
                     .fallbacks = counters(),
                     .low_iterations = counters()};
    solve.step_norms = this->reals(m, 0.0);
    solve.state_norms = this->reals(m, 0.0);
  }
  AndersonHistory<Element> history(index_t n, index_t m) {
    const auto view = [&] { return this->view(n, m, 0.0); };
    return {.Y = view(),
            .F_even = view(),
            .G_even = view(),
            .F_odd = view(),
            .G_odd = view(),
            .accepted = this->reals(m, 0.0),
            .points = this->vector(std::vector<std::int32_t>(static_cast<std::size_t>(m), 0))};
  }

  std::unique_ptr<Program> compile(const FixedPoint<Element>& solve, LoopStrategy strategy) {
    Backend& backend = *backend_of(this->context());
    backend.choose_loop_strategy(strategy);
    auto program = backend.compile(solve);
    backend.choose_loop_strategy(LoopStrategy::automatic);
    return program;
  }
  Answer answer_of(const FixedPoint<Element>& solve) {
    EXPECT_TRUE(this->frames_untouched());
    return {this->fetch_double(solve.X),
            this->fetch_reals(solve.step_norms),
            this->fetch_reals(solve.state_norms),
            this->fetch_vector(solve.columns.status),
            this->fetch_vector(solve.columns.iterations),
            this->fetch_vector(solve.columns.active),
            this->fetch_vector(solve.columns.fallbacks)};
  }
  /// By a program of the backend, launched once.
  Answer launch(const FixedPoint<Element>& solve, LoopStrategy strategy, LoopStrategy& taken) {
    const auto program = compile(solve, strategy);
    taken = program->strategy();
    program->launch();
    return answer_of(solve);
  }

  /// Rows [row, row + height), columns [col, col + width) of an array of n rows.
  static std::vector<double> part_of(const std::vector<double>& dense, index_t n, index_t row,
                                     index_t height, index_t col, index_t width) {
    std::vector<double> part;
    for (index_t j = col; j < col + width; ++j)
      for (index_t i = row; i < row + height; ++i)
        part.push_back(dense[static_cast<std::size_t>(i + j * n)]);
    return part;
  }
  /// The entries that are not 0 in compressed rows, with all that follows from their pattern.
  CsrMap<Element> compressed(index_t rows, index_t cols, const std::vector<double>& dense) {
    std::vector<std::int64_t> offsets = {0};
    std::vector<std::int32_t> columns;
    std::vector<double> values, transposed;
    for (index_t i = 0; i < rows; ++i) {
      for (index_t j = 0; j < cols; ++j)
        if (const double value = dense[static_cast<std::size_t>(i + j * rows)]; value != 0.0) {
          columns.push_back(static_cast<std::int32_t>(j));
          values.push_back(value);
        }
      offsets.push_back(static_cast<std::int64_t>(values.size()));
    }
    for (const double value : dense)
      if (value != 0.0) transposed.push_back(value);
    patterns_.emplace_back(this->context(), rows, cols, offsets, columns);
    return patterns_.back().map(this->reals(values).data, this->reals(transposed).data);
  }
  /// A grid of three by three over an n×n array. Without `below` there is nothing below the
  /// diagonal, and the blocks on it are strictly upper triangular; with it block (2, 0) is 0.
  BlocksMap<Element> grid_of(index_t n, const std::vector<double>& dense, bool below) {
    const std::vector<index_t> sizes = {n / 3, n / 3, n - 2 * (n / 3)};
    BlocksMap<Element> grid = {sizes, sizes, {}};
    const auto add = [&](std::size_t i, std::size_t j, auto&& make) {
      grid.blocks.push_back(
          {i, j,
           make(sizes[i], sizes[j],
                part_of(dense, n, first_of(sizes, i), sizes[i], first_of(sizes, j), sizes[j]))});
    };
    const auto all = [&](index_t rows, index_t cols, const auto& values) -> LinearMap<Element> {
      return DenseMap<Element>{this->view(rows, cols, values)};
    };
    const auto upper = [&](index_t rows, index_t cols, const auto& values) -> LinearMap<Element> {
      return StrictlyUpperMap<Element>{this->view(rows, cols, values)};
    };
    const auto csr = [&](index_t rows, index_t cols, const auto& values) -> LinearMap<Element> {
      return compressed(rows, cols, values);
    };
    below ? add(0, 0, all) : add(0, 0, upper);
    add(0, 1, all);
    add(0, 2, csr);
    if (below) add(1, 0, csr);
    add(1, 1, csr);
    add(1, 2, all);
    if (below) add(2, 1, all);
    below ? add(2, 2, csr) : add(2, 2, upper);
    return grid;
  }

 private:
  std::deque<SparsePattern> patterns_;
};

}  // namespace idl::test
