// SPDX-License-Identifier: MIT
#include "idl/batch_pass.hpp"

#include <string>
#include <utility>

#include "host/backend_of.hpp"
#include "host/model/outcome_of.hpp"
#include "host/model/pass_parts.hpp"
#include "host/model/resolve_automatic.hpp"
#include "host/model/solve_warning.hpp"
#include "host/model/structure/structure.hpp"
#include "host/options/validate.hpp"
#include "host/solver/fixed_point_solver.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"

namespace idl {
namespace {

index_t checked_samples(index_t samples, const SolverOptions& options) {
  check_number("BatchPass: samples", samples, ranges::k_positive_count);
  validate(options);
  return samples;
}

}  // namespace

/// What a caller fills: a matrix with ld == rows, so that a batch-first array may be copied into it
/// as it is, and the step that takes it from there.
template <class T>
struct CallersMatrix {
  CallersMatrix(Context& context, MatrixView<T> destination)
      : values(context, destination.rows * destination.cols),
        view{values.data(), destination.rows, destination.cols, destination.rows,
             context.device()} {
    Backend& backend = *backend_of(context);
    backend.run(Fill<T>{.Y = view});
    take = backend.compile(Sequence{CopyMatrix<T>{.X = view, .Y = destination}});
  }

  Vector<T> values;
  MatrixView<T> view;
  std::shared_ptr<Program> take;
};

/// X and U are stacked in one matrix, and so are V and dY: then Y and dM are one product each.
template <class T>
struct BatchPass<T>::State {
  State(Context& context_in, const ImplicitModel<T>& model_in, index_t samples_in,
        const BatchPassOptions& options_in)
      : context(&context_in),
        M(model_in.M()),
        activation(model_in.options().activation),
        structure(detail::Inside<ImplicitModel<T>>::of(model_in)),
        samples(checked_samples(samples_in, options_in.solver)),
        options(options_in),
        n(model_in.shape().states),
        p(model_in.shape().inputs),
        q(model_in.shape().outputs),
        XU(context_in, n + model_in.input_rows(), samples),
        Y(context_in, q, samples),
        method(
            resolve_automatic(options.solver, context_in.device(), model_in.options(), n, samples)),
        equilibrium(
            context_in,
            solver::EquilibriumProblem<T>{.A = structure->maps(model_in.M()).A,
                                          .B = structure->maps(model_in.M()).B,
                                          .U = XU.view().row_range(n, model_in.input_rows()),
                                          .X = X(),
                                          .activation = model_in.options().activation},
            method) {
    IDL_CHECK(context_in.device() == model_in.device(),
              "BatchPass: the context is on " + to_string(context_in.device()) + ", the model on " +
                  to_string(model_in.device()));
    Backend& backend = *backend_of(context_in);
    // Rows of U that nobody fills must not hold NaN by accident.
    backend.run(Fill<T>{.Y = XU});
    if (model_in.options().bias)
      backend.run(Fill<T>{.Y = XU.view().row_range(n + p, 1), .value = T(1)});
    output =
        backend.compile(structure->output(model_in.M(), XU, Y, options.solver.batch_invariant));
    if (options.backward) prepare_backward();
  }

  MatrixView<T> X() { return XU.view().row_range(0, n); }
  MatrixView<T> U() { return XU.view().row_range(n, p); }
  MatrixView<T> V() { return VdY.view().row_range(0, n); }
  MatrixView<T> dY() { return VdY.view().row_range(n, q); }

  /// dM, and dU where it is asked for.
  Sequence gradient_sequence() {
    Sequence sequence = structure->gradient(M, VdY, XU, dM, inner);
    if (options.input_gradient)
      append(sequence,
             structure->input_gradient(M, transposes, VdY, dU, options.solver.batch_invariant));
    return sequence;
  }

  void prepare_backward() {
    VdY = Matrix<T>(*context, n + q, samples);
    dM = Matrix<T>(*context, M.rows, M.cols);
    if (options.input_gradient) dU = Matrix<T>(*context, p, samples);
    Backend& backend = *backend_of(*context);
    backend.run(Fill<T>{.Y = VdY});
    transposes = Vector<T>(*context, structure->transposed_values(options.input_gradient));
    const ModelMaps<T> maps = structure->maps(M, transposes);
    inner = Matrix<T>(*context, inner_rows(maps.A), samples);
    if (transposes.size() > 0)
      transpose = backend.compile(structure->transpose_steps(M, transposes));
    adjoint.emplace(*context,
                    solver::AdjointProblem<T>{.A = maps.A,
                                              .C = maps.C,
                                              .Z = equilibrium.forcing(),
                                              .X = X(),
                                              .dY = dY(),
                                              .V = V(),
                                              .activation = activation},
                    method);
    gradient = backend.compile(gradient_sequence());
  }

