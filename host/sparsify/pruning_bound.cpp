// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <string>
#include <utility>

#include "host/model/pass_parts.hpp"
#include "host/model/structure/structure.hpp"
#include "host/sparsify/stored_entries.hpp"
#include "idl/batch_pass.hpp"
#include "idl/error.hpp"
#include "idl/sparsify.hpp"
#include "kernels/operand_checks.hpp"

namespace idl {
namespace {

constexpr double k_infinity = std::numeric_limits<double>::infinity();
constexpr index_t k_samples_at_a_time = 1024;

/// A model on the host, in double.
struct HostModel {
  std::vector<double> M;
  std::vector<StoredEntries> matrices;  ///< A, B, C, D; without D nothing is stored of it
};

template <class T>
HostModel on_host(Context& context, const ImplicitModel<T>& model) {
  const std::vector<T> M = download(context, model.M());
  HostModel host = {{M.begin(), M.end()}, stored_entries(context, model)};
  if (host.matrices.size() < 4) {
    const index_t outputs = model.shape().outputs;
    host.matrices.push_back(
        {.matrix = "D",
         .sparse = true,
         .rows = outputs,
         .cols = model.input_rows(),
         .row_offsets = std::vector<std::int64_t>(static_cast<std::size_t>(outputs) + 1, 0)});
  }
  return host;
}

/// Row by row the entries of scale·|M − M̃|, of one matrix of the models after the other.
class Differences {
 public:
  Differences(const HostModel& model, const HostModel& pruned, double scale)
      : model_(model), pruned_(pruned), scale_(scale) {}

  /// [|A_1 − Ã_1| |A_2 − Ã_2|], where matrices number `left` and `right` are A_1 and A_2.
  CsrArrays<double> beside_each_other(std::size_t left, std::size_t right) const {
    const index_t left_cols = model_.matrices[left].cols;
    CsrArrays<double> result = {.rows = model_.matrices[left].rows,
                                .cols = left_cols + model_.matrices[right].cols,
                                .row_offsets = {0}};
    IDL_CHECK(result.cols <= std::numeric_limits<std::int32_t>::max(),
              "pruning_bound: states and inputs are " + std::to_string(result.cols) +
                  ", more than compressed rows can have columns");
    for (std::size_t i = 0; i < static_cast<std::size_t>(result.rows); ++i) {
      append_row(left, i, 0, result);
      append_row(right, i, static_cast<std::int32_t>(left_cols), result);
      result.row_offsets.push_back(static_cast<std::int64_t>(result.values.size()));
    }
    return result;
  }

 private:
  /// The entries of a row that are not passed yet.
  struct Row {
    Row(const HostModel& model, std::size_t matrix, std::size_t i)
        : M(model.M),
          entries(model.matrices[matrix]),
          next(static_cast<std::size_t>(entries.row_offsets[i])),
          end(static_cast<std::size_t>(entries.row_offsets[i + 1])) {}
    std::int32_t column() const {
      return next < end ? entries.col_indices[next] : std::numeric_limits<std::int32_t>::max();
    }
    /// Passes the entry of this column; 0 where none is stored.
    double take(std::int32_t at) { return column() == at ? M[entries.places[next++]] : 0.0; }

    std::span<const double> M;
    const StoredEntries& entries;
    std::size_t next;
    std::size_t end;
  };

  void append_row(std::size_t matrix, std::size_t i, std::int32_t first_column,
                  CsrArrays<double>& to) const {
    Row a(model_, matrix, i);
    Row b(pruned_, matrix, i);
    while (a.next < a.end || b.next < b.end) {
      const std::int32_t column = std::min(a.column(), b.column());
      const double difference = scale_ * std::abs(a.take(column) - b.take(column));
      if (difference == 0.0) continue;
      to.col_indices.push_back(first_column + column);
      to.values.push_back(difference);
    }
  }

