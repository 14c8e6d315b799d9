// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <vector>

#include "idl/trainer.hpp"

namespace idl::pictures {

/// The epochs that metrics.jsonl tells of, as much of each as the training curves show. Lines of
/// other events are passed over, and a last line that is no JSON, which may be incomplete.
/// @throws IoError where the file cannot be read, another line is no JSON or an epoch is incomplete
std::vector<EpochMetrics> read_epochs(const std::filesystem::path& path);

}  // namespace idl::pictures
