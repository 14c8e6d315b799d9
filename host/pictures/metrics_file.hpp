// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <vector>

#include "idl/trainer.hpp"

namespace idl::pictures {

/// The epochs that metrics.jsonl tells of, as much of each as the training curves show. Lines of
/// other events, and lines that are no JSON (a last one may be incomplete), are passed over.
/// @throws IoError where the file cannot be read or an epoch is incomplete
std::vector<EpochMetrics> read_epochs(const std::filesystem::path& path);

}  // namespace idl::pictures
