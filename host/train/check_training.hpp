// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>

#include "idl/data.hpp"
#include "idl/model.hpp"
#include "idl/trainer.hpp"

namespace idl {

/// @param what  "evaluate: the data"
/// @param loss  none: one of the caller's, which takes any data
/// @throws InvalidArgument where the data do not fit the model's sizes, or the loss the data
void check_data(const std::string& what, const Dataset& data, const ModelShape& shape,
                std::optional<LossKind> loss);

/// Looks at all that a Trainer is given. @throws InvalidArgument as its constructor
template <class T>
void check_training(const ModelShape& shape, const ModelOptions& model, const Dataset& train,
                    const Dataset* test, const TrainerOptions& options);

}  // namespace idl
