// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>

#include "idl/context.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/solver.hpp"

namespace idl {

struct BatchPassOptions {
  SolverOptions solver{};
  bool backward = true;         ///< prepare the backward pass too
  bool input_gradient = false;  ///< backward also gives dU
};

/// The forward and backward pass of one model for one batch size, with all buffers and programs
/// made once: running it again allocates nothing.
///
///   forward:   Z = BU;  X = φ(AX + Z) by Picard iteration;  Y = [C D][X; U]
///   backward:  Ψ = φ'(AX + Z);  G = CᵀdY;  V = Ψ∘(AᵀV + G) by iteration;
///              dM = [V; dY][X; U]ᵀ;  dU = [B; D]ᵀ[V; dY]
///
/// Sources: El Ghaoui et al. 2021, sections 2 and 6; derivation by implicit differentiation.
/// The pass refers to the model, whose memory must outlive it; it sees parameters that change.
/// dM is the plain gradient: zero in D with no_D, and zero on and below the diagonal of A where the
/// model is strictly upper triangular.
template <class T>
class IDL_EXPORT BatchPass {
 public:
  /// @throws InvalidArgument (samples < 1, negative tolerances, max_iterations < 0), OutOfMemory
  BatchPass(Context& context, const ImplicitModel<T>& model, index_t samples,
            const BatchPassOptions& options = {});
  ~BatchPass();
  BatchPass(BatchPass&&) noexcept;
  BatchPass& operator=(BatchPass&&) noexcept;

  index_t samples() const;

  /// p×m: the caller fills it before forward().
  MatrixView<T> U();
  /// The iteration starts from X0 (n×m, copied now) in every later forward pass; without it from
  /// zero.
  void start_from(std::optional<ConstMatrixView<T>> X0);

  /// Solves for X and evaluates Y, waits, and returns the certificate.
  SolveReport forward();
  /// The same without waiting and without a certificate; read_outcome() tells later.
  void forward_async();
  ConstMatrixView<T> X() const;  ///< n×m
  ConstMatrixView<T> Y() const;  ///< q×m

  /// q×m: the caller fills it with ∂ℓ/∂Y before backward().
  MatrixView<T> dY();
  SolveReport backward();
  void backward_async();
  ConstMatrixView<T> V() const;   ///< n×m, the adjoint state
  ConstMatrixView<T> dM() const;  ///< (n+q)×(n+p'), same blocks as M
  ConstMatrixView<T> dU() const;  ///< p×m; only with input_gradient

  /// Counts of one finished solve, cheap to fetch. counts[k]: columns with SolveStatus k.
  struct Outcome {
    std::int64_t counts[5] = {};
    std::int32_t max_iterations_used = 0;
    double mean_iterations = 0;
    double worst_step = 0;
  };
  /// Starts fetching the outcome of the last forward (or backward) pass; Pending::get waits for it.
  class Pending;
  Pending fetch_forward_outcome();
  Pending fetch_backward_outcome();

 private:
  friend class ImplicitModel<T>;
  /// forward() without its warning, for callers that warn once for many passes.
  SolveReport forward_unannounced();

  struct State;
  std::unique_ptr<State> state_;
};

/// An outcome on its way from the device.
template <class T>
class IDL_EXPORT BatchPass<T>::Pending {
 public:
  Pending();
  ~Pending();
  Pending(Pending&&) noexcept;
  Pending& operator=(Pending&&) noexcept;
  Outcome get();

 private:
  friend class BatchPass<T>;
  struct Fetch;
  std::unique_ptr<Fetch> fetch_;
};

extern template class BatchPass<float>;
extern template class BatchPass<double>;

}  // namespace idl
