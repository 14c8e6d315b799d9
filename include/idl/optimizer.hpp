// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/recurrent.hpp"

namespace idl {

/// Which rule updates the parameters.
enum class OptimizerKind : std::uint8_t { adam, adamw, sgd };
/// "adam", "adamw", "sgd".
IDL_EXPORT std::string_view to_string(OptimizerKind kind);
/// @throws InvalidArgument with the list of names.
IDL_EXPORT OptimizerKind parse_optimizer(std::string_view name);

/// Definitions as PyTorch's: Adam (L2 penalty added to the gradient), AdamW (decoupled decay), SGD
/// with momentum (dampening 0). All numbers are finite, as float too.
struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::adam;  ///< which rule
  double learning_rate = 1e-3;               ///< >= 0, before the schedule's factor
  double beta1 = 0.9;         ///< decay of the first moment, in [0, 1); Adam and AdamW
  double beta2 = 0.999;       ///< decay of the second moment, in [0, 1); Adam and AdamW
  double epsilon = 1e-8;      ///< >= 0, added to the root of the second moment; Adam and AdamW
  double weight_decay = 0.0;  ///< >= 0
  double momentum = 0.0;      ///< in [0, 1); SGD
  bool nesterov = false;      ///< look ahead by the momentum; SGD
  /// λ >= 0: after a step of learning rate η the rows of A become their proximal operator of
  /// ηλ‖a‖₁ in the set of the constraint, sign(a)·max(|a| − ηλ, 0) and then its projection. It
  /// makes entries zero, which compact() removes.
  double prox = 0.0;
  /// Matrices of the model that stay as they are, "A,D" of A (or L, R), B, C and D; "": none. Their
  /// moments follow the gradient all the same.
  std::string frozen{};
};

/// How the learning rate changes over a training.
enum class ScheduleKind : std::uint8_t { constant, step, cosine };
/// "constant", "step", "cosine".
IDL_EXPORT std::string_view to_string(ScheduleKind kind);
/// @throws InvalidArgument with the list of names.
IDL_EXPORT ScheduleKind parse_schedule(std::string_view name);

/// The learning rate as a multiple of OptimizerOptions::learning_rate.
///  - constant: 1
///  - step:     gamma^floor(epoch / period)
///  - cosine:   floor + (1−floor)·(1+cos(π·t/total))/2 over all optimiser steps t
struct Schedule {
  ScheduleKind kind = ScheduleKind::constant;  ///< which formula
  std::int64_t period = 10;                    ///< epochs, >= 1; for step
  double gamma = 0.1;                          ///< in [0, 1]; for step
  double floor = 0.0;                          ///< in [0, 1]; for cosine

  /// @param epoch       0, 1, ...
  /// @param step        optimiser steps already taken
  /// @param total_steps of the whole training; 0: the cosine is at its beginning, 1
  /// @throws InvalidArgument (period, gamma or floor out of their range)
  IDL_EXPORT double factor(std::int64_t epoch, std::int64_t step, std::int64_t total_steps) const;
};

/// Updates a model's M by a gradient dM and keeps the moments, which have the shape of M; of a
/// recurrent model the M of its cell, and its head with moments of their own.
template <class T>
class IDL_EXPORT Optimizer {
 public:
  /// @throws InvalidArgument naming the option: not finite, out of its range, prox where A = LRᵀ,
  /// something to be frozen that is no matrix of the model
  Optimizer(Context& context, const ImplicitModel<T>& model, const OptimizerOptions& options);

  /// The same on moments of the caller's, which stay his and which steps change: of M's shape, on
  /// the model's device.
  /// @param second  0×0 for SGD
  /// @throws InvalidArgument also for another shape or place, naming it
  Optimizer(Context& context, const ImplicitModel<T>& model, const OptimizerOptions& options,
            MatrixView<T> first, MatrixView<T> second);

  /// The same for the cell of a recurrent model and its head, which is neither projected nor made
  /// sparse; `frozen` names matrices of the cell.
  Optimizer(Context& context, const ImplicitRnn<T>& model, const OptimizerOptions& options);

  /// As given to the constructor.
  const OptimizerOptions& options() const { return options_; }
  /// Steps taken.
  std::int64_t steps() const { return steps_; }

  /// One step, then the projection of the model. Asynchronous. Where an entry of dM is not finite,
  /// or so large that a moment would not be, that of M and of the moments stays as it is, and
  /// take_left_out() tells.
  /// @param learning_rate_factor  from a Schedule
  void step(Context& context, ImplicitModel<T>& model, ConstMatrixView<T> dM,
            double learning_rate_factor = 1.0);

  /// The same of a recurrent model. @param d_head  0×0 where it has no head
  void step(Context& context, ImplicitRnn<T>& model, ConstMatrixView<T> dM,
            ConstMatrixView<T> d_head, double learning_rate_factor = 1.0);

  /// Whether, in the steps since the last call, an entry of dM (or of d_head) was left out, not
  /// finite or too large. Waits for the steps.
  bool take_left_out(Context& context);

  /// The state, for checkpoints: first moment or velocity; second moment (Adam; else 0×0).
  MatrixView<T> first_moment() { return first_; }
  /// As first_moment(): the second moment of Adam and AdamW, 0×0 for SGD.
  MatrixView<T> second_moment() { return second_; }
  /// As first_moment(), of the head of a recurrent model; 0×0 where there is none.
  MatrixView<T> head_first_moment() { return head_first_.view(); }
  /// As second_moment(), of the head of a recurrent model; 0×0 where there is none.
  MatrixView<T> head_second_moment() { return head_second_.view(); }
  /// Steps taken, when the state is put back from a checkpoint.
  /// @throws InvalidArgument (negative, or 2⁵³ or more)
  void set_steps(std::int64_t steps);

 private:
  friend struct detail::Inside<Optimizer>;

  struct Moments {
    Matrix<T> first;
    Matrix<T> second;
  };
  Optimizer(Context& context, const ImplicitModel<T>& model, const OptimizerOptions& options,
            Moments own);

  OptimizerOptions options_;
  Moments own_;  // empty where they are the caller's
  MatrixView<T> first_;
  MatrixView<T> second_;
  Matrix<T> head_first_;
  Matrix<T> head_second_;
  Vector<T> schedule_;             // what changes from step to step
  Vector<std::int32_t> left_out_;  // 1 element
  std::vector<Matrix<T>> frozen_;  // room for what a step shall not change
  std::int64_t steps_ = 0;
};

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace idl
