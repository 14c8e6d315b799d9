// SPDX-License-Identifier: MIT
#include "host/train/metrics_log.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "host/io/binary_file.hpp"
#include "host/io/json_object.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

[[noreturn]] void throw_system_error(const std::string& path, const std::string& what) {
  throw IoError(path, what + ": " + io::errno_text(errno));
}

/// How right answers are: the accuracy, or what takes its place where the data have targets.
void add_score(io::JsonObject& line, const std::string& prefix, double accuracy,
               const std::optional<RegressionScore>& regression) {
  if (regression) {
    line.add(prefix + "r2", regression->r2);
    line.add(prefix + "rmse", regression->rmse);
  } else {
    line.add(prefix + "accuracy", accuracy);
  }
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& path, std::uint64_t length)
    : path_(path.string()), length_(length) {
  // Without O_NONBLOCK a pipe that nobody reads would be waited for, for ever.
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (descriptor_ < 0 && errno != ENXIO) throw_system_error(path_, "cannot be opened for writing");
  try {
    struct stat status {};
    if (descriptor_ >= 0 && ::fstat(descriptor_, &status) != 0)
      throw_system_error(path_, "cannot be examined");
    if (descriptor_ < 0 || !S_ISREG(status.st_mode))
      throw IoError(path_, "cannot be written: it is no plain file");
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size < length)
      throw IoError(path_, size,
                    "metrics up to byte " + std::to_string(length) +
                        ", as the checkpoint says; it has to be put back as it was, or its model "
                        "be the --init of another run");
    if (::ftruncate(descriptor_, static_cast<off_t>(length)) != 0 ||
        ::lseek(descriptor_, 0, SEEK_END) < 0)
      throw_system_error(path_, "cannot be cut to " + std::to_string(length) + " bytes");
  } catch (...) {
    if (descriptor_ >= 0) ::close(descriptor_);
    throw;
  }
}

MetricsLog::~MetricsLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

MetricsLog::MetricsLog(MetricsLog&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      length_(other.length_) {}

MetricsLog& MetricsLog::operator=(MetricsLog&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(length_, other.length_);
  return *this;
}

void MetricsLog::append(const std::string& line) {
  if (descriptor_ < 0) return;
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t written = ::write(descriptor_, line.data() + done, line.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_system_error(path_, "cannot be written");
    done += static_cast<std::size_t>(written);
  }
  length_ += line.size();
}

void MetricsLog::write(const StepMetrics& metrics) {
  io::JsonObject line;
  line.add("event", "step");
  line.add("epoch", metrics.epoch);
  line.add("step", metrics.step);
  line.add("loss", metrics.loss);
  add_score(line, "", metrics.accuracy, metrics.regression);
  line.add("learning_rate", metrics.learning_rate);
  line.add("forward_iterations", metrics.forward_iterations);
  line.add("adjoint_iterations", metrics.adjoint_iterations);
  line.add("not_converged", metrics.not_converged);
  line.add("samples_per_second", metrics.samples_per_second);
  append(line.text() + "\n");
}

void MetricsLog::write(const EpochMetrics& metrics) {
  io::JsonObject line;
  line.add("event", "epoch");
  line.add("epoch", metrics.epoch);
  line.add("step", metrics.step);
  line.add("train_loss", metrics.train_loss);
  add_score(line, "train_", metrics.train_accuracy, metrics.regression);
  if (metrics.test) {
    line.add("test_loss", metrics.test->loss);
    add_score(line, "test_", metrics.test->accuracy, metrics.test->regression);
    line.add("test_not_converged", metrics.test->not_converged);
    line.add("test_not_finite", metrics.test->not_finite);
  }
  line.add("best", metrics.best);
  line.add("learning_rate", metrics.learning_rate);
  line.add("forward_iterations", metrics.forward_iterations);
  line.add("adjoint_iterations", metrics.adjoint_iterations);
  line.add("not_converged", metrics.not_converged);
  line.add("seconds", metrics.seconds);
  line.add("samples_per_second", metrics.samples_per_second);
  append(line.text() + "\n");
}

std::uint64_t MetricsLog::sync() {
  if (descriptor_ >= 0 && ::fsync(descriptor_) != 0) throw_system_error(path_, "cannot be synced");
  return length_;
}

}  // namespace idl
