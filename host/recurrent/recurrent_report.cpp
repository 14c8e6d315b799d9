// SPDX-License-Identifier: MIT
#include "host/recurrent/recurrent_report.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>
#include <utility>

#include "host/backend_of.hpp"
#include "host/solver/certificates.hpp"
#include "host/solver/problem.hpp"
#include "kernels/backend.hpp"

namespace idl {
namespace {

/// Where the entries of a report are, on the device and for the caller.
struct EntryOrder {
  std::size_t m;
  std::size_t steps;

  std::size_t by_steps(std::size_t t, std::size_t b) const { return t * m + b; }
  std::size_t by_sequences(std::size_t t, std::size_t b) const { return b * steps + t; }

  template <class E>
  void arrange(const std::vector<E>& from, std::vector<E>& to) const {
    to.resize(from.size());
    for (std::size_t t = 0; t < steps; ++t)
      for (std::size_t b = 0; b < m; ++b) to[by_sequences(t, b)] = from[by_steps(t, b)];
  }
};

void arrange(const SolveReport& from, const EntryOrder& order, SolveReport& to) {
  order.arrange(from.status, to.status);
  order.arrange(from.iterations, to.iterations);
  order.arrange(from.fallbacks, to.fallbacks);
  order.arrange(from.low_precision_iterations, to.low_precision_iterations);
  order.arrange(from.step, to.step);
  order.arrange(from.residual, to.residual);
  order.arrange(from.error_bound, to.error_bound);
  to.contraction = from.contraction;
}

bool has_step(std::span<const std::int32_t> lengths, std::size_t b, std::size_t t) {
  return t < static_cast<std::size_t>(lengths[b]);
}

/// After the end of a sequence there is nothing to bound.
void clear_ended(std::span<const std::int32_t> lengths, const EntryOrder& order,
                 SolveReport& by_steps) {
  for (std::size_t t = 0; t < order.steps; ++t)
    for (std::size_t b = 0; b < order.m; ++b)
      if (!has_step(lengths, b, t)) {
        by_steps.residual[order.by_steps(t, b)] = 0.0;
        by_steps.error_bound[order.by_steps(t, b)] = 0.0;
      }
}

}  // namespace

template <class T>
RecurrentCertificates<T>::RecurrentCertificates(RecurrentPrograms<T>& programs)
    : programs_(programs),
      forward_norms_(backend_of(*programs.context)->compile(programs.forward_norms())) {
  if (programs.options.backward)
    backward_norms_ = backend_of(*programs.context)->compile(programs.backward_norms());
}

template <class T>
const ErrorGrowth& RecurrentCertificates<T>::growth() {
  Context& context = *programs_.context;
  std::vector<T> parameters = download(context, programs_.M);
  if (!growth_ || parameters != growth_of_) {
    growth_ = error_growth(context, programs_.maps(), programs_.shape.inputs,
                           programs_.shape.hidden, lipschitz_constant(programs_.cell.activation));
    growth_of_ = std::move(parameters);
  }
  return *growth_;
}

template <class T>
void RecurrentCertificates<T>::carry_errors(const ErrorGrowth& growth,
                                            std::span<const std::int32_t> lengths,
                                            const solver::IterationRecord& record,
                                            RecurrentReport& report) {
  using Limits = std::numeric_limits<T>;
  const EntryOrder order = {static_cast<std::size_t>(programs_.m),
                            static_cast<std::size_t>(programs_.steps)};
  ErrorThroughTime errors(growth,
                          {.unit_roundoff = static_cast<double>(Limits::epsilon()) / 2.0,
                           .least_normal = static_cast<double>(Limits::min()),
                           .largest = static_cast<double>(Limits::max())},
                          programs_.m);
  report.output_error_bound.assign(order.m * order.steps, 0.0);
  std::vector<StepErrors> step(order.m);
  for (std::size_t t = 0; t < order.steps; ++t) {
    for (std::size_t b = 0; b < order.m; ++b) {
      const std::size_t k = order.by_steps(t, b);
      step[b] = {.solve = by_steps_.error_bound[k],
                 .state = record.state_norms[k],
                 .input = record.forcing_norms[k]};
    }
    errors.step(step);
    for (std::size_t b = 0; b < order.m; ++b)
      if (has_step(lengths, b, t))
        report.output_error_bound[order.by_sequences(t, b)] = errors.bound(b);
  }
}

template <class T>
void RecurrentCertificates<T>::forward(std::span<const std::int32_t> lengths,
                                       RecurrentReport& report) {
  forward_norms_->launch();
  const ErrorGrowth& growth = this->growth();
  const ModelMaps<T> maps = programs_.maps();
  const solver::IterationRecord& record = programs_.equilibrium.latest_record();
  solver::certify_state(
      record, solver::arithmetic_of(maps.A, terms_per_row(maps.B), programs_.cell.activation),
      [&growth] { return growth.solve_gain; }, by_steps_);
  const EntryOrder order = {static_cast<std::size_t>(programs_.m),
                            static_cast<std::size_t>(programs_.steps)};
  clear_ended(lengths, order, by_steps_);
  carry_errors(growth, lengths, record, report);
  arrange(by_steps_, order, report.solves);
  report.gain = growth.root;
  report.witness = growth.witness;
}

template <class T>
void RecurrentCertificates<T>::backward(std::span<const std::int32_t> lengths,
                                        SolveReport& report) {
  backward_norms_->launch();
  const ModelMaps<T> maps = programs_.maps();
  solver::IterationRecord record = programs_.adjoint->latest_record();
  // What stands for ‖Cᵀg‖₁ was summed in T, first over C's rows and then over g.
  const double terms = static_cast<double>(terms_per_row(maps.C) + programs_.shape.hidden) + 4.0;
  const double up = 1.0 + terms * static_cast<double>(std::numeric_limits<T>::epsilon());
  for (double& norm : record.forcing_norms) norm *= up;
  solver::certify_adjoint(
      record, solver::arithmetic_of(maps.A, 0, programs_.cell.activation),
      [this] { return growth().solve_gain; }, by_steps_);
  const EntryOrder order = {static_cast<std::size_t>(programs_.m),
                            static_cast<std::size_t>(programs_.steps)};
  clear_ended(lengths, order, by_steps_);
  arrange(by_steps_, order, report);
}

std::string RecurrentReport::stability() const {
  std::ostringstream text;
  text.precision(4);
  if (!std::isfinite(gain)) {
    text << "unknown: no bound is known of what a change of h does to the next step";
  } else if (contracting()) {
    text << "contracting: a change of h shrinks to " << gain
         << " of itself a step in the long run, and the bound of the error stays bounded for any "
            "number of steps";
  } else {
    text << "not proved: a change of h may grow to " << gain
         << " times itself a step, and the bound of the error grows with the number of steps";
  }
  return text.str();
}

template class RecurrentCertificates<float>;
template class RecurrentCertificates<double>;

}  // namespace idl
