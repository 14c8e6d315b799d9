// SPDX-License-Identifier: MIT
#include "idl/sparsify.hpp"

#include <optional>
#include <span>

#include "host/options/validate.hpp"
#include "host/sparsify/stored_entries.hpp"

namespace idl {
namespace {

/// The model with what `choose` keeps of each matrix; nothing chosen: the matrix stays as it is.
template <class T, class Choose>
ImplicitModel<T> reduced(Context& context, const ImplicitModel<T>& model, const Choose& choose) {
  const std::vector<T> M = download(context, model.M());
  std::vector<StoredEntries> all = stored_entries(context, model);
  for (StoredEntries& entries : all)
    if (const std::optional<std::vector<bool>> keep = choose(entries, std::span<const T>(M)))
      entries = kept_entries(entries, *keep);
  return model_of_entries<T>(context, all, M, model.options());
}

}  // namespace

template <class T>
ImplicitModel<T> sparsify(Context& context, const ImplicitModel<T>& model,
                          const SparsifyOptions& options) {
  validate(options);
  return reduced(
      context, model,
      [&](const StoredEntries& entries, std::span<const T> M) -> std::optional<std::vector<bool>> {
        if (options.target == SparsifyTarget::state_matrix && entries.matrix != "A")
          return std::nullopt;
        return choose_entries(entries, M, options);
      });
}

template <class T>
ImplicitModel<T> compact(Context& context, const ImplicitModel<T>& model) {
  return reduced(
      context, model,
      [](const StoredEntries& entries, std::span<const T> M) -> std::optional<std::vector<bool>> {
        if (!entries.sparse) return std::nullopt;
        std::vector<bool> keep;
        for (const std::size_t place : entries.places) keep.push_back(M[place] != T(0));
        return keep;
      });
}

template ImplicitModel<float> sparsify(Context&, const ImplicitModel<float>&,
                                       const SparsifyOptions&);
template ImplicitModel<double> sparsify(Context&, const ImplicitModel<double>&,
                                        const SparsifyOptions&);
template ImplicitModel<float> compact(Context&, const ImplicitModel<float>&);
template ImplicitModel<double> compact(Context&, const ImplicitModel<double>&);

}  // namespace idl
