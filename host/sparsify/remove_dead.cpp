// SPDX-License-Identifier: MIT
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>

#include "host/sparsify/stored_entries.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/sparsify.hpp"
#include "kernels/custom_activation.hpp"

namespace idl {
namespace {

/// The entries of a matrix that are not zero.
template <class T>
CsrArrays<double> nonzeros_of(const StoredEntries& entries, std::span<const T> M) {
  std::vector<bool> keep;
  keep.reserve(entries.places.size());
  for (const std::size_t place : entries.places) keep.push_back(M[place] != T(0));
  StoredEntries kept = kept_entries(entries, keep);
  CsrArrays<double> result = {.rows = kept.rows,
                              .cols = kept.cols,
                              .row_offsets = std::move(kept.row_offsets),
                              .col_indices = std::move(kept.col_indices),
                              .values = {}};
  for (const std::size_t place : kept.places)
    result.values.push_back(static_cast<double>(M[place]));
  return result;
}

/// Which states and inputs a model needs. A state is a node of the graph of A: row i reads the
/// states whose entries it has.
class Reduction {
 public:
  Reduction(const ModelShape& shape, const ModelOptions& options,
            const std::vector<CsrArrays<double>>& M)
      : options_(options),
        n_(static_cast<std::size_t>(shape.states)),
        p_(static_cast<std::size_t>(shape.inputs)),
        A_(M[0]),
        readers_(transposed(M[0])),
        B_(M[1]),
        outputs_(transposed(M[2])),
        has_D_(M.size() > 3),
        D_(has_D_ ? M[3] : CsrArrays<double>{.row_offsets = {0}}),
        state_bias_(n_, 0.0),
        output_bias_(static_cast<std::size_t>(shape.outputs), 0.0),
        kept_(n_, true),
        left_(n_) {
    if (!options.bias) return;
    take_bias(B_, state_bias_);
    take_bias(D_, output_bias_);
  }

  /// Takes states away until none is left that could go.
  void run() {
    const double at_zero = value_of(options_.activation, 0.0);
    bool changed = true;
    while (changed) {
      changed = at_zero == 0.0 && remove_silent();
      changed = (options_.bias && remove_constant()) || changed;
      changed = remove_unread() || changed;
    }
  }

  std::vector<index_t> kept_states() const { return marked(kept_); }
  std::vector<index_t> kept_inputs() const {
    std::vector<bool> read(p_, false);
    const auto note = [&](std::size_t column, double) {
      if (column < p_) read[column] = true;
    };
    for (std::size_t i = 0; i < n_; ++i)
      if (kept_[i]) B_.for_row(i, note);
    for (std::size_t i = 0; i < static_cast<std::size_t>(D_.rows); ++i) D_.for_row(i, note);
    std::vector<index_t> inputs = marked(read);
    if (inputs.empty()) inputs.push_back(0);
    return inputs;
  }
  const std::vector<double>& state_bias() const { return state_bias_; }
  const std::vector<double>& output_bias() const { return output_bias_; }

 private:
  static std::vector<index_t> marked(const std::vector<bool>& marks) {
    std::vector<index_t> indices;
    for (std::size_t i = 0; i < marks.size(); ++i)
      if (marks[i]) indices.push_back(static_cast<index_t>(i));
    return indices;
  }
  void take_bias(const CsrArrays<double>& matrix, std::vector<double>& bias) const {
    for (std::size_t i = 0; i < static_cast<std::size_t>(matrix.rows); ++i)
      matrix.for_row(i, [&](std::size_t column, double value) {
        if (column == p_) bias[i] = value;
      });
  }

  /// The last state that is left stays.
  bool remove(std::size_t i) {
    if (left_ == 1) return false;
    kept_[i] = false;
    --left_;
    return true;
  }

  /// Removes what `edges` do not lead to from the states in `reached`.
  bool remove_all_but_reached(std::vector<bool> reached, const CsrArrays<double>& edges) {
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < n_; ++i)
      if (reached[i]) open.push_back(i);
    while (!open.empty()) {
      const std::size_t i = open.back();
      open.pop_back();
      edges.for_row(i, [&](std::size_t next, double) {
        if (!kept_[next] || reached[next]) return;
        reached[next] = true;
        open.push_back(next);
      });
    }
    bool removed = false;
    for (std::size_t i = 0; i < n_; ++i)
      if (kept_[i] && !reached[i]) removed = remove(i) || removed;
    return removed;
  }

  /// Whether a row of B holds an input that is not zero.
  bool takes_input(std::size_t i) const {
    bool takes = false;
    B_.for_row(i, [&](std::size_t column, double) { takes = takes || column < p_; });
    return takes;
  }

  /// With φ(0) = 0 zero solves the equations of what neither inputs nor biases reach.
  bool remove_silent() {
    std::vector<bool> reached(n_, false);
    for (std::size_t i = 0; i < n_; ++i)
      reached[i] = kept_[i] && (takes_input(i) || state_bias_[i] != 0.0);
    return remove_all_but_reached(std::move(reached), readers_);
  }

  bool remove_unread() {
    std::vector<bool> reached(n_, false);
    for (std::size_t i = 0; i < n_; ++i)
      reached[i] = kept_[i] && outputs_.row_offsets[i] < outputs_.row_offsets[i + 1];
    return remove_all_but_reached(std::move(reached), A_);
  }

