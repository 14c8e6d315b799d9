// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include "host/train/checkpoint.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"
#include "idl/optimizer.hpp"

/// What a training resumes from whose batches the caller chooses: a checkpoint without position.
namespace idl {

/// Writes parameters, moments, the number of steps, and the optimiser's options but for the
/// learning rate. A model file at the same time. Atomic.
/// @throws NotFinite naming the tensors (what was there before stays), IoError
template <class T>
void write_training(Context& context, const ImplicitModel<T>& model, Optimizer<T>& optimizer,
                    const std::filesystem::path& path);

/// Puts back what write_training() wrote. Where it throws, model and optimiser stay as they were.
/// @throws IoError (unreadable, no such file), InvalidArgument where it is of another precision,
///         model or optimiser; the text names what differs
template <class T>
void read_training(Context& context, ImplicitModel<T>& model, Optimizer<T>& optimizer,
                   const std::filesystem::path& path);

}  // namespace idl
