// SPDX-License-Identifier: MIT
#include "host/solver/refinement.hpp"

#include <algorithm>
#include <utility>

#include "host/solver/iteration.hpp"

namespace idl::solver {
namespace {

/// Three are usual; with more than this the inner loops have come to nothing.
constexpr int k_rounds = 6;
/// Of one round, at most; the inner decision ends it long before.
constexpr std::int32_t k_most_inner_iterations = 200;

}  // namespace

bool RefinementRule::holds(Device device, index_t n, index_t m) const {
  const double flops =
      2.0 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(m);
  return wanted && (on_cpu || device.kind == DeviceKind::cuda) && flops >= least_flops && n > 0;
}

BFloat16Matrix::BFloat16Matrix(Context& context, index_t rows, index_t cols)
    : rows_(rows),
      cols_(cols),
      ld_(std::max<index_t>((rows + 7) / 8 * 8, 8)),
      device_(context.device()),
      memory_(context.backend(),
              static_cast<std::size_t>(ld_) * static_cast<std::size_t>(cols) * sizeof(BFloat16)) {}

Refinement::Refinement(Context& context, RefinedLoop loop, const IterationState<float>& iteration,
                       const UpdateStatus<float>& decision)
    : loop_(std::move(loop)),
      decision_(decision),
      A_low_(context, loop_.A.rows, loop_.A.cols),
      D_(context, loop_.X.rows, loop_.X.cols),
      X0_(context, loop_.X.rows, loop_.X.cols),
      W_(context, loop_.X.rows, loop_.X.cols),
      inner_(context, loop_.X.cols),
      targets_(context, loop_.X.cols) {
  Backend& backend = *context.backend();
  Sequence full = {CopyMatrix<float>{.X = loop_.X, .Y = X0_}};
  append(full, loop_.step);
  append(full, behind_full_step());
  // A loop of one iteration: nothing is done where no column is running, except that loops which
  // are replayed in blocks make the product.
  full_ = backend.compile_while(std::move(full), iteration.active(), 1);
  inner_loop_ =
      backend.compile_while(inner_step(), inner_columns().active, k_most_inner_iterations);
}

InnerColumns Refinement::inner_columns() {
  const ColumnStatus<float> columns = inner_.columns();
  return {.status = columns.status,
          .targets = targets_,
          .best_steps = columns.best_steps,
          .stalled = columns.stalled,
          .active = columns.active};
}

/// R = S + F, in the place of S; then each running column enters the inner loop.
Sequence Refinement::behind_full_step() {
  return {AddScaled<float>{.X = loop_.F, .Y = loop_.S},
          BeginRefinement{.status = decision_.columns.status,
                          .step_norms = decision_.step_norms,
                          .state_norms = decision_.state_norms,
                          .inner = inner_columns(),
                          .contraction = decision_.contraction,
                          .absolute = decision_.absolute,
                          .relative = decision_.relative,
                          .certified = decision_.certified}};
}

Sequence Refinement::inner_step() {
  return {RoundToBFloat16{.X = loop_.X, .X0 = X0_.view(), .Y = D_.view()},
          LowGemm{.A = A_low_.view(), .B = D_.view(), .C = W_, .transpose_A = loop_.transpose_A},
          loop_.update(W_.view(), loop_.S, inner_),
          UpdateRefinement{.step_norms = inner_.step_norms(),
                           .inner = inner_columns(),
                           .low_iterations = decision_.columns.low_iterations}};
}

Sequence Refinement::prelude(bool first_step_done) {
  Sequence sequence = {RoundToBFloat16{.X = loop_.A, .Y = A_low_.view()}};
  if (first_step_done) {
    sequence.push_back(Fill<float>{.Y = X0_});
    append(sequence, behind_full_step());
  }
  return sequence;
}

std::vector<std::shared_ptr<Program>> Refinement::parts(bool first_step_done) const {
  std::vector<std::shared_ptr<Program>> all;
  for (int round = 0; round < k_rounds; ++round) {
    if (round > 0 || !first_step_done) all.push_back(full_);
    all.push_back(inner_loop_);
  }
  return all;
}

}  // namespace idl::solver
