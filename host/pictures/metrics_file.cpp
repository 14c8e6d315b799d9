// SPDX-License-Identifier: MIT
#include "host/pictures/metrics_file.hpp"

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "host/io/binary_file.hpp"
#include "host/io/json_reader.hpp"
#include "idl/error.hpp"

namespace idl::pictures {
namespace {

EpochMetrics epoch_from(const nlohmann::json& line, const std::string& path) {
  EpochMetrics metrics;
  const auto take = [&](const std::string& key, auto& value) {
    io::take_member(line, key.c_str(), value, path, "a line of an epoch");
  };
  // null is what a number that is not finite was written as.
  const auto take_measurement = [&](const std::string& key, double& value) {
    const auto found = line.find(key);
    if (found != line.end() && found->is_null())
      value = std::numeric_limits<double>::quiet_NaN();
    else
      take(key, value);
  };
  take("epoch", metrics.epoch);
  take("step", metrics.step);
  take_measurement("train_loss", metrics.train_loss);
  const auto take_score = [&](const std::string& prefix, double& accuracy,
                              std::optional<RegressionScore>& regression) {
    if (!line.contains(prefix + "r2")) return take_measurement(prefix + "accuracy", accuracy);
    regression.emplace();
    take_measurement(prefix + "r2", regression->r2);
    take_measurement(prefix + "rmse", regression->rmse);
  };
  take_score("train_", metrics.train_accuracy, metrics.regression);
  if (line.contains("test_loss")) {
    metrics.test.emplace();
    take_measurement("test_loss", metrics.test->loss);
    take_score("test_", metrics.test->accuracy, metrics.test->regression);
  }
  return metrics;
}

bool tells_of_an_epoch(const nlohmann::json& line) {
  if (!line.is_object()) return false;
  const auto event = line.find("event");
  return event != line.end() && *event == "epoch";
}

}  // namespace

std::vector<EpochMetrics> read_epochs(const std::filesystem::path& path) {
  std::istringstream lines(io::read_text(path));
  std::vector<EpochMetrics> epochs;
  std::int64_t number = 0;
  std::int64_t broken = 0;  // a line; the last one may be what a killed process has left
  for (std::string text; std::getline(lines, text);) {
    if (broken > 0) throw IoError(path.string(), "line " + std::to_string(broken) + " is not JSON");
    ++number;
    const auto line = io::parse_json<nlohmann::json>(text);
    if (!line) broken = number;
    if (line && tells_of_an_epoch(*line)) epochs.push_back(epoch_from(*line, path.string()));
  }
  return epochs;
}

}  // namespace idl::pictures
