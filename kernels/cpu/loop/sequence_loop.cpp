// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/sequence_loop.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "kernels/cpu/loop/separable_loop.hpp"
#include "kernels/cpu/product/few_columns.hpp"
#include "kernels/cpu/product/packed_panels.hpp"
#include "kernels/loop/recurrent.hpp"

namespace idl::cpu {
namespace {

/// op(A)x with one x at a time, bit for bit as Gemm has it. Aᵀ is kept, as of the last prepare().
template <class T>
class ColumnProduct {
 public:
  ColumnProduct(ConstMatrixView<T> A, bool transpose)
      : source_(A), rows_(transpose ? A.cols : A.rows), terms_(transpose ? A.rows : A.cols) {
    if (transpose) copy_.resize(static_cast<std::size_t>(A.rows * A.cols));
  }

  /// Whether a sum is one run of Gemm's, and A is no more than a share of the cache.
  bool fits() const {
    constexpr index_t k_most_entries = 65536;
    return rows_ > 0 && terms_ > 0 && terms_ <= k_run && rows_ * terms_ <= k_most_entries;
  }
  void prepare() {
    for (index_t j = 0; j < (copy_.empty() ? 0 : source_.cols); ++j)
      for (index_t i = 0; i < source_.rows; ++i)
        copy_[static_cast<std::size_t>(j + i * rows_)] = source_.data[i + j * source_.ld];
  }
  void multiply(const T* x, T* y) const {
    PanelColumns<T> column{.factors = {x}, .along_k = 1, .sums = {y}, .count = 1};
    const Panel<T> panel =
        copy_.empty() ? Panel<T>{source_.data, source_.ld} : Panel<T>{copy_.data(), rows_};
    multiply_few(panel, rows_, terms_, column);
  }
  /// y += op(A)x; `sums` has room for it.
  void add(const T* x, T* y, T* sums) const {
    multiply(x, sums);
    for (index_t i = 0; i < rows_; ++i) y[i] += sums[i];
  }

 private:
  ConstMatrixView<T> source_;
  index_t rows_;
  index_t terms_;
  Lines<T> copy_;  ///< Aᵀ; empty where A is taken as it lies
};

template <class View>
auto* column_of(const View& view, index_t j) {
  return view.data + j * view.ld;
}
template <class T>
void clear_column(const MatrixView<T>& view, index_t j) {
  std::fill_n(column_of(view, j), view.rows, T(0));
}
template <class From, class T>
void copy_column(const From& from, index_t i, const MatrixView<T>& to, index_t j) {
  std::copy_n(column_of(from, i), to.rows, column_of(to, j));
}

/// The whole matrix, if it is one with all of its entries.
template <class T>
ConstMatrixView<T> dense_or_nothing(const LinearMap<T>& map) {
  const auto* dense = std::get_if<DenseMap<T>>(&map);
  return dense != nullptr ? dense->A : ConstMatrixView<T>{};
}

/// What both chains do with the entries of a step that a sequence has not.
template <class T>
void clear_entries(const RecurrentLoop<T>& loop, index_t j) {
  constexpr T k_infinity = std::numeric_limits<T>::infinity();
  loop.columns.status.data[j] = k_converged;
  loop.columns.iterations.data[j] = 0;
  loop.columns.best_steps.data[j] = k_infinity;
  loop.columns.stalled.data[j] = 0;
  for (const auto& counts : {loop.columns.fallbacks, loop.columns.low_iterations})
    if (counts.size > 0) counts.data[j] = 0;
  loop.step_norms.data[j] = T(0);
  loop.state_norms.data[j] = T(0);
}

/// Room for sums of each thread, in lines of its own.
template <class T>
class SumsOfThreads {
 public:
  SumsOfThreads(index_t rows, int threads)
      : sums_(static_cast<std::size_t>(threads), Lines<T>(static_cast<std::size_t>(rows))) {}
  T* of(int thread) { return sums_[static_cast<std::size_t>(thread)].data(); }

 private:
  std::vector<Lines<T>> sums_;
};

/// The steps of a sequence, from the first to the last.
template <class T>
class StepsForward final : public ColumnChain {
 public:
  using Update = PicardUpdate<T>;

  StepsForward(const Recurrence<T>& pass, int threads)
      : pass_(pass),
        m_(pass.lengths.size),
        steps_(pass.X.cols / m_),
        total_(pass.x.cols / m_),
        known_(inputs_beforehand(pass)),
        B_(dense_or_nothing(pass.B).columns(known_, pass.U.rows - known_), false),
        C_(dense_or_nothing(pass.C), false),
        sums_(std::max(pass.X.rows, pass.h.rows), threads) {
    if (pass.D) D_.emplace(dense_or_nothing(*pass.D), false);
  }

  bool fits() const { return B_.fits() && C_.fits() && (!D_ || D_->fits()); }
  void prepare() {}

