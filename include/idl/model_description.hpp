// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "idl/context.hpp"
#include "idl/data_format.hpp"
#include "idl/export.hpp"
#include "idl/io.hpp"
#include "idl/matrix.hpp"
#include "idl/model.hpp"
#include "idl/parameters.hpp"
#include "idl/recurrent.hpp"
#include "idl/well_posedness.hpp"

/// What a model file and whoever loads it say of a model, and what has to be assumed.
namespace idl {

/// Something that neither the file nor the caller says.
struct Assumption {
  std::string key;     ///< as in the metadata
  std::string value;   ///< what is taken for it
  std::string reason;  ///< "assumed; the file does not say"
};

/// "activation: relu (assumed; the file does not say)".
IDL_EXPORT std::string to_text(const Assumption& assumption);

/// Where A lies with respect to its constraint, whose projection is P.
struct ConstraintDistance {
  double inf_norm = 0;  ///< ‖A‖∞
  double distance = 0;  ///< ‖A − P(A)‖∞: by how much projecting would move a row at most
  double rounding = 0;  ///< so much of it may be the rounding of a row's sum
  /// A = LRᵀ: inf_norm is the larger of ‖L‖∞ and ‖Rᵀ‖∞, and the rows are theirs.
  bool of_factors = false;

  /// Whether A is not in the set, by more than rounding.
  bool outside() const { return distance > rounding; }
};

/// "|A|_inf is 4.43, kappa is 0.95, and the projection onto inf_norm_ball moves a row by up to
/// ...".
IDL_EXPORT std::string to_text(const ConstraintDistance& distance, const WellPosedness& constraint);

/// What a model is by its file and its caller.
struct ModelDescription {
  std::string prefix;                   ///< of the names A, B, C and D in the file
  ModelShape shape;                     ///< by the shapes of the tensors
  ModelOptions options;                 ///< by the metadata, the caller, or assumed
  std::int64_t step = 0;                ///< optimiser steps that made the parameters
  std::vector<Assumption> assumptions;  ///< what nobody says
  ConstraintDistance constraint;        ///< of A as it lies in the file
  DataFormat data{};                    ///< what inputs and outputs are, where the file says so

  /// Of the matrices in compressed rows, by their names without the prefix, the stored entries.
  std::map<std::string, index_t> stored{};

  /// Of a recurrent model its sizes: all of the above is that of its cell, but for `data`, which is
  /// about the inputs of a step and the outputs (without a head, the entries of h).
  std::optional<RecurrentShape> recurrent{};

  /// The tensors of the model in the file, without the prefix, and their places in M.
  IDL_EXPORT ParameterLayout layout() const;
};

/// What a model file says, without making the model of it. @throws as load_model, but for an A
/// outside its constraint
IDL_EXPORT ModelDescription describe_model(const std::filesystem::path& path,
                                           const LoadOptions& options = {});

/// load_model, and what was found out on the way. @throws as load_model
template <class T>
IDL_EXPORT std::pair<ImplicitModel<T>, ModelDescription> load_described_model(
    Context& context, const std::filesystem::path& path, const LoadOptions& options = {});

/// A model of either kind.
template <class T>
using AnyModel = std::variant<ImplicitModel<T>, ImplicitRnn<T>>;

/// load_model, or load_rnn where the file holds a recurrent model, and what was found out on the
/// way. @throws as these
template <class T>
IDL_EXPORT std::pair<AnyModel<T>, ModelDescription> load_any_model(
    Context& context, const std::filesystem::path& path, const LoadOptions& options = {});

/// What is known of the model in a file. Nothing is projected, nothing refused for where A lies.
struct ModelExamination {
  ModelDescription description{};         ///< what it is
  io::DataType type = io::DataType::f32;  ///< of the elements of A in the file; f16 counts as f32
  /// Entries of M = [A B; C D], (n+q)·(n+p'), or those that a sparse or low-rank model stores.
  index_t parameters = 0;
  /// Share of the entries of [A B; C D] that are not zero; where A = LRᵀ, of the parameters.
  double density = 0;
  WellPosednessReport well_posedness{};  ///< of A as it lies in the file
  /// Where A lies for load_model<float>, which allows for the rounding to float too;
  /// description.constraint says it for load_model<double>.
  ConstraintDistance constraint_in_float{};
  /// "B[0, 0] is 1e+300, ...": why float cannot hold the model; "" where it can.
  std::string beyond_float{};
};

/// Examines a model file in double on the host. @throws as load_model, but for an A outside its
/// constraint
IDL_EXPORT ModelExamination examine_model(const std::filesystem::path& path,
                                          const LoadOptions& options = {});

}  // namespace idl
