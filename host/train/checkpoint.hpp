// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>

#include "host/data/data_digest.hpp"
#include "host/model/non_finite.hpp"
#include "host/model/recurrent_tensors.hpp"
#include "idl/io.hpp"
#include "idl/model.hpp"
#include "idl/optimizer.hpp"
#include "idl/trainer.hpp"

namespace idl {

/// Where a training stands, beside the parameters and moments: everything that the rest of it
/// depends on.
struct TrainingPosition {
  std::int64_t epoch = 0;  ///< whole epochs done
  std::int64_t batch = 0;  ///< batches done of the next one
  std::int64_t steps = 0;  ///< optimiser steps taken
  // Sums over the samples of the batches done of the epoch under way.
  double loss_sum = 0;
  double correct = 0;
  double forward_iterations = 0;
  double adjoint_iterations = 0;
  std::int64_t samples = 0;
  std::int64_t not_converged = 0;
  double best_accuracy = -1;  ///< -1: none yet
  /// Of targets; infinity: none yet.
  double best_loss = std::numeric_limits<double>::infinity();
  std::uint64_t metrics_length = 0;
};

/// Batches of an epoch over `samples` >= 1 samples; the last one may be smaller.
constexpr index_t batches_of(index_t samples, index_t batch_size) {
  return (samples - 1) / batch_size + 1;  // unlike samples + batch_size, in 64 bits for any size
}

/// What precedes the names of the second moments' tensors in files.
inline constexpr const char* k_second_moment = "second_moment.";

/// Visits what training changes, each a matrix and the named tensors in it: the parameters, then
/// the moments that the optimiser has. visit(prefix, matrix, layout): `prefix` precedes the names
/// of the tensors in files.
/// @param model  const or not
template <class Model, class T, class Visit>
  requires requires(Model& model) { model.M(); }
void for_each_trained(Model& model, Optimizer<T>& optimizer, const Visit& visit) {
  const ParameterLayout& layout = model.layout();
  visit("", model.M(), layout);
  visit("first_moment.", optimizer.first_moment(), layout);
  if (optimizer.second_moment().rows > 0) visit(k_second_moment, optimizer.second_moment(), layout);
}

/// The same of a recurrent model: its cell, then its head, then the moments of both.
template <class Model, class T, class Visit>
  requires requires(Model& model) { model.cell(); }
void for_each_trained(Model& model, Optimizer<T>& optimizer, const Visit& visit) {
  const ParameterLayout& cell = model.cell().layout();
  const ParameterLayout head = head_layout(model.shape());
  const std::string prefix = cell_prefix(model.shape());
  const auto both = [&](const std::string& of, auto cell_values, auto head_values) {
    if (cell_values.rows > 0) visit(of + prefix, cell_values, cell);
    if (head_values.rows > 0) visit(of, head_values, head);
  };
  both("", model.cell().M(), model.head());
  both("first_moment.", optimizer.first_moment(), optimizer.head_first_moment());
  both(k_second_moment, optimizer.second_moment(), optimizer.head_second_moment());
}

/// "3 of 25 entries of A, ...": those of what training changes that are not finite; "" for none.
template <class Model, class T>
std::string non_finite_trained(Context& context, const Model& model, Optimizer<T>& optimizer) {
  std::string trouble;
  for_each_trained(
      model, optimizer,
      [&](const std::string& prefix, ConstMatrixView<T> matrix, const ParameterLayout& layout) {
        const std::string found = non_finite_tensors<T>(context, matrix, prefix, layout);
        if (!found.empty()) trouble += (trouble.empty() ? "" : ", ") + found;
      });
  return trouble;
}

/// Adds the tensors of what training changes, and the patterns of those in compressed rows.
template <class Model, class T>
void put_trained(Context& context, io::Safetensors& file, const Model& model,
                 Optimizer<T>& optimizer);
/// What put_trained() added, into a model of the same layout and its optimiser; nothing of it where
/// some is amiss. @throws IoError
template <class Model, class T>
void take_trained(Context& context, const io::Safetensors& file, Model& model,
                  Optimizer<T>& optimizer);

/// Writes checkpoint.safetensors into options.folder: the model's tensors, those of the moments
/// ("first_moment.A", ...), and in the metadata the position and the options that change results.
/// A model file at the same time: load_model reads it. Atomic.
template <class Model, class T>
void write_checkpoint(Context& context, const Model& model, Optimizer<T>& optimizer,
                      const TrainerOptions& options, const Dataset& train,
                      const DataDigests& digests, const TrainingPosition& position);

/// Restores parameters, moments and position.
/// @throws IoError (unreadable, not a checkpoint), InvalidArgument where it was written by a
///         training whose results depend on other options, which the text names, or on data with
///         other numbers, names or scalings. Other test data are warned of; of checkpoints without
///         digests the numbers are not known.
template <class Model, class T>
TrainingPosition read_checkpoint(Context& context, Model& model, Optimizer<T>& optimizer,
                                 const TrainerOptions& options, const Dataset& train,
                                 const DataDigests& digests);

}  // namespace idl