  index_t begin(index_t b, int thread) override { return next(b, 0, thread); }
  index_t follow(index_t column, int thread) override {
    const index_t t = column / m_;
    const index_t b = column % m_;
    T* h = column_of(pass_.h, b);
    T* sums = sums_.of(thread);
    C_.multiply(column_of(pass_.X, column), h);
    if (D_) D_->add(column_of(pass_.U, column), h, sums);
    if (pass_.H.cols > 0) copy_column(pass_.h, b, pass_.H, b * total_ + pass_.first + t);
    return next(b, t + 1, thread);
  }

 private:
  /// Makes the column of step t ready, or what comes after the end zero.
  index_t next(index_t b, index_t t, int thread) {
    if (t == steps_) return -1;
    const index_t j = t * m_ + b;
    if (pass_.first + t >= pass_.lengths.data[b]) {
      for (; t < steps_; ++t) end(b, t);
      return -1;
    }
    const MatrixView<T> h_in_U = pass_.U.row_range(pass_.x.rows, pass_.h.rows);
    copy_column(pass_.h, b, h_in_U, j);
    T* z = column_of(pass_.Z, j);
    const T* u = column_of(pass_.U, j) + known_;
    known_ > 0 ? B_.add(u, z, sums_.of(thread)) : B_.multiply(u, z);
    if (!pass_.loop.warm_start || (t == 0 && pass_.X_before.cols == 0))
      clear_column(pass_.X, j);
    else if (t == 0)
      copy_column(pass_.X_before, b, pass_.X, j);
    else
      copy_column(pass_.X, j - m_, pass_.X, j);
    return j;
  }
  void end(index_t b, index_t t) {
    const index_t j = t * m_ + b;
    clear_column(pass_.X, j);
    clear_column(pass_.Z, j);
    clear_column(pass_.U.row_range(pass_.x.rows, pass_.h.rows), j);
    if (pass_.H.cols > 0) clear_column(pass_.H, b * total_ + pass_.first + t);
    clear_entries(pass_.loop, j);
  }

  Recurrence<T> pass_;
  index_t m_;
  index_t steps_;
  index_t total_;  ///< steps of the caller's matrices
  index_t known_;
  ColumnProduct<T> B_;
  ColumnProduct<T> C_;
  std::optional<ColumnProduct<T>> D_;
  SumsOfThreads<T> sums_;
};

/// The steps of a sequence, from the last to the first.
template <class T>
class StepsBack final : public ColumnChain {
 public:
  using Update = AdjointUpdate<T>;

  StepsBack(const RecurrenceAdjoint<T>& pass, int threads)
      : pass_(pass),
        m_(pass.lengths.size),
        steps_(pass.V.cols / m_),
        total_(pass.dH.cols / m_),
        A_(dense_or_nothing(pass.A), false),
        B_h_(dense_or_nothing(pass.B).columns(pass.inputs, pass.dh.rows), true),
        C_(dense_or_nothing(pass.C), true),
        sums_(std::max(pass.V.rows, pass.dh.rows), threads) {
    if (pass.D) D_h_.emplace(dense_or_nothing(*pass.D).columns(pass.inputs, pass.dh.rows), true);
    scratch_.resize(static_cast<std::size_t>(threads));
    for (auto& scratch : scratch_) scratch = std::make_unique<Scratch>();
  }

  bool fits() const { return A_.fits() && B_h_.fits() && C_.fits() && (!D_h_ || D_h_->fits()); }
  void prepare() {
    B_h_.prepare();
    C_.prepare();
    if (D_h_) D_h_->prepare();
  }

  index_t begin(index_t b, int thread) override {
    const index_t have = std::clamp<index_t>(pass_.lengths.data[b] - pass_.first, 0, steps_);
    for (index_t t = have; t < steps_; ++t) {
      clear_column(pass_.V, t * m_ + b);
      clear_column(pass_.g, t * m_ + b);
      clear_entries(pass_.loop, t * m_ + b);
    }
    return have > 0 ? next(b, have - 1, thread) : -1;
  }
  index_t follow(index_t column, int thread) override {
    const index_t t = column / m_;
    const index_t b = column % m_;
    const index_t step = pass_.first + t;
    T* dh = column_of(pass_.dh, b);
    if (pass_.truncate > 0 && step > 0 && step % pass_.truncate == 0) {
      clear_column(pass_.dh, b);
    } else {
      B_h_.multiply(column_of(pass_.V, column), dh);
      if (D_h_) D_h_->add(column_of(pass_.g, column), dh, sums_.of(thread));
    }
    return t > 0 ? next(b, t - 1, thread) : -1;
  }

