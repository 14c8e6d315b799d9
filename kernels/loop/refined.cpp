// SPDX-License-Identifier: MIT
#include "kernels/loop/refined.hpp"

#include <type_traits>
#include <utility>

#include "kernels/loop/generic.hpp"
#include "kernels/loop/loop_memory.hpp"

namespace idl {
namespace {

/// Three rounds are usual; with more than this the inner loops have come to nothing.
constexpr int k_rounds = 6;
/// Of one round, at most; the inner decision ends it long before.
constexpr std::int32_t k_most_inner_iterations = 200;

/// Columns start on 16 bytes.
MatrixView<BFloat16> bfloat16_matrix(LoopMemory& memory, index_t rows, index_t cols) {
  constexpr index_t k_pack = 8;
  const index_t ld = std::max((rows + k_pack - 1) / k_pack * k_pack, k_pack);
  MatrixView<BFloat16> matrix = memory.matrix<BFloat16>(ld, cols);
  matrix.rows = rows;
  return matrix;
}

/// The parts of a refinement, on working memory of its own.
class Refinement {
 public:
  Refinement(LoopMemory& memory, const FixedPoint<float>& solve)
      : solve_(solve),
        A_(*entries_of(solve.A)),
        A_low_(bfloat16_matrix(memory, A_.rows, A_.cols)),
        D_(bfloat16_matrix(memory, solve.X.rows, solve.X.cols)),
        X0_(memory.matrix<float>(solve.X.rows, solve.X.cols)),
        W_(memory.matrix<float>(solve.X.rows, solve.X.cols)),
        columns_(memory.columns<float>(solve.X.cols)),
        step_norms_(memory.vector<float>(solve.X.cols)),
        state_norms_(memory.vector<float>(solve.X.cols)),
        inner_{.status = columns_.status,
               .targets = memory.vector<float>(solve.X.cols),
               .best_steps = columns_.best_steps,
               .stalled = columns_.stalled,
               .active = columns_.active} {}

  VectorView<const std::int32_t> inner_active() const { return inner_.active; }

  /// A in bfloat16, and, where the first full step was made from X = 0, what follows such a step.
  Sequence start() const {
    Sequence sequence = steps_of(solve_).start;
    sequence.push_back(RoundToBFloat16{.X = A_, .Y = A_low_});
    if (!starts_from_zero(solve_)) return sequence;
    sequence.push_back(Fill<float>{.Y = X0_});
    append(sequence, after_full_step());
    return sequence;
  }

  Sequence full_step() const {
    Sequence sequence = {CopyMatrix<float>{.X = solve_.X, .Y = X0_}};
    append(sequence, steps_of(solve_).iteration);
    append(sequence, after_full_step());
    return sequence;
  }

  Sequence inner_step() const {
    FixedPoint<float> inner = solve_;
    inner.product = W_;
    std::visit([&](auto& map) { forcing_of(map) = solve_.product; }, inner.f);
    inner.columns = columns_;
    inner.step_norms = step_norms_;
    inner.state_norms = state_norms_;
    Sequence sequence = {RoundToBFloat16{.X = solve_.X, .X0 = X0_, .Y = D_},
                         LowGemm{.A = A_low_, .B = D_, .C = W_, .transpose_A = solve_.transpose}};
    std::visit([&](const auto& update) { sequence.emplace_back(update); }, update_of(inner));
    sequence.push_back(UpdateRefinement{.step_norms = step_norms_,
                                        .inner = inner_,
                                        .low_iterations = solve_.columns.low_iterations});
    return sequence;
  }

 private:
  static ConstMatrixView<float>& forcing_of(PicardMap<float>& map) { return map.Z; }
  static ConstMatrixView<float>& forcing_of(AdjointMap<float>& map) { return map.G; }

  /// R = S + F, in the place of S; then each running column enters the inner loop.
  Sequence after_full_step() const {
    auto f = solve_.f;
    const auto F = std::visit([](auto& map) { return forcing_of(map); }, f);
    const Decision<float>& decision = solve_.decision;
    return {AddScaled<float>{.X = F, .Y = solve_.product},
            BeginRefinement{.status = solve_.columns.status,
                            .step_norms = solve_.step_norms,
                            .state_norms = solve_.state_norms,
                            .inner = inner_,
                            .contraction = decision.contraction,
                            .absolute = decision.absolute,
                            .relative = decision.relative,
                            .certified = decision.certified}};
  }

  FixedPoint<float> solve_;
  ConstMatrixView<float> A_;
  MatrixView<BFloat16> A_low_;
  MatrixView<BFloat16> D_;
  MatrixView<float> X0_;
  MatrixView<float> W_;
  ColumnStatus<float> columns_;
  VectorView<float> step_norms_;
  VectorView<float> state_norms_;
  InnerColumns inner_;
};

class RefinedLoop final : public ProgramsInOrder {
 public:
  RefinedLoop(Programs parts, LoopMemory memory)
      : ProgramsInOrder(std::move(parts)), memory_(std::move(memory)) {}
  LoopStrategy strategy() const override { return LoopStrategy::refined; }

 private:
  LoopMemory memory_;
};

}  // namespace

template <class T>
bool can_be_refined(const FixedPoint<T>& solve) {
  return std::is_same_v<T, float> && entries_of(solve.A) && !solve.batch_invariant &&
         solve.sweep == Sweep::jacobi && !solve.mix && solve.start != SolveStart::running &&
         solve.decision.max_iterations > 0 && solve.X.rows > 0 &&
         solve.columns.low_iterations.size == solve.X.cols;
}

std::unique_ptr<Program> compile_refined(const std::shared_ptr<Backend>& backend,
                                         const FixedPoint<float>& solve) {
  LoopMemory memory(backend);
  const Refinement refinement(memory, solve);
  Programs parts = {backend->compile(refinement.start())};
  // A loop of one iteration: nothing is done where no column is running, except that loops which
  // are replayed in blocks make the product.
  const std::shared_ptr<Program> full =
      backend->compile_while(refinement.full_step(), solve.columns.active, 1);
  const std::shared_ptr<Program> inner = backend->compile_while(
      refinement.inner_step(), refinement.inner_active(), k_most_inner_iterations);
  for (int round = 0; round < k_rounds; ++round) {
    if (round > 0 || !starts_from_zero(solve)) parts.push_back(full);
    parts.push_back(inner);
  }
  FixedPoint<float> rest = solve;
  rest.start = SolveStart::running;
  parts.push_back(backend->compile(rest));
  return std::make_unique<RefinedLoop>(std::move(parts), std::move(memory));
}

template bool can_be_refined(const FixedPoint<float>&);
template bool can_be_refined(const FixedPoint<double>&);

}  // namespace idl
