// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "idl/context.hpp"
#include "idl/data_format.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/solver.hpp"

namespace idl {

/// Sizes of a recurrent model.
struct RecurrentShape {
  index_t inputs = 0;   ///< p >= 1: entries of x_t
  index_t states = 0;   ///< n >= 1: entries of X_t
  index_t hidden = 0;   ///< >= 1: entries of h_t
  index_t outputs = 0;  ///< of the linear head on the last h; 0: there is no head

  /// All the same.
  friend bool operator==(const RecurrentShape&, const RecurrentShape&) = default;
};

/// What data are about: the inputs of a step, and outputs, those of the head or, without one, h.
inline ModelShape data_shape(const RecurrentShape& shape) {
  return {.states = shape.states,
          .inputs = shape.inputs,
          .outputs = shape.outputs > 0 ? shape.outputs : shape.hidden};
}

/// A recurrent implicit model. For t = 1, ..., T, from h_0,
///   u_t = [x_t; h_{t−1}],  X_t = φ(A X_t + B u_t),  h_t = C X_t + D u_t,
/// and with a head Y = W h_T + b. With ModelOptions::bias u_t has a last row of ones. The cell is
/// an implicit model with inputs p + hidden and outputs hidden, with every kind of A, B, C and D
/// that such a model has. Source: the RNN cell of the original PyTorch package of implicit deep
/// learning, after El Ghaoui et al. 2021.
template <class T>
class IDL_EXPORT ImplicitRnn {
 public:
  /// The cell as ImplicitModel draws it; W from N(0, 1/hidden), b zero.
  /// @throws InvalidArgument (a size out of its range; what ImplicitModel refuses), OutOfMemory
  ImplicitRnn(Context& context, const RecurrentShape& shape, const ModelOptions& options = {},
              std::uint64_t seed = 0);
  /// Of a cell whose first `inputs` inputs are x_t and whose others are h. `head` is [W b],
  /// outputs×(hidden+1), copied; none: no head.
  /// @throws InvalidArgument (sizes that do not fit each other, devices), OutOfMemory
  ImplicitRnn(Context& context, ImplicitModel<T> cell, index_t inputs,
              std::optional<ConstMatrixView<T>> head = std::nullopt);

  /// The sizes.
  const RecurrentShape& shape() const { return shape_; }
  /// A, B = [B_x B_h], C and D = [D_x D_h]. Whoever changes its parameters calls project() after.
  ImplicitModel<T>& cell() { return cell_; }
  /// The same, read-only.
  const ImplicitModel<T>& cell() const { return cell_; }
  /// [W b], outputs×(hidden+1); 0×0 without a head.
  MatrixView<T> head() { return head_.view(); }
  /// The same, read-only.
  ConstMatrixView<T> head() const { return head_.view(); }
  /// Where the parameters lie.
  Device device() const { return cell_.device(); }

  /// As ImplicitModel::project, of the cell.
  void project(Context& context) { cell_.project(context); }
  /// A copy on the context's device, which may be another. @throws OutOfMemory
  ImplicitRnn clone(Context& context) const;

