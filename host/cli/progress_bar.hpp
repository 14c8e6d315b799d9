// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "idl/trainer.hpp"

namespace idl::cli {

/// How the training shows itself: in a terminal one line that is redrawn, at most ten times a
/// second and never wider than the terminal, and one line for each epoch; piped, and where TERM is
/// dumb or not set, the latter only.
class ProgressBar {
 public:
  /// @param quiet  shows nothing at all
  ProgressBar(std::int64_t epochs, bool quiet);

  void step(const StepMetrics& metrics);
  void epoch(const EpochMetrics& metrics);
  /// Takes the redrawn line away, for other output.
  void clear();

 private:
  std::int64_t epochs_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::int64_t first_step_ = -1;  ///< of this session, which a resumed training does not begin
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_drawn_;
  double loss_ = 0;  ///< smoothed, as are the following
  double accuracy_ = 0;
  double r2_ = 0;
  double rate_ = 0;  ///< samples per second
};

/// The line for `metrics` in at most `columns` columns; `left` and `rate` are seconds and samples
/// per second.
std::string progress_line(const StepMetrics& metrics, std::int64_t epochs, double left, double rate,
                          std::size_t columns);

}  // namespace idl::cli
