// SPDX-License-Identifier: MIT
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "host/backend_of.hpp"
#include "host/model/solve_warning.hpp"
#include "host/options/validate.hpp"
#include "host/recurrent/recurrent_parts.hpp"
#include "host/recurrent/recurrent_report.hpp"
#include "idl/error.hpp"
#include "kernels/backend.hpp"

namespace idl {
namespace {

RecurrentPassOptions checked(RecurrentPassOptions options, index_t sequences, index_t steps) {
  check_number("RecurrentPass: sequences", sequences, ranges::k_positive_count);
  check_number("RecurrentPass: steps", steps, ranges::k_positive_count);
  check_number("RecurrentPass: truncate", options.truncate, ranges::k_not_negative);
  check_number("RecurrentPass: recompute", options.recompute, ranges::k_not_negative);
  constexpr index_t k_most = std::numeric_limits<std::int32_t>::max();
  IDL_CHECK(steps <= k_most / sequences, "RecurrentPass: " + std::to_string(sequences) +
                                             " sequences of " + std::to_string(steps) +
                                             " steps are more than " + std::to_string(k_most) +
                                             " columns");
  validate(options.solver);
  return options;
}

}  // namespace

template <class T>
struct RecurrentPass<T>::State {
  State(Context& context_in, const ImplicitRnn<T>& model, index_t sequences, index_t steps,
        const RecurrentPassOptions& options)
      : context(&context_in),
        programs(of_device(context_in, model), model, sequences, steps,
                 checked(options, sequences, steps)),
        certificates(programs) {
    use_lengths(std::vector<std::int32_t>(static_cast<std::size_t>(sequences),
                                          static_cast<std::int32_t>(steps)));
    forward_parts = programs.forward_parts();
    all_forward = backend_of(context_in)->join(forward_parts);
    if (options.backward) prepare_backward();
  }

  /// The context, if it is on the device of the model.
  static Context& of_device(Context& context, const ImplicitRnn<T>& model) {
    IDL_CHECK(context.device() == model.device(),
              "RecurrentPass: the context is on " + to_string(context.device()) +
                  ", the model on " + to_string(model.device()));
    return context;
  }
  void prepare_backward() {
    Programs parts = programs.backward_parts();
    all_backward = backend_of(*context)->join(parts);
    backward_parts = std::move(parts);
  }
  /// From then on the backward pass reads d_outputs; where it cannot be made, all is as before.
  void add_d_outputs() {
    programs.make_d_outputs();
    try {
      prepare_backward();
    } catch (...) {
      programs.d_outputs = {};
      throw;
    }
  }
  void use_lengths(std::vector<std::int32_t> values) {
    upload<std::int32_t>(*context, values, programs.lengths);
    lengths = std::move(values);
    has_states = false;
    programs.use_lengths();
  }
  void require_backward() const {
    IDL_CHECK(programs.options.backward, "RecurrentPass: it was made without the backward pass");
  }
  void require_head() const {
    IDL_CHECK(programs.shape.outputs > 0, "RecurrentPass: the model has no head");
  }
  void require_outputs() const {
    IDL_CHECK(!programs.options.last_only,
              "RecurrentPass: it was made with last_only, outputs of other steps are not kept");
  }

