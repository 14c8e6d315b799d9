// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "idl/data.hpp"
#include "idl/model.hpp"
#include "idl/solver.hpp"

namespace idl::cli {

/// What a model answers to each sample of a data set, as pictures in `folder`, which is made where
/// it is missing: iterations.png, and for labels of at most pictures::k_most_confused_classes
/// confusion.png.
/// @param class_names  empty: their numbers
/// @returns the files
/// @throws IoError, OutOfMemory
template <class T>
std::vector<std::filesystem::path> write_answer_pictures(
    Context& context, const ImplicitModel<T>& model, const Dataset& data,
    const std::vector<std::string>& class_names, index_t batch_size, const SolverOptions& solver,
    const std::filesystem::path& folder);

}  // namespace idl::cli
