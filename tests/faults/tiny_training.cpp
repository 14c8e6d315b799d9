// SPDX-License-Identifier: MIT
#include "tests/faults/tiny_training.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* k_position = "training.position";
const std::vector<std::string> k_models = {"best.safetensors", "last.safetensors",
                                           "checkpoint.safetensors"};
const std::vector<std::string> k_results = {"weights.mat", "training_curves.png", "spy.png",
                                            "row_sums.png"};

std::string content(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw IoError(path.string(), "is not there");
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

bool is_temporary(const fs::path& path) {
  const std::string name = path.filename().string();
  return name.rfind(".idl-", 0) == 0 && path.extension() == ".tmp";
}

/// The lines of metrics.jsonl without what a clock measured.
std::vector<Json> metrics(const std::string& text) {
  std::istringstream lines(text);
  std::vector<Json> parsed;
  for (std::string line; std::getline(lines, line);) {
    parsed.push_back(Json::parse(line));
    parsed.back().erase("seconds");
    parsed.back().erase("samples_per_second");
  }
  return parsed;
}

/// The position without the length of metrics.jsonl, which depends on the digits of the times.
Json timeless_position(const io::Safetensors& checkpoint) {
  Json position = Json::parse(checkpoint.metadata.at(k_position));
  position.erase("metrics_length");
  return position;
}

bool same_checkpoint(const fs::path& a_path, const fs::path& b_path) {
  io::Safetensors a = io::read_safetensors(a_path);
  io::Safetensors b = io::read_safetensors(b_path);
  if (timeless_position(a) != timeless_position(b)) return false;
  a.metadata.erase(k_position);
  b.metadata.erase(k_position);
  return a.metadata == b.metadata &&
         std::equal(a.tensors.begin(), a.tensors.end(), b.tensors.begin(), b.tensors.end(),
                    [](const auto& left, const auto& right) {
                      return left.first == right.first && left.second.type == right.second.type &&
                             left.second.shape == right.second.shape &&
                             left.second.bytes == right.second.bytes;
                    });
}

void check_names(const fs::path& run, Complaints& complaints) {
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    const bool known = name == "config.json" || name == "metrics.jsonl" ||
                       std::count(k_models.begin(), k_models.end(), name) > 0 ||
                       std::count(k_results.begin(), k_results.end(), name) > 0;
    if (!known && !is_temporary(entry.path())) complaints.push_back("there is a file " + name);
  }
  // One process writes one file at a time, or a pair of pictures, and whoever starts sweeps away
  // what others left.
  constexpr std::size_t k_pair = 2;
  const std::size_t leftovers = temporary_files(run).size();
  if (leftovers > k_pair)
    complaints.push_back(std::to_string(leftovers) + " temporary files are left");
}

/// What the checkpoint refers to must be there.
void check_checkpoint(const fs::path& run, Complaints& complaints) {
  const io::Safetensors file = io::read_safetensors(run / "checkpoint.safetensors");
  const Json position = Json::parse(file.metadata.at(k_position));
  const std::string log = content(run / "metrics.jsonl");
  const auto length = position.at("metrics_length").get<std::size_t>();
  if (log.size() < length) complaints.emplace_back("metrics.jsonl lacks lines of the checkpoint");
  const auto lines = metrics(log.substr(0, length));
  const auto epochs = std::count_if(lines.begin(), lines.end(),
                                    [](const Json& x) { return x["event"] == "epoch"; });
  if (epochs != position.at("epoch").get<std::int64_t>())
    complaints.push_back("the checkpoint's part of metrics.jsonl has " + std::to_string(epochs) +
                         " epochs");
  if (epochs > 0 &&
      (!fs::exists(run / "best.safetensors") || !fs::exists(run / "last.safetensors")))
    complaints.emplace_back(
        "an epoch is done, but best.safetensors or last.safetensors is missing");
}

/// Turns whatever `check` throws into a complaint.
template <class Check>
void guarded(Complaints& complaints, const std::string& what, Check&& check) {
  try {
    check();
  } catch (const std::exception& error) {
    complaints.push_back(what + ": " + error.what());
  }
}

}  // namespace

std::vector<std::string> tiny_training(const fs::path& data, const fs::path& out, int epochs,
                                       int interval, int seed) {
  return {"train",
          "--data",
          data.string(),
          "--out",
          out.string(),
          "--device",
          "cpu",
          "--epochs",
          std::to_string(epochs),
          "--hidden",
          "8",
          "--batch",
          "32",
          "--checkpoint-interval",
          std::to_string(interval),
          "--seed",
          std::to_string(seed)};
}

std::vector<std::string> resumption(const fs::path& out) {
  return {"train", "--resume", "--device", "cpu", "--out", out.string()};
}

std::vector<fs::path> temporary_files(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder))
    if (is_temporary(entry.path())) found.push_back(entry.path());
  return found;
}

std::int64_t checkpoint_steps(const fs::path& run) {
  if (!fs::exists(run / "checkpoint.safetensors")) return 0;
  const io::Safetensors file = io::read_safetensors(run / "checkpoint.safetensors");
  return Json::parse(file.metadata.at(k_position)).at("steps").get<std::int64_t>();
}

Complaints check_interrupted(const fs::path& run, const fs::path& reference) {
  Complaints complaints;
  if (!fs::exists(run)) return complaints;
  guarded(complaints, "names", [&] { check_names(run, complaints); });
  if (fs::exists(run / "config.json"))
    guarded(complaints, "config.json",
            [&] { static_cast<void>(Json::parse(content(run / "config.json")).at("settings")); });
  for (const std::string& name : k_models)
    if (fs::exists(run / name))
      guarded(complaints, name, [&] { static_cast<void>(io::read_safetensors(run / name)); });
  if (fs::exists(run / "checkpoint.safetensors"))
    guarded(complaints, "checkpoint", [&] { check_checkpoint(run, complaints); });
  for (const std::string& name : k_results)
    if (fs::exists(run / name) && content(run / name) != content(reference / name))
      complaints.push_back(name + " is not whole");
  return complaints;
}

Complaints check_finished(const fs::path& run, const fs::path& reference) {
  Complaints complaints = check_interrupted(run, reference);
  if (!temporary_files(run).empty()) complaints.emplace_back("a temporary file is left at the end");
  for (const std::string& name :
       {k_models[0], k_models[1], k_results[0], k_results[1], k_results[2]})
    guarded(complaints, name, [&] {
      if (content(run / name) != content(reference / name))
        complaints.push_back(name + " differs from that of an undisturbed run");
    });
  guarded(complaints, "checkpoint", [&] {
    if (!same_checkpoint(run / k_models[2], reference / k_models[2]))
      complaints.emplace_back("the checkpoint differs from that of an undisturbed run");
  });
  guarded(complaints, "metrics.jsonl", [&] {
    if (metrics(content(run / "metrics.jsonl")) != metrics(content(reference / "metrics.jsonl")))
      complaints.emplace_back("metrics.jsonl differs from that of an undisturbed run");
  });
  guarded(complaints, "config.json", [&] {
    const Json a = Json::parse(content(run / "config.json"));
    const Json b = Json::parse(content(reference / "config.json"));
    if (a.at("settings") != b.at("settings")) complaints.emplace_back("config.json differs");
  });
  return complaints;
}

std::string to_text(const Complaints& complaints) {
  std::string text;
  for (const std::string& complaint : complaints) text += complaint + "\n";
  return text;
}

}  // namespace idl::test