 private:
  index_t next(index_t b, index_t t, int thread) {
    const index_t j = t * m_ + b;
    T* g = column_of(pass_.g, j);
    copy_column(pass_.dh, b, pass_.g, j);
    if (pass_.dH.cols > 0) {
      const T* of_outputs = column_of(pass_.dH, b * total_ + pass_.first + t);
      for (index_t i = 0; i < pass_.g.rows; ++i) g[i] += of_outputs[i];
    }
    const MatrixView<T> Psi = pass_.Psi.columns(b, 1);
    A_.multiply(column_of(pass_.X, j), Psi.data);
    execute(
        ActivationDerivative<T>{
            .S = Psi, .Z = pass_.Z.columns(j, 1), .Psi = Psi, .activation = pass_.activation},
        *scratch_[static_cast<std::size_t>(thread)]);
    C_.multiply(g, column_of(pass_.G, b));
    const bool is_last = t + 1 == steps_;
    if (!pass_.loop.warm_start || (is_last && pass_.V_after.cols == 0))
      clear_column(pass_.V, j);
    else if (is_last)
      copy_column(pass_.V_after, b, pass_.V, j);
    else
      copy_column(pass_.V, j + m_, pass_.V, j);
    return j;
  }

  RecurrenceAdjoint<T> pass_;
  index_t m_;
  index_t steps_;
  index_t total_;
  ColumnProduct<T> A_;
  ColumnProduct<T> B_h_;
  ColumnProduct<T> C_;
  std::optional<ColumnProduct<T>> D_h_;
  SumsOfThreads<T> sums_;
  std::vector<std::unique_ptr<Scratch>> scratch_;
};

/// The columns of all steps as those of one solve.
template <class Pass>
auto solve_of_all(const Pass& pass) {
  auto solve = solve_of(pass, 0);
  solve.columns = pass.loop.columns;
  solve.step_norms = pass.loop.step_norms;
  solve.state_norms = pass.loop.state_norms;
  return solve;
}
template <class T>
FixedPoint<T> solve_of_all_steps(const Recurrence<T>& pass) {
  FixedPoint<T> solve = solve_of_all(pass);
  solve.X = pass.X;
  solve.f = PicardMap<T>{.Z = pass.Z, .activation = pass.activation};
  return solve;
}
template <class T>
FixedPoint<T> solve_of_all_steps(const RecurrenceAdjoint<T>& pass) {
  FixedPoint<T> solve = solve_of_all(pass);
  solve.X = pass.V;
  return solve;
}

template <class T, class Chain>
class SequenceLoop final : public ColumnLoop {
 public:
  template <class Pass>
  SequenceLoop(const Pass& pass, const ColumnSteps<T, typename Chain::Update>& steps, int threads)
      : chain_(pass, threads),
        loop_(steps, solve_of_all_steps(pass), threads, &chain_, pass.lengths.size) {}
  bool fits() const { return chain_.fits(); }
  void run() override {
    chain_.prepare();
    loop_.run();
  }

 private:
  Chain chain_;
  SeparableLoop<T, typename Chain::Update> loop_;
};

template <class T, class Chain, class Pass>
std::unique_ptr<ColumnLoop> make_loop_of(const Pass& pass, int threads) {
  using Update = typename Chain::Update;
  const auto dense = [](const LinearMap<T>& map) {
    return std::holds_alternative<DenseMap<T>>(map);
  };
  if (!dense(pass.A) || !dense(pass.B) || !dense(pass.C) || (pass.D && !dense(*pass.D)))
    return nullptr;
  const FixedPoint<T> solve = solve_of_all_steps(pass);
  const PackedProducts<T> products(solve);
  ColumnSteps<T, Update> steps = column_steps<T, Update>(solve);
  if (solve.decision.max_iterations < 1 || solve.low_precision || !products.fit(steps.blocks) ||
      !stays_in_cache(products))
    return nullptr;
  steps.from_zero = !pass.loop.warm_start;
  steps.from_given = pass.loop.warm_start;
  auto loop = std::make_unique<SequenceLoop<T, Chain>>(pass, steps, threads);
  return loop->fits() ? std::move(loop) : nullptr;
}

}  // namespace

template <class T>
std::unique_ptr<ColumnLoop> make_sequence_loop(const Recurrence<T>& pass, int threads) {
  return make_loop_of<T, StepsForward<T>>(pass, threads);
}
template <class T>
std::unique_ptr<ColumnLoop> make_sequence_loop(const RecurrenceAdjoint<T>& pass, int threads) {
  return make_loop_of<T, StepsBack<T>>(pass, threads);
}

template std::unique_ptr<ColumnLoop> make_sequence_loop(const Recurrence<float>&, int);
template std::unique_ptr<ColumnLoop> make_sequence_loop(const Recurrence<double>&, int);
template std::unique_ptr<ColumnLoop> make_sequence_loop(const RecurrenceAdjoint<float>&, int);
template std::unique_ptr<ColumnLoop> make_sequence_loop(const RecurrenceAdjoint<double>&, int);

}  // namespace idl::cpu
