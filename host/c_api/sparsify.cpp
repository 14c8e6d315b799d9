// SPDX-License-Identifier: MIT
// Pruning models, and bounding by how much that moves their answers.
#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "host/c_api/arrays.hpp"
#include "host/c_api/handles.hpp"
#include "host/c_api/structs.hpp"
#include "host/options/validate.hpp"
#include "idl/sparsify.hpp"

namespace idl::c_api {
namespace {

SparsifyOptions sparsify_options(const idl_sparsify_settings& settings) {
  SparsifyOptions options;
  if (settings.target != nullptr) options.target = parse_sparsify_target(settings.target);
  if (settings.by != nullptr) options.by = parse_sparsify_rule(settings.by);
  if (settings.density != nullptr) options.density = *settings.density;
  options.threshold = settings.threshold;
  options.seed = settings.seed;
  return options;
}

/// *made <- the model that make(context, model) gives, in the precision of the given one, with
/// what data_of() then says of the data.
template <class Make, class DataOf>
void derive(idl_context* context, const idl_model* model, idl_model** made, const char* name,
            const Make& make, const DataOf& data_of) {
  require(context, "context");
  require(model, "model");
  require(made, name);
  *made = nullptr;
  *made = std::visit(
      [&](const auto& typed) {
        return new idl_model{make(context->context, typed), data_of()};  // in this order
      },
      model->model);
}

template <class Make>
void derive(idl_context* context, const idl_model* model, idl_model** made, const char* name,
            const Make& make) {
  derive(context, model, made, name, make, [model] { return model->data; });
}

template <class T>
PruningBound bound_of(Context& context, const ImplicitModel<T>& model, const idl_model& pruned,
                      ConstMatrixView<T> callers, const Arrays& arrays) {
  const auto* other = std::get_if<ImplicitModel<T>>(&pruned.model);
  IDL_CHECK(other != nullptr, "the pruned model is of another precision than the model");
  Matrix<T> U(context, callers.rows, callers.cols);
  arrays.put(callers, U.view());
  return pruning_bound<T>(context, model, *other, U);
}

}  // namespace
}  // namespace idl::c_api

using idl::Context;
using idl::c_api::derive;
using idl::c_api::guarded;
using idl::c_api::require;

idl_status idl_model_sparsify(idl_context* context, const idl_model* model,
                              const idl_sparsify_settings* settings, idl_model** sparse) {
  return guarded([&] {
    const idl::SparsifyOptions options =
        idl::c_api::sparsify_options(idl::c_api::read_struct(settings, "idl_sparsify_settings"));
    derive(context, model, sparse, "sparse",
           [&](Context& own, const auto& typed) { return idl::sparsify(own, typed, options); });
  });
}

idl_status idl_model_compact(idl_context* context, const idl_model* model, idl_model** compacted) {
  return guarded([&] {
    derive(context, model, compacted, "compacted",
           [](Context& own, const auto& typed) { return idl::compact(own, typed); });
  });
}

idl_status idl_model_remove_dead(idl_context* context, const idl_model* model, idl_model** reduced,
                                 int64_t* kept_states, int64_t* kept_inputs) {
  return guarded([&] {
    std::vector<idl::index_t> inputs;
    const auto reduce = [&](Context& own, const auto& typed) {
      auto left = idl::remove_dead(own, typed);
      if (kept_states != nullptr) std::ranges::copy(left.kept_states, kept_states);
      if (kept_inputs != nullptr) std::ranges::copy(left.kept_inputs, kept_inputs);
      inputs = std::move(left.kept_inputs);
      return std::move(left.model);
    };
    derive(context, model, reduced, "reduced", reduce,
           [&] { return idl::with_inputs(model->data, inputs); });
  });
}

idl_status idl_model_pruning_bound(idl_context* context, const idl_model* model,
                                   const idl_model* pruned, int64_t m, const void* U, int64_t ldu,
                                   idl_memory memory, double* state, double* output) {
  return guarded([&] {
    require(context, "context");
    require(model, "model");
    require(pruned, "pruned");
    idl::check_number("m", m, idl::ranges::k_not_negative);
    const idl::c_api::Arrays arrays(context->context, memory);
    const auto solve = [&]<class T>(const idl::ImplicitModel<T>& typed) {
      return idl::c_api::bound_of<T>(context->context, typed, *pruned,
                                     arrays.in<T>({"U", "ldu"}, U, typed.shape().inputs, m, ldu),
                                     arrays);
    };
    const idl::PruningBound bound = std::visit(solve, model->model);
    if (state != nullptr) std::ranges::copy(bound.state, state);
    if (output != nullptr) std::ranges::copy(bound.output, output);
  });
}

idl_status idl_model_low_rank(idl_context* context, const idl_model* model, int64_t rank,
                              idl_model** low_rank, double* truncation, double* error) {
  return guarded([&] {
    derive(context, model, low_rank, "low_rank", [&](Context& own, const auto& typed) {
      auto approximation = idl::low_rank_approximation(own, typed, rank);
      if (truncation != nullptr) *truncation = approximation.truncation;
      if (error != nullptr) *error = approximation.error;
      return std::move(approximation.model);
    });
  });
}