 private:
  RecurrentShape shape_;
  ImplicitModel<T> cell_;
  Matrix<T> head_;
};

extern template class ImplicitRnn<float>;
extern template class ImplicitRnn<double>;

/// Writes a recurrent model as the original PyTorch package's ImplicitRNN.load_state_dict takes it:
/// recurrent.layer.A, ..., linear.weight (outputs, hidden) and linear.bias (outputs); without a
/// head as its ImplicitRNNCell, layer.A, .... Otherwise as save_model of an ImplicitModel.
/// @param data  what the inputs of a step and the outputs are (without a head, the entries of h)
/// @throws NotFinite, IoError, InvalidArgument as that
template <class T>
IDL_EXPORT void save_model(Context& context, const ImplicitRnn<T>& model,
                           const std::filesystem::path& path, std::int64_t step = 0,
                           const DataFormat& data = {});
/// Reads what save_model wrote, or a state_dict of the original PyTorch package's ImplicitRNN saved
/// with safetensors; one of its ImplicitRNNCell where the metadata have input_size and hidden_size.
/// What the caller knows of the cell is told as to load_model, which reads the cell alone where
/// LoadOptions::cell_alone asks for that.
/// @throws IoError (as load_model; the model is not recurrent, sizes that do not fit each other),
/// InvalidArgument
template <class T>
IDL_EXPORT ImplicitRnn<T> load_rnn(Context& context, const std::filesystem::path& path,
                                   const LoadOptions& options = {});

/// How a RecurrentPass is made.
struct RecurrentPassOptions {
  SolverOptions solver{};       ///< stopping rules of both solves
  bool backward = true;         ///< prepare the backward pass too
  bool input_gradient = false;  ///< backward also gives dx
  /// The iteration of X_t begins at X_{t−1}, that of V_t at V_{t+1}: fewer iterations to the same
  /// fixed points, whose certificates do not change; Acceleration::automatic is none then. Without
  /// it each begins at zero, which is better where a fixed point is zero itself and the tolerance
  /// relative alone: from elsewhere an iteration comes near to it and never meets such a rule.
  bool warm_start = true;
  /// h of the last step alone is kept: there are no outputs() and no d_outputs().
  bool last_only = false;
  /// Gradients do not flow from step t to step t − 1 where t, counted from 0, is a multiple of this
  /// (t = 0 aside: to h0 they do flow); 0: they flow through all steps.
  index_t truncate = 0;
  /// States of so many steps are kept at a time; the backward pass solves for them again, from x
  /// as it is then and from h and X of the step before, which are kept. Least memory near √T. 0:
  /// all are kept.
  index_t recompute = 0;
};

/// The certificate of a forward pass.
struct [[nodiscard]] RecurrentReport {
  /// That of each solve, given its u_t as computed; step t of sequence b is entry b·T + t. A step
  /// after the end of a sequence has converged in 0 iterations, with bounds of 0.
  SolveReport solves;
  /// Upper bound of ‖h_t − h_t*‖∞, entry b·T + t; h* is the exact trajectory from the same x and
  /// h_0 with the same parameters. With β_t the error bound of solve t,
  ///   e_t = |C|1·β_t + ρ_t + S e_{t−1},  S = |C|(I − L_φ|A|)⁻¹L_φ|B_h| + |D_h|,  e_0 = 0,
  /// where ρ_t bounds the rounding of h_t = C X_t + D u_t. +inf from where a solve has no bound,
  /// 0 after the end of a sequence.
  std::vector<double> output_error_bound;
  /// An upper bound of λ_pf(S), commonly within 10⁻⁴ of it. Below 1 a change of h dies out with the
  /// steps, whatever x is; +inf where no bound of (I − L_φ|A|)⁻¹ is known.
  double gain = 0;
  /// Where gain < 1, v > 0 with Sv < v, one entry for each of h: S contracts by max (Sv)_i/v_i in
  /// the norm max |h_i|/v_i. Otherwise empty.
  std::vector<double> witness;

  /// Whether gain < 1.
  bool contracting() const { return gain < 1.0; }
  /// The recurrence's stability in a sentence.
  IDL_EXPORT std::string stability() const;
};

/// The forward and backward pass of one recurrent model over sequences of one number and one
/// greatest length T, with all buffers and programs made once: forward_async() and backward_async()
/// allocate nothing when they run again, and the host waits for no step.
///
///   forward:   for t = 1, ..., T:  solve for X_t at u_t = [x_t; h_{t−1}];  h_t = C X_t + D u_t
///   backward:  for t = T, ..., 1:  g_t = ∂ℓ/∂h_t + B_hᵀV_{t+1} + D_hᵀg_{t+1};
///              solve V_t = Ψ_t∘(AᵀV_t + Cᵀg_t)
///              dM = Σ_t [V_t; g_t][X_t; u_t]ᵀ;  dx_t = B_xᵀV_t + D_xᵀg_t
///
/// Columns of x(), outputs(), d_outputs() and dx() are b·T + t, for step t = 0, ..., T − 1 of
/// sequence b: byte for byte the batch-first (batch, T, ·) row-major arrays of NumPy and PyTorch.
/// The pass refers to the model, whose memory must outlive it; it sees parameters that change. A
/// sequence with NaN or a diverged solve leaves the bits of all others alone, but not dM, of which
/// it is a part (BatchPass).
template <class T>
class IDL_EXPORT RecurrentPass {
 public:
  /// `steps` is T.
  /// @throws InvalidArgument (sequences or steps < 1 or more columns than 2³¹−1; an option out of
  /// its range), OutOfMemory
  RecurrentPass(Context& context, const ImplicitRnn<T>& model, index_t sequences, index_t steps,
                const RecurrentPassOptions& options = {});
  ~RecurrentPass();
  /// Moves; the source may then only be destroyed or assigned to.
  RecurrentPass(RecurrentPass&&) noexcept;
  /// As the move constructor.
  RecurrentPass& operator=(RecurrentPass&&) noexcept;

