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

/// How a BatchPass is made.
struct BatchPassOptions {
  SolverOptions solver{};       ///< stopping rules of both solves; of the adjoint's: backward()
  bool backward = true;         ///< prepare the backward pass too
  bool input_gradient = false;  ///< backward also gives dU
};

/// The forward and backward pass of one model for one batch size, with all buffers and programs
/// made once: running it again allocates nothing.
///
///   forward:   Z = BU;  X = φ(AX + Z), solver.hpp;  Y = [C D][X; U]
///   backward:  Ψ = φ'(AX + Z);  G = CᵀdY;  V = Ψ∘(AᵀV + G) by iteration;
///              dM = [V; dY][X; U]ᵀ;  dU = [B; D]ᵀ[V; dY]
///
/// Sources: El Ghaoui et al. 2021, sections 2 and 6; derivation by implicit differentiation.
/// The pass refers to the context, which must outlive it and stay where it is, and to the model,
/// whose memory must outlive it; it sees parameters that change.
/// dM is the plain gradient: zero in D with no_D, and zero on and below the diagonal of A where the
/// model is strictly upper triangular. A sample that is not finite, or whose solve diverged, is in
/// the sums of dM like all others and makes them NaN; Optimizer::step leaves such entries out, and
/// the report (or outcome) of the solves tells of the sample.
template <class T>
class IDL_EXPORT BatchPass {
 public:
  /// @throws InvalidArgument (samples < 1, tolerances out of their range), OutOfMemory
  BatchPass(Context& context, const ImplicitModel<T>& model, index_t samples,
            const BatchPassOptions& options = {});
  ~BatchPass();
  /// Moves; the source may then only be destroyed or assigned to.
  BatchPass(BatchPass&&) noexcept;
  /// As the move constructor.
  BatchPass& operator=(BatchPass&&) noexcept;

  /// m, the batch size.
  index_t samples() const;

  /// p×m with ld == p, contiguous: the caller fills it before forward(), which takes it from there.
  /// The first call allocates it. @throws OutOfMemory
  MatrixView<T> U();
  /// The iteration starts from X0 (n×m, copied now) in every later forward pass; without it from
  /// zero.
  void start_from(std::optional<ConstMatrixView<T>> X0);

  /// Solves for X and evaluates Y, waits, and returns the certificate.
  SolveReport forward();
  /// The same with the certificate written into `report`, whose memory is used again.
  void forward(SolveReport& report);
  /// The same without waiting and without a certificate; fetch_forward_outcome() tells later.
  void forward_async();
  /// Puts back a state X (n×m) that forward() gave for U (p×m) with the same parameters, without a
  /// solve: backward() is then taken there, and X() is it. Y() stays what it was. Asynchronous.
  /// @throws InvalidArgument (shapes, devices)
  void restore(ConstMatrixView<T> U, ConstMatrixView<T> X);
  ConstMatrixView<T> X() const;  ///< n×m
  ConstMatrixView<T> Y() const;  ///< q×m

  /// q×m with ld == q, contiguous: the caller fills it with ∂ℓ/∂Y before backward(), which takes it
  /// from there. The first call allocates it. @throws OutOfMemory, InvalidArgument where
  /// options.backward was false
  MatrixView<T> dY();
  /// Solves for V at the X of the last forward pass, evaluates dM (and dU), waits, and returns the
  /// certificate of V. V has the units of dY, and so has SolverOptions::adjoint.absolute: where dY
  /// is that of a mean over many hundred samples, or of a loss with a small weight, it has to be
  /// smaller in proportion, or 0 with a relative tolerance. Otherwise dM is off by much, though
  /// each column has converged. @throws InvalidArgument where options.backward was false, and
  /// before the first forward pass
  SolveReport backward();
  /// The same with the certificate written into `report`, whose memory is used again.
  void backward(SolveReport& report);
  /// The same without waiting and without a certificate; fetch_backward_outcome() tells later.
  void backward_async();
  ConstMatrixView<T> V() const;   ///< n×m, the adjoint state
  ConstMatrixView<T> dM() const;  ///< (n+q)×(n+p'), same blocks as M
  ConstMatrixView<T> dU() const;  ///< p×m. @throws InvalidArgument without input_gradient

  /// Counts of one finished solve, cheap to fetch. counts[k]: columns with SolveStatus k.
  struct Outcome {
    std::int64_t counts[5] = {};           ///< columns with SolveStatus k
    std::int32_t max_iterations_used = 0;  ///< of any column
    double mean_iterations = 0;            ///< per column
    double worst_step = 0;                 ///< largest last step of a column; NaN if one is NaN
    index_t first_not_converged = -1;      ///< lowest column without converged; -1: none
    index_t first_diverged = -1;           ///< lowest column with diverged; -1: none
  };
  /// Starts fetching the outcome of the last forward (or backward) pass; Pending::get waits for it.
  class Pending;
  /// Of the last forward pass; does not wait. @throws InvalidArgument before the first one
  Pending fetch_forward_outcome();
  /// Of the last backward pass; does not wait. @throws InvalidArgument before the first one
  Pending fetch_backward_outcome();

 private:
  friend struct detail::Inside<BatchPass>;

  struct State;
  std::unique_ptr<State> state_;
};

/// An outcome on its way from the device.
template <class T>
class IDL_EXPORT BatchPass<T>::Pending {
 public:
  Pending();
  ~Pending();
  /// Moves; the source is then empty.
  Pending(Pending&&) noexcept;
  /// As the move constructor.
  Pending& operator=(Pending&&) noexcept;
  /// Waits for the outcome, not for later work; once. @throws InvalidArgument (empty), DeviceError
  Outcome get();

 private:
  friend class BatchPass<T>;
  struct Fetch;
  std::unique_ptr<Fetch> fetch_;
};

extern template class BatchPass<float>;
extern template class BatchPass<double>;

}  // namespace idl