  const HostModel& model_;
  const HostModel& pruned_;
  double scale_;
};

/// scale·|values|, rounded up.
std::vector<double> magnitudes(double scale, std::span<const double> values) {
  std::vector<double> result;
  result.reserve(values.size());
  for (const double value : values) {
    const double product = scale * std::abs(value);
    const bool exact = product == 0.0 || std::fma(scale, std::abs(value), -product) <= 0.0;
    result.push_back(exact ? product : std::nextafter(product, k_infinity));
  }
  return result;
}

double inf_norm(const StoredEntries& entries, std::span<const double> M) {
  double norm = 0.0;
  for (std::size_t i = 0; i + 1 < entries.row_offsets.size(); ++i) {
    double sum = 0.0;
    for (auto k = static_cast<std::size_t>(entries.row_offsets[i]);
         k < static_cast<std::size_t>(entries.row_offsets[i + 1]); ++k)
      sum += std::abs(M[entries.places[k]]);
    norm = std::max(norm, sum);
  }
  return norm;
}

struct Solved {
  std::vector<double> X;
  std::vector<double> Y;
  std::vector<double> error_bound;
};

Solved solve(Context& context, const ImplicitModel<double>& model, std::span<const double> U,
             index_t samples) {
  // So small a step that the certificate adds little to the bound, up to contractions of 0.999.
  const Tolerance tolerance = {.max_iterations = 10000, .absolute = 0.0, .relative = 1e-9};
  BatchPass<double> pass(context, model, samples,
                         {.solver = {.forward = tolerance}, .backward = false});
  upload(context, U, pass.U());
  SolveReport report;
  PassParts<double>::forward_unannounced(pass, report);
  return {download(context, pass.X()), download(context, pass.Y()), report.error_bound};
}

/// The largest magnitude of column j; NaN where the column has one.
double column_norm(std::span<const double> matrix, std::size_t rows, std::size_t j) {
  double norm = 0.0;
  for (const double value : matrix.subspan(j * rows, rows))
    if (!(std::abs(value) <= norm)) norm = std::abs(value);
  return norm;
}

class PruningBounds {
 public:
  template <class T>
  PruningBounds(Context& context, const ImplicitModel<T>& model, const ImplicitModel<T>& pruned)
      : PruningBounds(context, model.options(), on_host(context, model), pruned.options(),
                      on_host(context, pruned)) {}

  /// Of the columns of U, which has one for each sample.
  void add(Context& context, std::span<const double> U, index_t samples, PruningBound& to) const {
    const auto m = static_cast<std::size_t>(samples);
    const auto n = static_cast<std::size_t>(exact_.shape().states);
    const auto p = static_cast<std::size_t>(exact_.shape().inputs);
    const auto q = static_cast<std::size_t>(exact_.shape().outputs);
    const Solved state = solve(context, exact_, U, samples);
    // [|x| + error; |u|; 1]
    std::vector<double> inputs;
    inputs.reserve(static_cast<std::size_t>(bound_.shape().inputs) * m);
    for (std::size_t j = 0; j < m; ++j) {
      for (std::size_t i = 0; i < n; ++i)
        inputs.push_back(std::abs(state.X[i + j * n]) + state.error_bound[j]);
      for (std::size_t i = 0; i < p; ++i) inputs.push_back(std::abs(U[i + j * p]));
      if (exact_.options().bias) inputs.push_back(1.0);
    }
    const Solved bound = solve(context, bound_, inputs, samples);
    for (std::size_t j = 0; j < m; ++j) {
      const double error = bound.error_bound[j];
      const auto known = [&](double value) {
        return std::isfinite(state.error_bound[j]) && std::isfinite(value) ? value : k_infinity;
      };
      to.state.push_back(known(rounding_ * (column_norm(bound.X, n, j) + error) + underflow_));
      to.output.push_back(
          known(rounding_ * (column_norm(bound.Y, q, j) + C_norm_ * error) + underflow_));
      to.worst_state = std::max(to.worst_state, to.state.back());
      to.worst_output = std::max(to.worst_output, to.output.back());
    }
  }

 private:
  PruningBounds(Context& context, const ModelOptions& options, const HostModel& model,
                const ModelOptions& pruned_options, const HostModel& pruned)
      : exact_(copy_of(context, options, model)),
        bound_(bound_of(context, lipschitz_constant(options.activation), model, pruned_options,
                        pruned)),
        C_norm_(inf_norm(pruned.matrices[2], pruned.M)),
        // Sums of nonnegative numbers are off by (terms + 1)u of themselves, the entries of the
        // matrices of the differences and the inputs by 2u; with room.
        rounding_(1.0 +
                  static_cast<double>(bound_.shape().states + bound_.shape().inputs + 8) * 0x1p-50),
        // Where the matrices differ, a product that is too small may count as zero.
        underflow_(differs() ? static_cast<double>(bound_.shape().inputs + 8) *
                                   std::numeric_limits<double>::min()
                             : 0.0) {}