  /// The number of sequences.
  index_t sequences() const;
  /// T.
  index_t steps() const;

  /// inputs×(T·sequences), contiguous: the caller fills it before forward(), and with `recompute`
  /// leaves it until after backward(), which reads it again. What lies after the end of a sequence
  /// is not looked at.
  MatrixView<T> x();
  /// hidden×sequences, contiguous: zero unless the caller fills it.
  MatrixView<T> h0();
  /// The number of steps of each sequence, in [1, T]; none: T for all, as it is at first. Copied.
  /// @throws InvalidArgument (another number of them, a length out of its range), before anything
  /// is changed
  void set_lengths(std::span<const std::int32_t> lengths);

  /// Solves all steps, waits, and returns the certificate.
  RecurrentReport forward();
  /// The same with the certificate written into `report`, whose memory is used again.
  void forward(RecurrentReport& report);
  /// The same without waiting and without a certificate.
  void forward_async();
  /// hidden×(T·sequences): h_t, and 0 after the end of a sequence.
  /// @throws InvalidArgument with last_only
  ConstMatrixView<T> outputs() const;
  /// hidden×sequences: h at the end of each sequence; as h0() of the next chunk it goes on there.
  ConstMatrixView<T> last() const;
  /// outputs×sequences: what the head makes of last(). @throws InvalidArgument without a head
  ConstMatrixView<T> Y() const;

  /// hidden×(T·sequences), contiguous: ∂ℓ/∂outputs(), zero unless the caller fills it. The first
  /// call allocates it. What lies after the end of a sequence is not looked at.
  /// @throws OutOfMemory, InvalidArgument without options.backward or with last_only
  MatrixView<T> d_outputs();
  /// hidden×sequences, contiguous: ∂ℓ/∂last(), zero unless the caller fills it; what comes through
  /// the head is added by itself. @throws InvalidArgument without options.backward
  MatrixView<T> d_last();
  /// outputs×sequences, contiguous: ∂ℓ/∂Y(), zero unless the caller fills it.
  /// @throws InvalidArgument without a head or options.backward
  MatrixView<T> dY();
  /// Solves for V_t of all steps at the states of the last forward pass, evaluates the gradients,
  /// waits, and returns the certificate of the solves, step t of sequence b in entry b·T + t, given
  /// the computed g_t. Of the adjoint's tolerance: as BatchPass::backward.
  /// @throws InvalidArgument without options.backward, and before the first forward pass
  SolveReport backward();
  /// The same with the certificate written into `report`, whose memory is used again.
  void backward(SolveReport& report);
  /// The same without waiting and without a certificate.
  void backward_async();
  /// Of the cell, same blocks as its M.
  ConstMatrixView<T> dM() const;
  /// outputs×(hidden+1), of the head. @throws InvalidArgument without a head
  ConstMatrixView<T> d_head() const;
  /// inputs×(T·sequences), 0 after the end of a sequence.
  /// @throws InvalidArgument without input_gradient
  ConstMatrixView<T> dx() const;
  /// hidden×sequences.
  ConstMatrixView<T> dh0() const;

 private:
  friend struct detail::Inside<RecurrentPass>;

  struct State;
  std::unique_ptr<State> state_;
};

extern template class RecurrentPass<float>;
extern template class RecurrentPass<double>;

}  // namespace idl