  void require_backward() const {
    IDL_CHECK(adjoint.has_value(), "BatchPass: it was made without the backward pass");
  }

  /// The matrix that stands before `destination`, from its first use on; then `pass` begins with
  /// it.
  MatrixView<T> before(MatrixView<T> destination, std::optional<CallersMatrix<T>>& matrix,
                       std::unique_ptr<Program>& pass) {
    if (!matrix) {
      matrix.emplace(*context, destination);
      pass = nullptr;
    }
    return matrix->view;
  }
  std::unique_ptr<Program> join(Programs parts,
                                const std::optional<CallersMatrix<T>>& matrix) const {
    if (matrix) parts.insert(parts.begin(), matrix->take);
    return backend_of(*context)->join(std::move(parts));
  }

  Context* context;
  ConstMatrixView<T> M;  ///< the model's
  Activation activation;
  std::shared_ptr<const Structure<T>> structure;  ///< of the model
  index_t samples;
  BatchPassOptions options;
  index_t n;
  index_t p;
  index_t q;
  Matrix<T> XU;
  Matrix<T> Y;
  Matrix<T> VdY;
  Matrix<T> dM;
  Matrix<T> dU;
  Vector<T> transposes;  ///< the values of transposes, where these are stored
  Matrix<T> inner;       ///< between the two products of A = LRᵀ
  SolverOptions method;  ///< those of the pass, with nothing automatic
  solver::FixedPointSolver<T> equilibrium;
  std::optional<solver::FixedPointSolver<T>> adjoint;
  std::shared_ptr<Program> output;
  std::shared_ptr<Program> transpose;  ///< none where there are no transposes
  std::shared_ptr<Program> gradient;
  std::optional<CallersMatrix<T>> callers_U;
  std::optional<CallersMatrix<T>> callers_dY;
  // The parts of a whole pass as one, which a GPU is given at once; made when it is first launched.
  std::unique_ptr<Program> all_forward;
  std::unique_ptr<Program> all_backward;
  bool has_state = false;  ///< a forward pass, or what prepares for a given X, has been run
  // Whoever takes the parts of a pass runs them before he asks what came of it.
  bool forward_taken = false;
  bool backward_taken = false;
};

template <class T>
BatchPass<T>::BatchPass(Context& context, const ImplicitModel<T>& model, index_t samples,
                        const BatchPassOptions& options)
    : state_(std::make_unique<State>(context, model, samples, options)) {}
template <class T>
BatchPass<T>::~BatchPass() = default;
template <class T>
BatchPass<T>::BatchPass(BatchPass&&) noexcept = default;
template <class T>
BatchPass<T>& BatchPass<T>::operator=(BatchPass&&) noexcept = default;

template <class T>
index_t BatchPass<T>::samples() const {
  return state_->samples;
}
template <class T>
MatrixView<T> BatchPass<T>::U() {
  return state_->before(state_->U(), state_->callers_U, state_->all_forward);
}
template <class T>
MatrixView<T> detail::Inside<BatchPass<T>>::stacked_U(BatchPass<T>& pass) {
  return pass.state_->U();
}
template <class T>
void BatchPass<T>::start_from(std::optional<ConstMatrixView<T>> X0) {
  if (state_->equilibrium.start_from(X0)) state_->all_forward = nullptr;
}

template <class T>
void BatchPass<T>::forward_async() {
  if (!state_->all_forward)
    state_->all_forward = state_->join(PassParts<T>::forward(*this), state_->callers_U);
  state_->all_forward->launch();
  state_->has_state = true;
}

template <class T>
Programs detail::Inside<BatchPass<T>>::forward(const BatchPass<T>& pass) {
  pass.state_->forward_taken = true;
  Programs parts = pass.state_->equilibrium.parts();
  parts.push_back(pass.state_->output);
  return parts;
}

template <class T>
Programs detail::Inside<BatchPass<T>>::backward(const BatchPass<T>& pass) {
  pass.state_->require_backward();
  pass.state_->backward_taken = true;
  Programs parts = pass.state_->adjoint->parts();
  if (pass.state_->transpose) parts.insert(parts.begin(), pass.state_->transpose);
  parts.push_back(pass.state_->gradient);
  return parts;
}

template <class T>
void detail::Inside<BatchPass<T>>::forward_unannounced(BatchPass<T>& pass, SolveReport& report) {
  pass.forward_async();
  pass.state_->equilibrium.report(report);
}

template <class T>
void detail::Inside<BatchPass<T>>::solve_by_iterations(
    BatchPass<T>& pass, const std::function<void(const solver::IterationRecord&)>& look,
    SolveReport& report) {
  pass.state_->equilibrium.launch_by_iterations(look);
  pass.state_->equilibrium.report(report);
}

template <class T>
void BatchPass<T>::forward(SolveReport& report) {
  PassParts<T>::forward_unannounced(*this, report);
  warn_unless_converged(*state_->context, report, "forward solve");
}

template <class T>
SolveReport BatchPass<T>::forward() {
  SolveReport report;
  forward(report);
  return report;
}

template <class T>
MatrixView<T> detail::Inside<BatchPass<T>>::stacked_X(BatchPass<T>& pass) {
  return pass.state_->X();
}

template <class T>
void detail::Inside<BatchPass<T>>::prepare(BatchPass<T>& pass) {
  pass.state_->equilibrium.prepare();
  pass.state_->has_state = true;
}

template <class T>
void BatchPass<T>::restore(ConstMatrixView<T> U, ConstMatrixView<T> X) {
  const auto check = [](const char* name, ConstMatrixView<T> given, MatrixView<T> expected) {
    IDL_CHECK(given.rows == expected.rows && given.cols == expected.cols,
              "restore: " + std::string(name) + " is " + std::to_string(given.rows) + "x" +
                  std::to_string(given.cols) + ", expected " + std::to_string(expected.rows) + "x" +
                  std::to_string(expected.cols));
  };
  check("U", U, state_->U());
  check("X", X, state_->X());
  copy<T>(*state_->context, U, state_->U());
  PassParts<T>::prepare(*this);
  copy<T>(*state_->context, X, state_->X());
}

template <class T>
ConstMatrixView<T> BatchPass<T>::X() const {
  return state_->X();
}
template <class T>
ConstMatrixView<T> BatchPass<T>::Y() const {
  return state_->Y.view();
}
template <class T>
MatrixView<T> BatchPass<T>::dY() {
  state_->require_backward();
  return state_->before(state_->dY(), state_->callers_dY, state_->all_backward);
}
template <class T>
MatrixView<T> detail::Inside<BatchPass<T>>::stacked_dY(BatchPass<T>& pass) {
  pass.state_->require_backward();
  return pass.state_->dY();
}

template <class T>
void BatchPass<T>::backward_async() {
  state_->require_backward();
  IDL_CHECK(state_->has_state, "BatchPass: backward comes after forward or restore");
  if (!state_->all_backward)
    state_->all_backward = state_->join(PassParts<T>::backward(*this), state_->callers_dY);
  state_->all_backward->launch();
}

template <class T>
void BatchPass<T>::backward(SolveReport& report) {
  backward_async();
  state_->adjoint->report(report);
  warn_unless_converged(*state_->context, report, "adjoint solve");
}

template <class T>
SolveReport BatchPass<T>::backward() {
  SolveReport report;
  backward(report);
  return report;
}

template <class T>
ConstMatrixView<T> BatchPass<T>::V() const {
  state_->require_backward();
  return state_->V();
}
template <class T>
ConstMatrixView<T> BatchPass<T>::dM() const {
  state_->require_backward();
  return state_->dM.view();
}
template <class T>
ConstMatrixView<T> BatchPass<T>::dU() const {
  IDL_CHECK(state_->options.input_gradient, "BatchPass: it was made without input_gradient");
  return state_->dU.view();
}

template <class T>
struct BatchPass<T>::Pending::Fetch {
  const solver::IterationState<T>* iteration;
  std::unique_ptr<ReadBack> copy;
};

template <class T>
BatchPass<T>::Pending::Pending() = default;
template <class T>
BatchPass<T>::Pending::~Pending() = default;
template <class T>
BatchPass<T>::Pending::Pending(Pending&&) noexcept = default;
template <class T>
typename BatchPass<T>::Pending& BatchPass<T>::Pending::operator=(Pending&&) noexcept = default;

template <class T>
typename BatchPass<T>::Outcome BatchPass<T>::Pending::get() {
  IDL_CHECK(fetch_ != nullptr, "BatchPass: no outcome is on its way");
  const std::unique_ptr<Fetch> fetched = std::move(fetch_);
  return outcome_of<T>(fetched->iteration->record(*fetched->copy));
}

template <class T>
typename BatchPass<T>::Pending BatchPass<T>::fetch_forward_outcome() {
  IDL_CHECK(state_->forward_taken, "BatchPass: an outcome comes after forward");
  Pending pending;
  const auto& iteration = state_->equilibrium.iteration();
  pending.fetch_.reset(new typename Pending::Fetch{&iteration, iteration.fetch()});
  return pending;
}

template <class T>
typename BatchPass<T>::Pending BatchPass<T>::fetch_backward_outcome() {
  state_->require_backward();
  IDL_CHECK(state_->backward_taken, "BatchPass: its outcome comes after backward");
  Pending pending;
  const auto& iteration = state_->adjoint->iteration();
  pending.fetch_.reset(new typename Pending::Fetch{&iteration, iteration.fetch()});
  return pending;
}

template class BatchPass<float>;
template class BatchPass<double>;
template struct detail::Inside<BatchPass<float>>;
template struct detail::Inside<BatchPass<double>>;

}  // namespace idl
