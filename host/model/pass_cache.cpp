// SPDX-License-Identifier: MIT
#include "host/model/pass_cache.hpp"

#include <algorithm>
#include <utility>

#include "host/backend_of.hpp"
#include "host/model/structure/structure.hpp"

namespace idl {
namespace {

constexpr std::size_t k_most_passes = 8;
/// A pass that takes more than this has so much to do that its making is a small part.
constexpr double k_most_bytes = 4.0 * 1024 * 1024;

/// Of a pass, about: X, U, Y, Z, S and what the acceleration keeps.
template <class T>
double bytes_of(const ImplicitModel<T>& model, index_t samples) {
  constexpr double k_states = 8;
  const double rows = k_states * static_cast<double>(model.shape().states) +
                      static_cast<double>(model.input_rows() + model.shape().outputs);
  return rows * static_cast<double>(samples) * sizeof(T);
}

}  // namespace

PassCache::PassCache(const Context& context) : context_(detail::Inside<Context>::twin(context)) {}

PassCache& PassCache::of(Context& context) {
  std::shared_ptr<PassCache>& passes = detail::Inside<Context>::state(context).passes;
  if (passes == nullptr) passes = std::make_shared<PassCache>(context);
  return *passes;
}

template <class T>
std::shared_ptr<BatchPass<T>> PassCache::pass(const ImplicitModel<T>& model, index_t samples,
                                              const SolverOptions& options, bool starts) {
  using Pass = std::shared_ptr<BatchPass<T>>;
  const Key key = {.parameters = model.M().data,
                   .ld = model.M().ld,
                   .structure = detail::Inside<ImplicitModel<T>>::of(model),
                   .shape = model.shape(),
                   .options = model.options(),
                   .samples = samples,
                   .solver = options,
                   .starts = starts};
  ++uses_;
  for (Entry& entry : entries_) {
    const Pass* known = std::get_if<Pass>(&entry.pass);
    if (known == nullptr || !(entry.key == key)) continue;
    entry.last_use = uses_;
    return *known;
  }
  auto made = std::make_shared<BatchPass<T>>(
      context_, model, samples, BatchPassOptions{.solver = options, .backward = false});
  if (bytes_of(model, samples) <= k_most_bytes) keep({.key = key, .pass = made, .last_use = uses_});
  return made;
}

void PassCache::keep(Entry entry) {
  if (entries_.size() < k_most_passes) {
    entries_.push_back(std::move(entry));
    return;
  }
  *std::ranges::min_element(entries_, {}, &Entry::last_use) = std::move(entry);
}

template std::shared_ptr<BatchPass<float>> PassCache::pass(const ImplicitModel<float>&, index_t,
                                                           const SolverOptions&, bool);
template std::shared_ptr<BatchPass<double>> PassCache::pass(const ImplicitModel<double>&, index_t,
                                                            const SolverOptions&, bool);

}  // namespace idl
