// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "host/train/trained_pass.hpp"
#include "idl/data.hpp"
#include "idl/model.hpp"
#include "idl/recurrent.hpp"
#include "idl/trainer.hpp"

namespace idl {

/// What names and scalings of data are about: the inputs, of a recurrent model those of a step, and
/// the outputs.
template <class T>
ModelShape format_shape(const ImplicitModel<T>& model) {
  return model.shape();
}
template <class T>
ModelShape format_shape(const ImplicitRnn<T>& model) {
  return data_shape(model.shape());
}

/// How a batch is told to a TrainingStep.
template <class T>
index_t batch_of(const ImplicitModel<T>&, index_t samples, index_t) {
  return samples;
}
template <class T>
SequenceBatch batch_of(const ImplicitRnn<T>& model, index_t samples, index_t features) {
  return {.sequences = samples, .steps = features / model.shape().inputs};
}

/// The scaling of data as a model's file has it: of each input.
template <class T>
Scaling scaling_of_inputs(const ImplicitModel<T>&, const Scaling& features) {
  return features;
}
/// @throws InvalidArgument where steps are scaled differently
template <class T>
Scaling scaling_of_inputs(const ImplicitRnn<T>& model, const Scaling& features);

/// @param what  "evaluate: the data"
/// @param loss  none: one of the caller's, which takes any data
/// @throws InvalidArgument where the data do not fit the model's sizes, or the loss the data
template <class T>
void check_data(const std::string& what, const Dataset& data, const ImplicitModel<T>& model,
                std::optional<LossKind> loss);
template <class T>
void check_data(const std::string& what, const Dataset& data, const ImplicitRnn<T>& model,
                std::optional<LossKind> loss);

/// The loss of the options in T; empty where they have none.
template <class T>
CustomLoss<T> own_loss(const TrainerOptions& options) {
  const auto* const loss = std::get_if<CustomLoss<T>>(&options.custom_loss);
  return loss == nullptr ? CustomLoss<T>() : *loss;
}

/// Looks at all that a Trainer is given. @throws InvalidArgument as its constructor
template <template <class> class Model, class T>
void check_training(const Model<T>& model, const Dataset& train, const Dataset* test,
                    const TrainerOptions& options);

}  // namespace idl