  Context* context;
  RecurrentPrograms<T> programs;
  RecurrentCertificates<T> certificates;
  std::vector<std::int32_t> lengths;
  bool has_states = false;  ///< of these lengths
  Programs forward_parts;
  Programs backward_parts;
  std::unique_ptr<Program> all_forward;
  std::unique_ptr<Program> all_backward;
};

template <class T>
RecurrentPass<T>::RecurrentPass(Context& context, const ImplicitRnn<T>& model, index_t sequences,
                                index_t steps, const RecurrentPassOptions& options)
    : state_(std::make_unique<State>(context, model, sequences, steps, options)) {}
template <class T>
RecurrentPass<T>::~RecurrentPass() = default;
template <class T>
RecurrentPass<T>::RecurrentPass(RecurrentPass&&) noexcept = default;
template <class T>
RecurrentPass<T>& RecurrentPass<T>::operator=(RecurrentPass&&) noexcept = default;

template <class T>
index_t RecurrentPass<T>::sequences() const {
  return state_->programs.m;
}
template <class T>
index_t RecurrentPass<T>::steps() const {
  return state_->programs.steps;
}
template <class T>
MatrixView<T> RecurrentPass<T>::x() {
  return state_->programs.x.view();
}
template <class T>
MatrixView<T> RecurrentPass<T>::h0() {
  return state_->programs.h0.view();
}

template <class T>
void RecurrentPass<T>::set_lengths(std::span<const std::int32_t> lengths) {
  const auto count = static_cast<std::size_t>(sequences());
  const auto most = static_cast<std::int32_t>(steps());
  std::vector<std::int32_t> values(lengths.begin(), lengths.end());
  if (values.empty()) values.assign(count, most);
  IDL_CHECK(values.size() == count, "set_lengths: " + std::to_string(values.size()) +
                                        " lengths, there are " + std::to_string(count) +
                                        " sequences");
  for (std::size_t b = 0; b < count; ++b)
    IDL_CHECK(values[b] >= 1 && values[b] <= most,
              "set_lengths: the length of sequence " + std::to_string(b) + " is " +
                  std::to_string(values[b]) + ", expected a whole number in [1, " +
                  std::to_string(most) + "]");
  state_->use_lengths(std::move(values));
}

template <class T>
void RecurrentPass<T>::forward_async() {
  state_->all_forward->launch();
  state_->has_states = true;
}

template <class T>
void RecurrentPass<T>::forward(RecurrentReport& report) {
  forward_async();
  state_->certificates.forward(state_->lengths, report);
  warn_unless_converged(*state_->context, report.solves, "recurrent forward solve");
}

template <class T>
RecurrentReport RecurrentPass<T>::forward() {
  RecurrentReport report;
  forward(report);
  return report;
}

template <class T>
ConstMatrixView<T> RecurrentPass<T>::outputs() const {
  state_->require_outputs();
  return state_->programs.H.view();
}
template <class T>
ConstMatrixView<T> RecurrentPass<T>::last() const {
  return state_->programs.last.view();
}
template <class T>
ConstMatrixView<T> RecurrentPass<T>::Y() const {
  state_->require_head();
  return state_->programs.Y.view();
}

template <class T>
MatrixView<T> RecurrentPass<T>::d_outputs() {
  state_->require_backward();
  state_->require_outputs();
  if (state_->programs.d_outputs.view().cols == 0) state_->add_d_outputs();
  return state_->programs.d_outputs.view();
}
template <class T>
MatrixView<T> RecurrentPass<T>::d_last() {
  state_->require_backward();
  return state_->programs.d_last.view();
}
template <class T>
MatrixView<T> RecurrentPass<T>::dY() {
  state_->require_backward();
  state_->require_head();
  return state_->programs.dY.view();
}

template <class T>
void RecurrentPass<T>::backward_async() {
  state_->require_backward();
  IDL_CHECK(state_->has_states,
            "RecurrentPass: backward comes after forward with the same lengths");
  state_->all_backward->launch();
}

template <class T>
void RecurrentPass<T>::backward(SolveReport& report) {
  backward_async();
  state_->certificates.backward(state_->lengths, report);
  warn_unless_converged(*state_->context, report, "recurrent adjoint solve");
}

template <class T>
SolveReport RecurrentPass<T>::backward() {
  SolveReport report;
  backward(report);
  return report;
}

template <class T>
ConstMatrixView<T> RecurrentPass<T>::dM() const {
  state_->require_backward();
  return state_->programs.dM.view();
}
template <class T>
ConstMatrixView<T> RecurrentPass<T>::d_head() const {
  state_->require_backward();
  state_->require_head();
  return state_->programs.d_head.view();
}
template <class T>
ConstMatrixView<T> RecurrentPass<T>::dx() const {
  IDL_CHECK(state_->programs.options.input_gradient && state_->programs.options.backward,
            "RecurrentPass: it was made without input_gradient");
  return state_->programs.dx.view();
}
template <class T>
ConstMatrixView<T> RecurrentPass<T>::dh0() const {
  state_->require_backward();
  return state_->programs.dh.view();
}

template <class T>
const Programs& detail::Inside<RecurrentPass<T>>::forward(RecurrentPass<T>& pass) {
  return pass.state_->forward_parts;
}
template <class T>
const Programs& detail::Inside<RecurrentPass<T>>::backward(RecurrentPass<T>& pass) {
  pass.state_->require_backward();
  return pass.state_->backward_parts;
}
template <class T>
RecurrentPrograms<T>& detail::Inside<RecurrentPass<T>>::programs(RecurrentPass<T>& pass) {
  return pass.state_->programs;
}
template <class T>
const RecurrentPrograms<T>& detail::Inside<RecurrentPass<T>>::programs(
    const RecurrentPass<T>& pass) {
  return pass.state_->programs;
}

template class RecurrentPass<float>;
template class RecurrentPass<double>;
template struct detail::Inside<RecurrentPass<float>>;
template struct detail::Inside<RecurrentPass<double>>;

}  // namespace idl
