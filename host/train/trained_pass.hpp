// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "idl/batch_pass.hpp"
#include "idl/recurrent.hpp"
#include "kernels/program.hpp"

namespace idl {

/// A forward and a backward pass over one batch as a training step sees them, whichever kind of
/// model they are of.
template <class T>
class TrainedPass {
 public:
  using Outcome = typename BatchPass<T>::Outcome;

  virtual ~TrainedPass() = default;

  virtual index_t samples() const = 0;
  virtual MatrixView<T> U() = 0;  ///< where a batch is put, one sample a column
  /// Of sequences the steps that each has.
  virtual void set_lengths(std::span<const std::int32_t>) {}
  virtual ConstMatrixView<T> Y() const = 0;
  virtual MatrixView<T> dY() = 0;
  virtual ConstMatrixView<T> dM() const = 0;
  virtual ConstMatrixView<T> d_head() const { return {}; }  ///< of a recurrent model's head

  /// From U to Y, and from dY to the gradients.
  virtual Programs forward() = 0;
  virtual Programs backward() = 0;

  /// Fetches how the solves of the last launch ended, of a recurrent model those of all steps, but
  /// that the first to have failed is a sample; what is returned waits for it, once.
  virtual std::function<Outcome()> fetch_forward_outcome() = 0;
  virtual std::function<Outcome()> fetch_backward_outcome() = 0;
};

/// That of a model without recurrence, which must outlive it.
template <class T>
std::unique_ptr<TrainedPass<T>> make_trained_pass(Context& context, const ImplicitModel<T>& model,
                                                  index_t samples, const SolverOptions& solver,
                                                  bool backward);

/// A batch of sequences of one number of steps.
struct SequenceBatch {
  index_t sequences = 0;
  index_t steps = 0;
};

/// That of a recurrent model with a head: a sample is a sequence, its inputs step by step.
template <class T>
std::unique_ptr<TrainedPass<T>> make_trained_pass(Context& context, const ImplicitRnn<T>& model,
                                                  SequenceBatch batch, const SolverOptions& solver,
                                                  bool backward);

}  // namespace idl
