// SPDX-License-Identifier: MIT
#include "host/cli/run_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <nlohmann/json.hpp>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "host/cli/weights_file.hpp"
#include "host/io/atomic_file.hpp"
#include "host/io/binary_file.hpp"
#include "host/io/json_bytes.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"
#include "idl/pictures.hpp"
#include "idl/version.hpp"

namespace idl::cli {
namespace {

/// In the order in which they are removed. Without its checkpoint a run begins anew; without its
/// configuration there is no run.
constexpr std::array k_files = {"checkpoint.safetensors",
                                "metrics.jsonl",
                                "best.safetensors",
                                "last.safetensors",
                                "weights.mat",
                                "training_curves.png",
                                "spy.png",
                                "row_sums.png",
                                "config.json"};

/// The time now; `convert` is gmtime_r or localtime_r.
template <class Convert>
std::string time_text(const char* format, Convert&& convert) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  convert(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &parts)};
}

/// @returns whether the folder was not there
bool make_folders(const std::filesystem::path& path) {
  std::error_code error;
  const bool made = std::filesystem::create_directories(path, error);
  if (error) throw IoError(path.string(), "cannot be made: " + error.message());
  return made;
}

}  // namespace

RunFolder::RunFolder(std::filesystem::path path) : path_(std::move(path)) {
  if (path_.empty()) make_new();
}

void RunFolder::make_new() {
  const std::string name = "runs/" + time_text("%Y%m%d-%H%M%S", ::localtime_r);
  for (int number = 1; !made_;) {
    made_parent_ = make_folders("runs") || made_parent_;
    path_ = number == 1 ? name : name + "-" + std::to_string(number);
    made_ = ::mkdir(path_.c_str(), 0777) == 0;  // which only one of many that start at once can
    if (made_ || errno == ENOENT) continue;     // another one may have removed "runs" again
    if (errno != EEXIST) throw IoError(path_.string(), "cannot be made: " + io::errno_text(errno));
    ++number;
  }
}

RunFolder::~RunFolder() {
  // Only empty folders can be removed that way.
  if (made_) ::rmdir(path_.c_str());
  if (made_parent_) ::rmdir(path_.parent_path().c_str());
  if (lock_ >= 0) ::close(lock_);
}

bool RunFolder::has_run() const { return io::is_there(path_ / "config.json") || has_checkpoint(); }

std::string RunFolder::file_of_a_run() const {
  for (const char* name : k_files) {
    // A link that leads nowhere is a file of that name, too.
    // Folders are found when they are in the way.
    std::error_code error;
    const auto status = std::filesystem::symlink_status(path_ / name, error);
    if (std::filesystem::exists(status) && !std::filesystem::is_directory(status)) return name;
  }
  return "";
}

std::vector<std::filesystem::path> RunFolder::files() const {
  std::vector<std::filesystem::path> all;
  all.reserve(k_files.size());
  for (const char* name : k_files) all.push_back(path_ / name);
  return all;
}

bool RunFolder::has_checkpoint() const { return io::is_there(path_ / "checkpoint.safetensors"); }

bool RunFolder::goes_on() const {
  if (has_checkpoint()) return true;
  // A training that is killed in its first epoch leaves none, and at most one line of an epoch.
  const std::filesystem::path metrics = path_ / "metrics.jsonl";
  const std::string text = io::is_there(metrics) ? io::read_text(metrics) : "";
  constexpr std::string_view k_epoch = R"("event":"epoch")";
  const std::size_t first = text.find(k_epoch);
  IDL_CHECK(first == std::string::npos || text.find(k_epoch, first + 1) == std::string::npos,
            path_.string() +
                " holds results and no checkpoint.safetensors to go on from; "
                "--overwrite begins anew");
  return false;
}

void RunFolder::claim() {
  if (lock_ >= 0) return;
  make_folders(path_);
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) throw IoError(path_.string(), "cannot be opened: " + io::errno_text(errno));
  // Where the file system knows no locks on folders, people must take care themselves.
  IDL_CHECK(::flock(lock_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK,
            "another training is at work in " + path_.string());
  io::remove_leftovers(path_);
}

TrainSettings RunFolder::read_settings() const { return read_config(path_ / "config.json"); }

void RunFolder::write_config(const TrainSettings& settings, const std::string& device,
                             const TrainingData& data, const ModelShape& shape) const {
  const nlohmann::ordered_json json = {
      {"library", std::string("libidl_cuda ") + version()},
      {"started", time_text("%Y-%m-%dT%H:%M:%SZ", ::gmtime_r)},
      {"device", device},
      {"data",
       {{"name", io::json_of_bytes(data.name)},
        {"train", data.train.size()},
        {"test", data.test ? data.test->size() : 0}}},
      {"model", {{"states", shape.states}, {"inputs", shape.inputs}, {"outputs", shape.outputs}}},
      {"settings", to_json(settings)}};
  const std::string text = json.dump(2) + "\n";
  io::write_file_atomically(path_ / "config.json", std::as_bytes(std::span(text)));
}

void RunFolder::remove_run() const {
  for (const std::filesystem::path& file : files()) {
    std::error_code error;
    std::filesystem::remove(file, error);
    if (error) throw IoError(file.string(), "cannot be removed: " + error.message());
  }
}

template <class T>
void RunFolder::write_results(Context& context, const ImplicitModel<T>& model) const {
  write_results(context, model, std::optional<ConstMatrixView<T>>());
}
template <class T>
void RunFolder::write_results(Context& context, const ImplicitRnn<T>& model) const {
  write_results(context, model.cell(), std::optional(model.head()));
}

template <class T>
void RunFolder::write_results(Context& context, const ImplicitModel<T>& model,
                              const std::optional<ConstMatrixView<T>>& head) const {
  try {
    write_weights(context, model, path_ / "weights.mat", head);
  } catch (const InvalidArgument& error) {
    // The format ends at 2 GiB a matrix; the safetensors files hold the model whatever its size.
    context.log(Severity::warning, error.what());
  }
  pictures::write_run_pictures(context, model, path_);
}

template void RunFolder::write_results(Context&, const ImplicitModel<float>&) const;
template void RunFolder::write_results(Context&, const ImplicitModel<double>&) const;
template void RunFolder::write_results(Context&, const ImplicitRnn<float>&) const;
template void RunFolder::write_results(Context&, const ImplicitRnn<double>&) const;

}  // namespace idl::cli
