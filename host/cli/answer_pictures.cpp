// SPDX-License-Identifier: MIT
#include "host/cli/answer_pictures.hpp"

#include <algorithm>
#include <optional>
#include <span>
#include <system_error>

#include "host/cli/class_names.hpp"
#include "host/cli/training_data.hpp"
#include "idl/error.hpp"
#include "idl/pictures.hpp"

namespace idl::cli {

template <class T>
std::vector<std::filesystem::path> write_answer_pictures(
    Context& context, const ImplicitModel<T>& model, const Dataset& data,
    const std::vector<std::string>& class_names, index_t batch_size, const SolverOptions& solver,
    const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw IoError(folder.string(), "cannot be made: " + error.message());
  std::vector<std::int32_t> iterations;
  std::vector<bool> converged;
  std::optional<pictures::Confusion> confusion;
  if (!data.has_targets() && data.classes() <= pictures::k_most_confused_classes)
    confusion.emplace(data.classes(), class_names);
  const auto q = static_cast<std::size_t>(model.shape().outputs);
  for (index_t first = 0; first < data.size(); first += batch_size) {
    const index_t count = std::min(batch_size, data.size() - first);
    const Prediction<T> answers =
        model.predict(context, samples_of<T>(context, data, first, count), solver);
    for (const std::int32_t taken : answers.report.iterations) iterations.push_back(taken);
    for (const SolveStatus status : answers.report.status)
      converged.push_back(status == SolveStatus::converged);
    if (!confusion) continue;
    const std::vector<T> Y = download(context, answers.Y);
    for (std::size_t j = 0; j < static_cast<std::size_t>(count); ++j)
      confusion->add(data.labels()[static_cast<std::size_t>(first) + j],
                     predicted_class<T>(std::span(Y).subspan(j * q, q)));
  }
  std::vector<std::filesystem::path> files = {folder / "iterations.png"};
  pictures::write_iterations_png(files[0], iterations, converged);
  if (confusion) {
    files.push_back(folder / "confusion.png");
    pictures::write_confusion_png(files[1], *confusion);
  }
  return files;
}

template std::vector<std::filesystem::path> write_answer_pictures(
    Context&, const ImplicitModel<float>&, const Dataset&, const std::vector<std::string>&, index_t,
    const SolverOptions&, const std::filesystem::path&);
template std::vector<std::filesystem::path> write_answer_pictures(
    Context&, const ImplicitModel<double>&, const Dataset&, const std::vector<std::string>&,
    index_t, const SolverOptions&, const std::filesystem::path&);

}  // namespace idl::cli
