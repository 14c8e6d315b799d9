// SPDX-License-Identifier: MIT
#include "host/model/perron.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace idl {
namespace {

/// Tarjan's algorithm with an explicit stack: matrices may be chains of any length.
class ComponentSearch {
 public:
  ComponentSearch(std::span<const double> A, index_t n)
      : A_(A),
        n_(static_cast<std::size_t>(n)),
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
    std::size_t next;  ///< the first neighbour not yet looked at
  };

  void enter(std::size_t node) {
    order_[node] = low_[node] = counter_++;
    open_[node] = true;
    path_.push_back(node);
    frames_.push_back({node, 0});
  }

  void visit(std::size_t root) {
    enter(root);
    while (!frames_.empty()) {
      const std::size_t node = frames_.back().node;
      if (frames_.back().next == n_) {
        leave(node);
        continue;
      }
      const std::size_t target = frames_.back().next++;
      if (A_[node + target * n_] == 0.0) continue;
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

  std::span<const double> A_;
  std::size_t n_;
  std::size_t counter_ = 0;
  std::vector<std::size_t> order_;
  std::vector<std::size_t> low_;
  std::vector<bool> open_;
  std::vector<std::size_t> path_;
  std::vector<Frame> frames_;
  std::vector<std::vector<index_t>> components_;
};

/// λ_pf of an irreducible nonnegative k×k matrix, from above.
double irreducible_root(const std::vector<double>& A, std::size_t k) {
  if (k == 1) return A[0];
  double norm = 0.0;
  for (std::size_t i = 0; i < k; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < k; ++j) sum += A[i + j * k];
    norm = std::max(norm, sum);
  }
  // A shift makes the matrix primitive, so that the iteration converges; it moves λ by itself.
  const double shift = 0.5 * norm;
  std::vector<double> v(k, 1.0);
  std::vector<double> product(k);
  double best = norm;
  constexpr int k_steps = 20000;
  for (int step = 0; step < k_steps; ++step) {
    for (std::size_t i = 0; i < k; ++i) product[i] = shift * v[i];
    for (std::size_t j = 0; j < k; ++j)
      for (std::size_t i = 0; i < k; ++i) product[i] += A[i + j * k] * v[j];
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

}  // namespace

std::vector<std::vector<index_t>> strongly_connected_components(std::span<const double> A,
                                                                index_t n) {
  return ComponentSearch(A, n).run();
}

double perron_root(std::span<const double> A, index_t n) {
  for (const double value : A)
    if (!std::isfinite(value)) return std::numeric_limits<double>::infinity();
  const auto size = static_cast<std::size_t>(n);
  double root = 0.0;
  for (const std::vector<index_t>& component : strongly_connected_components(A, n)) {
    const std::size_t k = component.size();
    std::vector<double> block(k * k);
    for (std::size_t j = 0; j < k; ++j)
      for (std::size_t i = 0; i < k; ++i)
        block[i + j * k] = A[static_cast<std::size_t>(component[i]) +
                             static_cast<std::size_t>(component[j]) * size];
    root = std::max(root, irreducible_root(block, k));
  }
  return root;
}

}  // namespace idl
