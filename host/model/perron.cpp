// SPDX-License-Identifier: MIT
#include "host/model/perron.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace idl {
namespace {

/// Tarjan's algorithm with an explicit stack: matrices may be chains of any length.
class ComponentSearch {
 public:
  explicit ComponentSearch(const CsrArrays<double>& A)
      : A_(A),
        n_(static_cast<std::size_t>(A.rows)),
        order_(n_, k_unseen),
        low_(n_, 0),
        open_(n_, false) {}

  std::vector<std::vector<index_t>> run() {
    for (std::size_t root = 0; root < n_; ++root)
      if (order_[root] == k_unseen) visit(root);
    return std::move(components_);
  }

 private:
  static constexpr std::size_t k_unseen = std::numeric_limits<std::size_t>::max();
  struct Frame {
    std::size_t node;
    std::size_t next;  ///< the first entry of its row not yet looked at
  };

  void enter(std::size_t node) {
    order_[node] = low_[node] = counter_++;
    open_[node] = true;
    path_.push_back(node);
    frames_.push_back({node, static_cast<std::size_t>(A_.row_offsets[node])});
  }

  void visit(std::size_t root) {
    enter(root);
    while (!frames_.empty()) {
      const std::size_t node = frames_.back().node;
      if (frames_.back().next == static_cast<std::size_t>(A_.row_offsets[node + 1])) {
        leave(node);
        continue;
      }
      const auto target = static_cast<std::size_t>(A_.col_indices[frames_.back().next++]);
      if (order_[target] == k_unseen)
        enter(target);
      else if (open_[target])
        low_[node] = std::min(low_[node], order_[target]);
    }
  }

  void leave(std::size_t node) {
    frames_.pop_back();
    if (!frames_.empty()) {
      const std::size_t parent = frames_.back().node;
      low_[parent] = std::min(low_[parent], low_[node]);
    }
    if (low_[node] != order_[node]) return;
    std::vector<index_t> component;
    std::size_t member = k_unseen;
    do {
      member = path_.back();
      path_.pop_back();
      open_[member] = false;
      component.push_back(static_cast<index_t>(member));
    } while (member != node);
    components_.push_back(std::move(component));
  }

  const CsrArrays<double>& A_;
  std::size_t n_;
  std::size_t counter_ = 0;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> low_;
  std::vector<bool> open_;
  std::vector<std::size_t> path_;
  std::vector<Frame> frames_;
  std::vector<std::vector<index_t>> components_;
};

/// sum + Av of row i.
double row_product(const CsrArrays<double>& A, std::size_t i, const std::vector<double>& v,
                   double sum) {
  A.for_row(i, [&](std::size_t column, double value) { sum += value * v[column]; });
  return sum;
}

/// λ_pf of an irreducible nonnegative matrix, from above.
double irreducible_root(const CsrArrays<double>& A) {
  const auto k = static_cast<std::size_t>(A.rows);
  if (k == 1) return A.values.empty() ? 0.0 : A.values[0];
  std::vector<double> v(k, 1.0);
  double norm = 0.0;
  for (std::size_t i = 0; i < k; ++i) norm = std::max(norm, row_product(A, i, v, 0.0));
  // What follows adds up some of them.
  if (!(norm <= std::numeric_limits<double>::max() / 8))
    return std::numeric_limits<double>::infinity();
  std::vector<double> product(k);
  double best = norm;
  constexpr int k_steps = 20000;
  for (int step = 0; step < k_steps; ++step) {
    // A shift makes the matrix primitive, so that the iteration converges; it moves λ by itself.
    // Far above λ, as the norm is of rows that differ in scale, it would stop the iteration.
    const double shift = 0.5 * best;
    for (std::size_t i = 0; i < k; ++i) product[i] = row_product(A, i, v, shift * v[i]);
    double upper = 0.0;
    double lower = std::numeric_limits<double>::infinity();
    double largest = 0.0;
    for (std::size_t i = 0; i < k; ++i) {
      const double quotient = product[i] / v[i];
      upper = std::max(upper, quotient);
      lower = std::min(lower, quotient);
      largest = std::max(largest, product[i]);
    }
    // k+2 roundings in each quotient.
    const double rounding = 1.0 + (static_cast<double>(k) + 4.0) * 0x1p-52;
    best = std::min(best, upper * rounding - shift);
    if (upper - lower <= 1e-7 * best) break;
    // Entries far below the largest would underflow to zero and spoil the bound.
    for (std::size_t i = 0; i < k; ++i) v[i] = std::max(product[i] / largest, 1e-200);
  }
  return best;
}

/// The rows and columns of a component, numbered as it lists them.
CsrArrays<double> block_of(const CsrArrays<double>& A, const std::vector<index_t>& component,
                           std::vector<std::int32_t>& number) {
  constexpr std::int32_t k_outside = -1;
  for (std::size_t k = 0; k < component.size(); ++k)
    number[static_cast<std::size_t>(component[k])] = static_cast<std::int32_t>(k);
  const auto size = static_cast<index_t>(component.size());
  CsrArrays<double> block = {
      .rows = size, .cols = size, .row_offsets = {0}, .col_indices = {}, .values = {}};
  for (const index_t node : component) {
    A.for_row(static_cast<std::size_t>(node), [&](std::size_t column, double value) {
      if (number[column] == k_outside) return;
      block.col_indices.push_back(number[column]);
      block.values.push_back(value);
    });
    block.row_offsets.push_back(static_cast<std::int64_t>(block.values.size()));
  }
  for (const index_t node : component) number[static_cast<std::size_t>(node)] = k_outside;
  return block;
}

}  // namespace

std::vector<std::vector<index_t>> strongly_connected_components(const CsrArrays<double>& A) {
  return ComponentSearch(A).run();
}

double perron_root(const CsrArrays<double>& A) {
  for (const double value : A.values)
    if (!std::isfinite(value)) return std::numeric_limits<double>::infinity();
  double root = 0.0;
  std::vector<std::int32_t> number(static_cast<std::size_t>(A.rows), -1);
  for (const std::vector<index_t>& component : strongly_connected_components(A))
    root = std::max(root, irreducible_root(block_of(A, component, number)));
  return root;
}

}  // namespace idl
