// SPDX-License-Identifier: MIT
#include "host/train/check_training.hpp"

#include <limits>
#include <type_traits>
#include <variant>

#include "host/model/data_format.hpp"
#include "host/options/validate.hpp"
#include "host/sparsify/stored_entries.hpp"
#include "host/train/checkpoint.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

void check(const ModelShape& shape, const Dataset& data, const char* which,
           std::optional<LossKind> loss) {
  const std::string what = std::string("Trainer: the ") + which + " data";
  IDL_CHECK(data.size() >= 1, what + " are empty");
  check_data(what, data, shape, loss);
}

template <class T>
void check_custom_loss(const TrainerOptions& options) {
  if (options.custom_loss.index() == 0) return;
  const auto* const loss = std::get_if<CustomLoss<T>>(&options.custom_loss);
  constexpr bool k_is_float = std::is_same_v<T, float>;
  IDL_CHECK(loss != nullptr,
            std::string("Trainer: custom_loss is one of ") +
                (k_is_float ? "double, the model is of float" : "float, the model is of double"));
  IDL_CHECK(*loss != nullptr, "Trainer: custom_loss is an empty function");
}

/// Pruning ends before the training does.
void check_pruning(const TrainerOptions& options, const ModelOptions& model) {
  if (options.pruning.density < 1.0) check_prunable(model);
  IDL_CHECK(options.pruning.density >= 1.0 || options.pruning.epochs < options.epochs,
            "Trainer: pruning takes " + std::to_string(options.pruning.epochs) + " epochs of " +
                std::to_string(options.epochs) + ", at least one must be left after it");
}

/// The steps of the whole training are counted in 64 bits.
void check_steps(const TrainerOptions& options, index_t samples) {
  const index_t batches = batches_of(samples, options.batch_size);
  IDL_CHECK(options.epochs <= std::numeric_limits<std::int64_t>::max() / batches,
            "Trainer: epochs is " + std::to_string(options.epochs) + ", and times " +
                std::to_string(batches) + " batches that is more steps than can be counted");
}

}  // namespace

void check_data(const std::string& what, const Dataset& data, const ModelShape& shape,
                std::optional<LossKind> loss) {
  const char* outputs = data.has_targets() ? " targets" : " classes";
  IDL_CHECK(data.features() == shape.inputs && data.outputs() == shape.outputs,
            what + " have " + std::to_string(data.features()) + " features and " +
                std::to_string(data.outputs()) + outputs + ", the model " +
                std::to_string(shape.inputs) + " inputs and " + std::to_string(shape.outputs) +
                " outputs");
  IDL_CHECK(!loss || !data.has_targets() || *loss == LossKind::squared_error,
            what + " have targets, whose loss is squared_error; it is " +
                std::string(to_string(loss.value_or(LossKind{}))) + ", which is for labels");
}

template <class T>
void check_training(const ModelShape& shape, const ModelOptions& model, const Dataset& train,
                    const Dataset* test, const TrainerOptions& options) {
  check_custom_loss<T>(options);
  const std::optional<LossKind> loss =
      options.custom_loss.index() == 0 ? std::optional(options.loss) : std::nullopt;
  check(shape, train, "training", loss);
  if (test != nullptr) check(shape, *test, "test", loss);
  IDL_CHECK(test == nullptr || test->has_targets() == train.has_targets(),
            "Trainer: the training data and the test data must both have labels or both targets");
  validate(options);
  validate(options.data_format, shape);
  check_steps(options, train.size());
  check_pruning(options, model);
}

template void check_training<float>(const ModelShape&, const ModelOptions&, const Dataset&,
                                    const Dataset*, const TrainerOptions&);
template void check_training<double>(const ModelShape&, const ModelOptions&, const Dataset&,
                                     const Dataset*, const TrainerOptions&);

}  // namespace idl
