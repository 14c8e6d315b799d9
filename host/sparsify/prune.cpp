// SPDX-License-Identifier: MIT
#include "host/sparsify/prune.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "host/sparsify/stored_entries.hpp"

namespace idl {

double gradual_density(double d, std::int64_t step, std::int64_t steps) {
  if (step >= steps) return d;
  const double left = 1.0 - static_cast<double>(step) / static_cast<double>(steps);
  return d + (1.0 - d) * left * left * left;
}

bool prunes_at(const PruningOptions& options, std::int64_t step, std::int64_t steps) {
  if (options.density >= 1.0) return false;
  return step == steps || (step > 0 && step < steps && step % options.interval == 0);
}

bool has_ended(const PruningOptions& options, std::int64_t epoch) {
  return options.density >= 1.0 || epoch >= options.epochs;
}

bool is_pruned(const std::string& matrix, SparsifyTarget target, const std::string& frozen) {
  return (target == SparsifyTarget::all_matrices || matrix == "A") &&
         frozen.find(matrix) == std::string::npos;
}

template <class T>
void prune(Context& context, ImplicitModel<T>& model, Optimizer<T>& optimizer,
           SparsifyTarget target, double density) {
  const std::vector<T> M = download(context, std::as_const(model).M());
  std::vector<StoredEntries> all = stored_entries(context, model);
  const SparsifyOptions options = {.density = density};
  const std::string& frozen = optimizer.options().frozen;
  for (StoredEntries& entries : all)
    if (is_pruned(entries.matrix, target, frozen))
      entries = kept_entries(entries, choose_entries<T>(entries, M, options));
  const auto kept = [&](MatrixView<T> moment) {
    return moment.rows > 0 ? values_at<T>(all, download(context, moment)) : std::vector<T>();
  };
  const std::vector<T> first = kept(optimizer.first_moment());
  const std::vector<T> second = kept(optimizer.second_moment());
  ImplicitModel<T> pruned = model_of_entries<T>(context, all, M, model.options());
  Optimizer<T> of_pruned(context, pruned, optimizer.options());
  of_pruned.set_steps(optimizer.steps());
  upload<T>(context, first, of_pruned.first_moment());
  if (!second.empty()) upload<T>(context, second, of_pruned.second_moment());
  // From here on nothing fails: both stay as they were, or neither does.
  model = std::move(pruned);
  optimizer = std::move(of_pruned);
}

template void prune(Context&, ImplicitModel<float>&, Optimizer<float>&, SparsifyTarget, double);
template void prune(Context&, ImplicitModel<double>&, Optimizer<double>&, SparsifyTarget, double);

}  // namespace idl