  bool differs() const {
    const ParameterLayout& layout = bound_.layout();
    return layout.at("B.values").rows + layout.at("D.values").rows > 0;
  }

  /// The model in double, with the values that it has: nothing is projected.
  static ImplicitModel<double> copy_of(Context& context, const ModelOptions& options,
                                       const HostModel& model) {
    ModelMatrices<double> matrices = matrices_of<double>(context, model.matrices, model.M);
    if (options.no_D) matrices.D.reset();
    return detail::Inside<ImplicitModel<double>>::of_matrices(context, matrices, options);
  }

  static ImplicitModel<double> bound_of(Context& context, double lipschitz, const HostModel& model,
                                        const ModelOptions& pruned_options,
                                        const HostModel& pruned) {
    const auto magnitude = [&](std::size_t matrix, double scale) {
      return matrix_of<double>(context, pruned.matrices[matrix], magnitudes(scale, pruned.M));
    };
    const auto differences = [&](std::size_t left, std::size_t right, double scale) {
      return CsrMatrix<double>(context,
                               Differences(model, pruned, scale).beside_each_other(left, right));
    };
    // The constraint of Ã tells how to go about a solve; nothing is projected.
    return detail::Inside<ImplicitModel<double>>::of_matrices(
        context,
        {.A = magnitude(0, lipschitz),
         .B = differences(0, 1, lipschitz),
         .C = magnitude(2, 1.0),
         .D = differences(2, 3, 1.0)},
        {.activation = {.kind = ActivationKind::identity},
         .well_posedness = pruned_options.well_posedness,
         .allow_unproven = true});
  }

  ImplicitModel<double> exact_;
  ImplicitModel<double> bound_;  ///< of which the prediction is the bound
  double C_norm_;
  double rounding_;
  double underflow_;  ///< added
};

template <class T>
void check(Context& context, const ImplicitModel<T>& model, const ImplicitModel<T>& pruned,
           ConstMatrixView<T> U) {
  const auto text = [](const ImplicitModel<T>& of) {
    const ModelShape& shape = of.shape();
    return std::to_string(shape.states) + " states, " + std::to_string(shape.inputs) +
           " inputs and " + std::to_string(shape.outputs) + " outputs" +
           (of.options().bias ? " with" : " without") + " a bias";
  };
  IDL_CHECK(model.shape() == pruned.shape() && model.options().bias == pruned.options().bias,
            "pruning_bound: the model has " + text(model) + ", the pruned one " + text(pruned));
  IDL_CHECK(model.options().activation == pruned.options().activation,
            "pruning_bound: the activation of the model is " +
                std::string(to_string(model.options().activation)) +
                ", another than that of the pruned one, " +
                std::string(to_string(pruned.options().activation)) +
                (model.options().activation.kind == pruned.options().activation.kind &&
                         model.options().activation.custom == pruned.options().activation.custom
                     ? " with another alpha"
                     : ""));
  IDL_CHECK(U.rows == model.shape().inputs, "pruning_bound: U has " + std::to_string(U.rows) +
                                                " rows, the model has " +
                                                std::to_string(model.shape().inputs) + " inputs");
  OperandChecks checks("pruning_bound", context.device());
  checks.input("the model", model.M());
  checks.input("the pruned model", pruned.M());
  checks.input("U", U);
}

}  // namespace

template <class T>
PruningBound pruning_bound(Context& context, const ImplicitModel<T>& model,
                           const ImplicitModel<T>& pruned,
                           std::type_identity_t<ConstMatrixView<T>> U) {
  check(context, model, pruned, U);
  const PruningBounds bounds(context, model, pruned);
  PruningBound result;
  for (index_t first = 0; first < U.cols; first += k_samples_at_a_time) {
    const index_t count = std::min(k_samples_at_a_time, U.cols - first);
    const std::vector<T> columns = download(context, U.columns(first, count));
    bounds.add(context, std::vector<double>(columns.begin(), columns.end()), count, result);
  }
  return result;
}

template PruningBound pruning_bound(Context&, const ImplicitModel<float>&,
                                    const ImplicitModel<float>&, ConstMatrixView<float>);
template PruningBound pruning_bound(Context&, const ImplicitModel<double>&,
                                    const ImplicitModel<double>&, ConstMatrixView<double>);

}  // namespace idl
