// SPDX-License-Identifier: MIT
#include "host/cli/sequence_prediction.hpp"

#include <algorithm>
#include <optional>
#include <vector>

namespace idl::cli {
namespace {

/// Solves at a time, which bounds the memory that a pass takes.
constexpr index_t k_columns = 65536;

/// Adds an entry for each sequence.
/// @param lengths  the steps of each that count; none: all
void append_sequences(SolveReport& all, const RecurrentReport& report, index_t steps,
                      std::span<const std::int32_t> lengths) {
  const SolveReport& solves = report.solves;
  const auto T = static_cast<std::size_t>(steps);
  for (std::size_t first = 0; first < solves.status.size(); first += T) {
    const auto of_sequence = [&](const auto& values) {
      return std::span(values).subspan(first, T);
    };
    const auto status = of_sequence(solves.status);
    const auto failed = std::ranges::find_if(
        status, [](SolveStatus which) { return which != SolveStatus::converged; });
    all.status.push_back(failed == status.end() ? SolveStatus::converged : *failed);
    const auto sum = [&](const std::vector<std::int32_t>& counts) {
      std::int32_t total = 0;
      for (const std::int32_t count : of_sequence(counts)) total += count;
      return total;
    };
    all.iterations.push_back(sum(solves.iterations));
    all.fallbacks.push_back(sum(solves.fallbacks));
    all.low_precision_iterations.push_back(sum(solves.low_precision_iterations));
    all.step.push_back(std::ranges::max(of_sequence(solves.step)));
    all.residual.push_back(std::ranges::max(of_sequence(solves.residual)));
    const std::size_t length = lengths.empty() ? T : static_cast<std::size_t>(lengths[first / T]);
    all.error_bound.push_back(report.output_error_bound[first + length - 1]);
  }
  all.contraction = solves.contraction;
}

}  // namespace

template <class T>
Prediction<T> predict_sequences(Context& context, const ImplicitRnn<T>& model,
                                const SequenceInputs<T>& inputs, const SolverOptions& solver) {
  const auto& [x, lengths, steps] = inputs;
  const RecurrentShape& shape = model.shape();
  const bool with_head = shape.outputs > 0;
  const index_t length = steps * shape.inputs;
  const index_t sequences = static_cast<index_t>(x.size()) / length;
  Prediction<T> prediction{Matrix<T>(context, with_head ? shape.outputs : shape.hidden, sequences),
                           Matrix<T>(context, shape.hidden, sequences),
                           {}};
  const index_t tile = std::min(sequences, std::max<index_t>(k_columns / steps, 1));
  std::optional<RecurrentPass<T>> pass;
  RecurrentReport report;
  for (index_t first = 0; first < sequences; first += tile) {
    const index_t count = std::min(tile, sequences - first);
    if (!pass || pass->sequences() != count) {
      pass.reset();  // its memory goes before that of the next comes
      pass.emplace(context, model, count, steps,
                   RecurrentPassOptions{.solver = solver, .backward = false, .last_only = true});
    }
    const auto values = x.subspan(static_cast<std::size_t>(first * length),
                                  static_cast<std::size_t>(count * length));
    upload<T>(context, values, pass->x());
    const auto own_lengths = lengths.empty() ? lengths
                                             : lengths.subspan(static_cast<std::size_t>(first),
                                                               static_cast<std::size_t>(count));
    if (!own_lengths.empty()) pass->set_lengths(own_lengths);
    pass->forward(report);
    append_sequences(prediction.report, report, steps, own_lengths);
    copy<T>(context, pass->last(), prediction.X.view().columns(first, count));
    copy<T>(context, with_head ? pass->Y() : pass->last(),
            prediction.Y.view().columns(first, count));
  }
  context.synchronize();
  return prediction;
}

template Prediction<float> predict_sequences(Context&, const ImplicitRnn<float>&,
                                             const SequenceInputs<float>&, const SolverOptions&);
template Prediction<double> predict_sequences(Context&, const ImplicitRnn<double>&,
                                              const SequenceInputs<double>&, const SolverOptions&);

}  // namespace idl::cli
