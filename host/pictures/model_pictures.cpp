// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "host/io/atomic_file.hpp"
#include "host/io/binary_file.hpp"
#include "host/pictures/metrics_file.hpp"
#include "host/pictures/spy_plot.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/parameters.hpp"
#include "idl/pictures.hpp"

namespace idl::pictures {
namespace {

/// Adds A = LRᵀ, column by column.
template <class T>
void add_product(Context& context, const ImplicitModel<T>& model, SpyMatrix& matrix) {
  const std::vector<T> L = download(context, model.L());
  const std::vector<T> R = download(context, model.R());
  const auto n = static_cast<std::size_t>(model.shape().states);
  std::vector<float> column(n);
  for (std::size_t j = 0; j < n; ++j) {
    std::ranges::fill(column, 0.0F);
    for (std::size_t k = 0; k * n < L.size(); ++k) {
      const auto factor = static_cast<float>(R[j + k * n]);
      for (std::size_t i = 0; i < n; ++i) column[i] += static_cast<float>(L[i + k * n]) * factor;
    }
    for (std::size_t i = 0; i < n; ++i)
      matrix.add(static_cast<index_t>(i), static_cast<index_t>(j), column[i]);
  }
}

/// "n = 100, p = 784, q = 10".
template <class T>
std::string sizes_of(const ImplicitModel<T>& model) {
  return "n = " + std::to_string(model.shape().states) +
         ", p = " + std::to_string(model.input_rows()) +
         ", q = " + std::to_string(model.shape().outputs);
}

/// Of what the tensors of the model hold; what they do not store is zero.
template <class T>
SpyPlot picture_of(Context& context, const ImplicitModel<T>& model, const std::string& title) {
  SpyPlot picture(title, model.shape().states, model.input_rows(), model.shape().outputs);
  if (model.options().rank) add_product(context, model, picture.matrix("A"));
  for (const ParameterTensor& tensor : model.layout().tensors) {
    if (tensor.name == "L" || tensor.name == "R") continue;
    const std::string name = tensor.name.substr(0, tensor.name.find('.'));  // "A" of "A.values"
    SpyMatrix& matrix = picture.matrix(name);
    if (model.is_sparse(name)) {
      const CsrArrays<T> stored = download(context, model.csr(name));
      std::size_t entry = 0;
      for (index_t row = 0; row < stored.rows; ++row)
        for (const auto end =
                 static_cast<std::size_t>(stored.row_offsets[static_cast<std::size_t>(row) + 1]);
             entry < end; ++entry)
          matrix.add(row, stored.col_indices[entry], static_cast<float>(stored.values[entry]));
    } else {
      const std::vector<T> values = download(context, tensor.of(model.M()));
      auto value = values.begin();
      for (index_t col = 0; col < tensor.cols; ++col)
        for (index_t row = 0; row < tensor.rows; ++row)
          matrix.add(row, col, static_cast<float>(*value++));
    }
  }
  return picture;
}

}  // namespace

template <class T>
void write_model_pictures(Context& context, const ImplicitModel<T>& model,
                          const std::filesystem::path& spy, const std::filesystem::path& row_sums) {
  SpyPlot picture = picture_of(context, model, "M = [A B; C D], " + sizes_of(model));
  // Nothing is put in place before both have found room.
  std::optional<io::AtomicFile> file;
  if (!spy.empty()) file.emplace(spy).write(picture.png());
  if (!row_sums.empty())
    write_row_sums_png(row_sums, picture.matrix("A").row_sums(), model.options().well_posedness);
  if (file) file->commit();
}

template <class T>
void write_run_pictures(Context& context, const ImplicitModel<T>& model,
                        const std::filesystem::path& run) {
  const std::filesystem::path metrics = run / "metrics.jsonl";
  const std::vector<EpochMetrics> epochs =
      io::is_there(metrics) ? read_epochs(metrics) : std::vector<EpochMetrics>();
  const std::filesystem::path curves = run / "training_curves.png";
  // A picture of nothing must not take the place of one that shows something.
  if (epochs.empty() && io::is_there(curves))
    throw IoError(metrics.string(), "tells of no epoch; training_curves.png stays as it is");
  const std::string activation(to_string(model.options().activation));
  write_training_curves_png(
      curves, training_curves("Training, " + activation + ", " + sizes_of(model), epochs));
  write_model_pictures(context, model, run / "spy.png", run / "row_sums.png");
}

template void write_model_pictures(Context&, const ImplicitModel<float>&,
                                   const std::filesystem::path&, const std::filesystem::path&);
template void write_model_pictures(Context&, const ImplicitModel<double>&,
                                   const std::filesystem::path&, const std::filesystem::path&);
template void write_run_pictures(Context&, const ImplicitModel<float>&,
                                 const std::filesystem::path&);
template void write_run_pictures(Context&, const ImplicitModel<double>&,
                                 const std::filesystem::path&);

}  // namespace idl::pictures
