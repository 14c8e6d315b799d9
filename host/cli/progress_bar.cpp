// SPDX-License-Identifier: MIT
#include "host/cli/progress_bar.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string_view>
#include <vector>

namespace idl::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Whether standard output is a terminal on which a line can be drawn anew.
bool redraws() {
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr) return false;
  const std::string_view name = terminal;
  return !name.empty() && name != "dumb" && ::isatty(STDOUT_FILENO) == 1;
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

template <class... Values>
std::string format(const char* pattern, Values... values) {
  std::array<char, 256> buffer{};
  const int length = std::snprintf(buffer.data(), buffer.size(), pattern, values...);
  return {buffer.data(), static_cast<std::size_t>(std::max(length, 0))};
}

/// "1:05" or "2:03:07".
std::string duration(double seconds) {
  if (!std::isfinite(seconds) || seconds > 1e7) return "?";
  const auto whole = std::lround(std::max(seconds, 0.0));
  if (whole < 3600) return format("%ld:%02ld", whole / 60, whole % 60);
  return format("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

/// "950", "12.3k", "1.2M".
std::string thousands(double value) {
  if (value < 1e3) return format("%.0f", value);
  if (value < 1e6) return format("%.1fk", value / 1e3);
  return format("%.1fM", value / 1e6);
}

/// "0.3214", "1.2e+09" or "nan": no longer than a field may be.
std::string figure(double value) {
  if (std::isnan(value)) return "nan";
  return format(std::abs(value) < 1e4 ? "%.4f" : "%.2g", value);
}

/// "R2 0.9310 RMSE 12.3", or the first half.
std::string score_text(const RegressionScore& score, bool with_rmse) {
  return "R2 " + figure(score.r2) + (with_rmse ? format(" RMSE %.4g", score.rmse) : "");
}

}  // namespace

std::string progress_line(const StepMetrics& metrics, std::int64_t epochs, double left, double rate,
                          std::size_t columns) {
  const std::int64_t in_epoch = metrics.step - (metrics.epoch - 1) * metrics.steps_per_epoch;
  const double share = static_cast<double>(in_epoch) / static_cast<double>(metrics.steps_per_epoch);
  const std::string head =
      format("epoch %ld/%ld ", static_cast<long>(metrics.epoch), static_cast<long>(epochs));
  // The least important come last and are left out first.
  const std::vector<std::string> fields = {
      format(" %3.0f%%", 100.0 * share),
      " loss " + figure(metrics.loss),
      metrics.regression ? format(" R2 %.3f", metrics.regression->r2)
                         : format(" acc %.1f%%", 100.0 * metrics.accuracy),
      " left " + duration(left),
      " " + thousands(rate) + "/s",
      format(" it %.1f+%.1f", metrics.forward_iterations, metrics.adjoint_iterations)};
  constexpr std::size_t k_smallest_bar = 6;
  constexpr std::size_t k_largest_bar = 30;
  std::size_t used = head.size() + 2;  // and the brackets
  std::string tail;
  for (const std::string& field : fields) {
    if (used + tail.size() + field.size() + k_smallest_bar > columns) break;
    tail += field;
  }
  used += tail.size();
  if (used + k_smallest_bar > columns) return head.substr(0, columns);
  const std::size_t width = std::min(k_largest_bar, columns - used);
  const auto done = static_cast<std::size_t>(share * static_cast<double>(width));
  return head + "[" + std::string(done, '=') + std::string(width - done, ' ') + "]" + tail;
}

ProgressBar::ProgressBar(std::int64_t epochs, bool quiet)
    : epochs_(epochs), quiet_(quiet), terminal_(redraws()), start_(Clock::now()) {}

void ProgressBar::step(const StepMetrics& metrics) {
  const bool first = first_step_ < 0;
  if (first) first_step_ = metrics.step - 1;
  // One batch is noisy: what is shown is an average over about the last twenty.
  const double weight = first ? 1.0 : 0.05;
  loss_ += weight * (metrics.loss - loss_);
  accuracy_ += weight * (metrics.accuracy - accuracy_);
  if (metrics.regression) r2_ += weight * (metrics.regression->r2 - r2_);
  rate_ += weight * (metrics.samples_per_second - rate_);
  if (quiet_ || !terminal_) return;
  const Clock::time_point now = Clock::now();
  if (drawn_ && now - last_drawn_ < std::chrono::milliseconds(100)) return;
  last_drawn_ = now;
  drawn_ = true;
  const double elapsed = std::chrono::duration<double>(now - start_).count();
  const auto done = static_cast<double>(metrics.step - first_step_);
  const auto total = static_cast<double>(epochs_ * metrics.steps_per_epoch);
  StepMetrics shown = metrics;
  shown.loss = loss_;
  shown.accuracy = accuracy_;
  if (shown.regression) shown.regression->r2 = r2_;
  const double left = elapsed / done * (total - static_cast<double>(metrics.step));
  std::cout << "\r\033[K" << progress_line(shown, epochs_, left, rate_, terminal_columns() - 1)
            << std::flush;
}

void ProgressBar::clear() {
  if (!drawn_) return;
  std::cout << "\r\033[K" << std::flush;
  drawn_ = false;
}

void ProgressBar::epoch(const EpochMetrics& metrics) {
  clear();
  if (quiet_) return;
  std::string line =
      format("epoch %ld/%ld", static_cast<long>(metrics.epoch), static_cast<long>(epochs_));
  // Of a regression the loss is what R² and RMSE are made of: a line has 80 columns.
  line += metrics.regression ? "  " + score_text(*metrics.regression, !metrics.test)
                             : "  loss " + figure(metrics.train_loss) +
                                   format(" acc %.2f%%", 100.0 * metrics.train_accuracy);
  if (metrics.test)
    line += (metrics.test->regression ? "  test " + score_text(*metrics.test->regression, true)
                                      : "  test " + figure(metrics.test->loss) +
                                            format(" %.2f%%", 100.0 * metrics.test->accuracy)) +
            (metrics.best ? "*" : " ");
  line += format(" it %.1f+%.1f", metrics.forward_iterations, metrics.adjoint_iterations) + " " +
          thousands(metrics.samples_per_second) + "/s";
  if (metrics.not_converged > 0)
    line += format("  (%ld columns did not converge)", static_cast<long>(metrics.not_converged));
  std::cout << line << std::endl;
}

}  // namespace idl::cli
