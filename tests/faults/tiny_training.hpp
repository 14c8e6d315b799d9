// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

/// A training of some tenths of a second, and what must hold of the folder that it writes whenever
/// it is ended. Complaints are returned as texts: the kill loop is no GoogleTest program.
namespace idl::test {

using Complaints = std::vector<std::string>;

inline constexpr int k_tiny_epochs = 3;

/// The arguments of `idl train` for a fresh run in `out`, with a checkpoint after every `interval`
/// steps (7 an epoch; 0: once an epoch).
std::vector<std::string> tiny_training(const std::filesystem::path& data,
                                       const std::filesystem::path& out, int epochs = k_tiny_epochs,
                                       int interval = 1, int seed = 0);
/// The arguments that go on with the run in `out`.
std::vector<std::string> resumption(const std::filesystem::path& out);

/// Names in `folder` that AtomicFile gives to files under way.
std::vector<std::filesystem::path> temporary_files(const std::filesystem::path& folder);

/// Optimiser steps done according to the checkpoint in `run`; 0 without one. @throws idl::Error
std::int64_t checkpoint_steps(const std::filesystem::path& run);

/// What is wrong with a run that was ended at some moment: files with a final name that are not
/// whole, names that do not belong there, a checkpoint that refers to what is not there. The
/// pictures and weights.mat are written at the end only and must be those of `reference`, a run
/// that nobody disturbed.
Complaints check_interrupted(const std::filesystem::path& run,
                             const std::filesystem::path& reference);

/// In what a finished run differs from `reference`, wall-clock times apart.
Complaints check_finished(const std::filesystem::path& run, const std::filesystem::path& reference);

/// The complaints, one a line.
std::string to_text(const Complaints& complaints);

}  // namespace idl::test
