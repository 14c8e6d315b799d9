// SPDX-License-Identifier: MIT
#include "kernels/loop/in_rows.hpp"

#include <utility>

#include "kernels/loop/generic.hpp"
#include "kernels/loop/loop_memory.hpp"

namespace idl {
namespace {

template <class T>
using Update = std::variant<PicardUpdate<T>, AdjointUpdate<T>>;

/// A solve on transposed working memory of its own.
template <class T>
class TransposedSolve {
 public:
  TransposedSolve(LoopMemory& memory, const FixedPoint<T>& solve)
      : memory_(memory),
        solve_(solve),
        A_(solve.transpose ? std::get<CsrMap<T>>(solve.A).transposed
                           : std::get<CsrMap<T>>(solve.A).A),
        X_(matrix()),
        update_(update_of(solve)) {
    const auto transposed = [&](ConstMatrixView<T> from) {
      const MatrixView<T> to = matrix();
      enter_.push_back(Transpose<T>{.X = from, .Y = to});
      return to;
    };
    enter_.push_back(Transpose<T>{.X = solve.X, .Y = X_});
    std::visit(
        [&](auto& update) {
          for (ConstMatrixView<T>* constant : constants_of(update))
            *constant = transposed(*constant);
          product_of(update) = {};
        },
        update_);
  }

  const Sequence& enter() const { return enter_; }
  Sequence leave() const { return {Transpose<T>{.X = X_, .Y = solve_.X}}; }

  /// Two iterations.
  Sequence row_split() const {
    const MatrixView<T> other = matrix();
    return {SampleUpdate<T>{.update = update_to(other), .from = X_, .A = A_}, decision_of(solve_),
            SampleUpdate<T>{.update = update_to(X_), .from = other, .A = A_}, decision_of(solve_)};
  }

  Sequence library_product() const {
    const MatrixView<T> S = matrix();
    return {SampleSpmm<T>{.A = A_, .B = X_, .C = S},
            SampleUpdate<T>{.update = update_to(X_, S), .from = X_}, decision_of(solve_)};
  }

 private:
  MatrixView<T> matrix() const { return memory_.matrix<T>(solve_.X.cols, solve_.X.rows); }

  Update<T> update_to(MatrixView<T> X, ConstMatrixView<T> S = {}) const {
    Update<T> to = update_;
    std::visit(
        [&](auto& update) {
          state_of(update) = X;
          product_of(update) = S;
        },
        to);
    return to;
  }

  LoopMemory& memory_;
  const FixedPoint<T>& solve_;
  ConstCsrView<T> A_;
  MatrixView<T> X_;
  Update<T> update_;  // of no X yet
  Sequence enter_;
};

class LoopInRows final : public ProgramsInOrder {
 public:
  LoopInRows(Programs parts, LoopMemory memory, LoopStrategy way)
      : ProgramsInOrder(std::move(parts)), memory_(std::move(memory)), way_(way) {}
  LoopStrategy strategy() const override { return way_; }

 private:
  LoopMemory memory_;
  LoopStrategy way_;
};

}  // namespace

template <class T>
bool can_run_in_rows(const FixedPoint<T>& solve) {
  return std::holds_alternative<CsrMap<T>>(solve.A) && !applies_custom_activation(solve) &&
         !solve.mix && solve.sweep == Sweep::jacobi && solve.decision.max_iterations > 0;
}

template <class T>
std::unique_ptr<Program> compile_in_rows(const std::shared_ptr<Backend>& backend,
                                         const FixedPoint<T>& solve, LoopStrategy way) {
  LoopMemory memory(backend);
  const TransposedSolve<T> transposed(memory, solve);
  const std::int32_t most = loop_iterations(solve);
  const bool split = way == LoopStrategy::row_split;
  Sequence start = steps_of(solve).start;
  append(start, transposed.enter());
  Programs parts = {backend->compile(std::move(start))};
  // A column that stops after the first of two iterations stays as it is in the second.
  parts.push_back(
      backend->compile_while(split ? transposed.row_split() : transposed.library_product(),
                             solve.columns.active, split ? (most + 1) / 2 : most));
  parts.push_back(backend->compile(transposed.leave()));
  return std::make_unique<LoopInRows>(std::move(parts), std::move(memory), way);
}

template bool can_run_in_rows(const FixedPoint<float>&);
template bool can_run_in_rows(const FixedPoint<double>&);
template std::unique_ptr<Program> compile_in_rows(const std::shared_ptr<Backend>&,
                                                  const FixedPoint<float>&, LoopStrategy);
template std::unique_ptr<Program> compile_in_rows(const std::shared_ptr<Backend>&,
                                                  const FixedPoint<double>&, LoopStrategy);

}  // namespace idl
