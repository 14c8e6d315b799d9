// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

#include "idl/trainer.hpp"

namespace idl {

/// metrics.jsonl: one JSON object a line, "event" first: "epoch" after each epoch, "step" for some
/// optimiser steps in between.
class MetricsLog {
 public:
  MetricsLog() = default;
  /// Opens for appending, after cutting the file to `length` bytes (made anew with length 0).
  /// @throws IoError where it cannot be opened or is shorter than that
  MetricsLog(const std::filesystem::path& path, std::uint64_t length);
  ~MetricsLog();
  MetricsLog(MetricsLog&& other) noexcept;
  MetricsLog& operator=(MetricsLog&& other) noexcept;

  void write(const StepMetrics& metrics);
  void write(const EpochMetrics& metrics);
  /// Bytes of whole lines.
  std::uint64_t length() const { return length_; }
  /// Counts lines beyond this length for nothing; whoever opens the file next with it cuts them
  /// off.
  void take_back(std::uint64_t length) { length_ = length; }
  /// Sees to it that what was written survives a crash, and tells the file's length.
  std::uint64_t sync();

 private:
  void append(const std::string& line);

  std::string path_;
  int descriptor_ = -1;
  std::uint64_t length_ = 0;
};

}  // namespace idl
