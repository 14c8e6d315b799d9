// SPDX-License-Identifier: MIT
#include "host/train/check_training.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <type_traits>
#include <variant>
#include <vector>

#include "host/model/data_format.hpp"
#include "host/options/validate.hpp"
#include "host/sparsify/prune.hpp"
#include "host/sparsify/stored_entries.hpp"
#include "host/train/checkpoint.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

template <class Model>
void check(const Model& model, const Dataset& data, const char* which,
           std::optional<LossKind> loss) {
  const std::string what = std::string("Trainer: the ") + which + " data";
  IDL_CHECK(data.size() >= 1, what + " are empty");
  check_data(what, data, model, loss);
}

template <class T>
void check_prunable(const ImplicitModel<T>& model) {
  check_prunable(model.options());
}
template <class T>
void check_prunable(const ImplicitRnn<T>&) {
  throw InvalidArgument("Trainer: entries are pruned of models without recurrence alone");
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
template <class Model>
void check_pruning(const TrainerOptions& options, const Model& model) {
  if (options.pruning.density < 1.0) {
    check_prunable(model);
    const std::string& frozen = options.optimizer.frozen;
    IDL_CHECK(std::ranges::any_of(std::array{"A", "B", "C", "D"},
                                  [&](const char* matrix) {
                                    return is_pruned(matrix, options.pruning.target, frozen);
                                  }),
              "Trainer: all that pruning may change is frozen (" + frozen + ")");
  }
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

/// @param inputs  what the model takes, as a text
void check_sizes(const std::string& what, const Dataset& data, index_t features, index_t outputs,
                 const std::string& inputs, std::optional<LossKind> loss) {
  const char* answers = data.has_targets() ? " targets" : " classes";
  IDL_CHECK(data.features() == features && data.outputs() == outputs,
            what + " have " + std::to_string(data.features()) + " features and " +
                std::to_string(data.outputs()) + answers + ", the model " + inputs + " and " +
                std::to_string(outputs) + " outputs");
  IDL_CHECK(!loss || !data.has_targets() || *loss == LossKind::squared_error,
            what + " have targets, whose loss is squared_error; it is " +
                std::string(to_string(loss.value_or(LossKind{}))) + ", which is for labels");
}

}  // namespace

template <class T>
Scaling scaling_of_inputs(const ImplicitRnn<T>& model, const Scaling& features) {
  const auto inputs = static_cast<std::size_t>(model.shape().inputs);
  Scaling step = features;
  const auto shorten = [&](std::vector<double>& values) {
    for (std::size_t i = inputs; i < values.size(); ++i)
      IDL_CHECK(values[i] == values[i - inputs],
                "Trainer: input " + std::to_string(i % inputs) + " is scaled differently in step " +
                    std::to_string(i / inputs) +
                    " than in the one before; a recurrent model scales its inputs alike in all "
                    "steps");
    if (values.size() > inputs) values.resize(inputs);
  };
  shorten(step.mean);
  shorten(step.scale);
  return step;
}

template <class T>
void check_data(const std::string& what, const Dataset& data, const ImplicitModel<T>& model,
                std::optional<LossKind> loss) {
  const ModelShape& shape = model.shape();
  IDL_CHECK(data.lengths().empty(), what +
                                        " say how long sequences are, of which a model without "
                                        "recurrence knows nothing");
  check_sizes(what, data, shape.inputs, shape.outputs, std::to_string(shape.inputs) + " inputs",
              loss);
}

template <class T>
void check_data(const std::string& what, const Dataset& data, const ImplicitRnn<T>& model,
                std::optional<LossKind> loss) {
  const RecurrentShape& shape = model.shape();
  IDL_CHECK(shape.outputs > 0, what +
                                   " say what is to be told of a sequence, but the model has no "
                                   "head that would tell it");
  const index_t steps = std::max<index_t>(data.features() / shape.inputs, 1);
  check_sizes(what, data, steps * shape.inputs, shape.outputs,
              std::to_string(shape.inputs) + " inputs in each step", loss);
  const auto too_long =
      std::ranges::find_if(data.lengths(), [steps](std::int32_t length) { return length > steps; });
  IDL_CHECK(too_long == data.lengths().end(),
            what + " have " + std::to_string(steps) + " steps, and the length of sample " +
                std::to_string(too_long - data.lengths().begin()) + " is " +
                std::to_string(*too_long));
}

template <template <class> class Model, class T>
void check_training(const Model<T>& model, const Dataset& train, const Dataset* test,
                    const TrainerOptions& options) {
  check_custom_loss<T>(options);
  const std::optional<LossKind> loss =
      options.custom_loss.index() == 0 ? std::optional(options.loss) : std::nullopt;
  check(model, train, "training", loss);
  if (test != nullptr) check(model, *test, "test", loss);
  IDL_CHECK(test == nullptr || test->has_targets() == train.has_targets(),
            "Trainer: the training data and the test data must both have labels or both targets");
  validate(options);
  validate(options.data_format, format_shape(model));
  check_steps(options, train.size());
  check_pruning(options, model);
}

template Scaling scaling_of_inputs(const ImplicitRnn<float>&, const Scaling&);
template void check_data(const std::string&, const Dataset&, const ImplicitModel<float>&,
                         std::optional<LossKind>);
template void check_data(const std::string&, const Dataset&, const ImplicitRnn<float>&,
                         std::optional<LossKind>);
template void check_training(const ImplicitModel<float>&, const Dataset&, const Dataset*,
                             const TrainerOptions&);
template void check_training(const ImplicitRnn<float>&, const Dataset&, const Dataset*,
                             const TrainerOptions&);
template Scaling scaling_of_inputs(const ImplicitRnn<double>&, const Scaling&);
template void check_data(const std::string&, const Dataset&, const ImplicitModel<double>&,
                         std::optional<LossKind>);
template void check_data(const std::string&, const Dataset&, const ImplicitRnn<double>&,
                         std::optional<LossKind>);
template void check_training(const ImplicitModel<double>&, const Dataset&, const Dataset*,
                             const TrainerOptions&);
template void check_training(const ImplicitRnn<double>&, const Dataset&, const Dataset*,
                             const TrainerOptions&);

}  // namespace idl