  /// A state with a bias alone is φ of that; what reads it may then be another.
  bool remove_constant() {
    std::vector<std::size_t> reads(n_, 0);
    std::vector<std::size_t> constant;
    for (std::size_t i = 0; i < n_; ++i) {
      if (!kept_[i]) continue;
      A_.for_row(i, [&](std::size_t column, double) {
        if (kept_[column]) ++reads[i];
      });
      if (reads[i] == 0 && !takes_input(i)) constant.push_back(i);
    }
    bool removed = false;
    while (!constant.empty()) {
      const std::size_t i = constant.back();
      constant.pop_back();
      const double value = value_of(options_.activation, state_bias_[i]);
      const bool is_output = outputs_.row_offsets[i] < outputs_.row_offsets[i + 1];
      if ((is_output && !has_D_ && value != 0.0) || !remove(i)) continue;
      removed = true;
      outputs_.for_row(i, [&](std::size_t k, double weight) { output_bias_[k] += weight * value; });
      readers_.for_row(i, [&](std::size_t k, double weight) {
        if (!kept_[k]) return;
        state_bias_[k] += weight * value;
        if (--reads[k] == 0 && !takes_input(k)) constant.push_back(k);
      });
    }
    return removed;
  }

  ModelOptions options_;
  std::size_t n_;
  std::size_t p_;
  const CsrArrays<double>& A_;
  CsrArrays<double> readers_;  ///< Aᵀ
  const CsrArrays<double>& B_;
  CsrArrays<double> outputs_;  ///< Cᵀ
  bool has_D_;
  CsrArrays<double> D_;
  std::vector<double> state_bias_;
  std::vector<double> output_bias_;
  std::vector<bool> kept_;
  std::size_t left_;
};

/// The same matrix with these values in its last column, which are put into M where they are new.
template <class T>
StoredEntries with_last_column(const StoredEntries& old, std::span<const double> column,
                               std::vector<T>& M) {
  StoredEntries entries = {
      .matrix = old.matrix, .sparse = old.sparse, .rows = old.rows, .cols = old.cols};
  const auto last = static_cast<std::int32_t>(old.cols - 1);
  const auto append = [&](std::int32_t j, std::size_t place) {
    entries.col_indices.push_back(j);
    entries.places.push_back(place);
  };
  for (std::size_t i = 0; i < column.size(); ++i) {
    const T value = static_cast<T>(column[i]);
    bool there = false;
    for (auto k = static_cast<std::size_t>(old.row_offsets[i]);
         k < static_cast<std::size_t>(old.row_offsets[i + 1]); ++k) {
      append(old.col_indices[k], old.places[k]);
      if (old.col_indices[k] != last) continue;
      there = true;
      // Zeros of either sign stay as they are.
      if (M[old.places[k]] != value) M[old.places[k]] = value;
    }
    if (!there && value != T(0)) {
      append(last, M.size());
      M.push_back(value);
    }
    entries.row_offsets.push_back(static_cast<std::int64_t>(entries.places.size()));
  }
  return entries;
}

/// The rows and columns of these indices, which ascend.
StoredEntries part_of(const StoredEntries& all, std::span<const index_t> rows,
                      std::span<const index_t> cols) {
  StoredEntries part = {.matrix = all.matrix,
                        .sparse = all.sparse,
                        .rows = static_cast<index_t>(rows.size()),
                        .cols = static_cast<index_t>(cols.size())};
  std::vector<std::int32_t> new_column(static_cast<std::size_t>(all.cols), -1);
  for (std::size_t j = 0; j < cols.size(); ++j)
    new_column[static_cast<std::size_t>(cols[j])] = static_cast<std::int32_t>(j);
  for (const index_t row : rows) {
    const auto i = static_cast<std::size_t>(row);
    for (auto k = static_cast<std::size_t>(all.row_offsets[i]);
         k < static_cast<std::size_t>(all.row_offsets[i + 1]); ++k) {
      const std::int32_t column = new_column[static_cast<std::size_t>(all.col_indices[k])];
      if (column < 0) continue;
      part.col_indices.push_back(column);
      part.places.push_back(all.places[k]);
    }
    part.row_offsets.push_back(static_cast<std::int64_t>(part.places.size()));
  }
  return part;
}

}  // namespace

template <class T>
ReducedModel<T> remove_dead(Context& context, const ImplicitModel<T>& model) {
  std::vector<T> M = download(context, model.M());
  std::vector<StoredEntries> all = stored_entries(context, model);
  std::vector<CsrArrays<double>> nonzeros;
  nonzeros.reserve(all.size());
  for (const StoredEntries& entries : all) nonzeros.push_back(nonzeros_of<T>(entries, M));
  Reduction reduction(model.shape(), model.options(), nonzeros);
  reduction.run();
  const std::vector<index_t> states = reduction.kept_states();
  const std::vector<index_t> inputs = reduction.kept_inputs();
  std::vector<index_t> input_columns = inputs;
  if (model.options().bias) {
    input_columns.push_back(model.shape().inputs);
    all[1] = with_last_column(all[1], reduction.state_bias(), M);
    if (all.size() > 3) all[3] = with_last_column(all[3], reduction.output_bias(), M);
  }
  std::vector<index_t> outputs(static_cast<std::size_t>(model.shape().outputs));
  std::iota(outputs.begin(), outputs.end(), index_t{0});
  all[0] = part_of(all[0], states, states);
  all[1] = part_of(all[1], states, input_columns);
  all[2] = part_of(all[2], outputs, states);
  if (all.size() > 3) all[3] = part_of(all[3], outputs, input_columns);
  return {model_of_entries<T>(context, all, M, model.options()), states, inputs};
}

template ReducedModel<float> remove_dead(Context&, const ImplicitModel<float>&);
template ReducedModel<double> remove_dead(Context&, const ImplicitModel<double>&);

}  // namespace idl
