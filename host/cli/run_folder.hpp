// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/cli/train_settings.hpp"
#include "host/cli/training_data.hpp"
#include "idl/model.hpp"
#include "idl/recurrent.hpp"
#include "idl/trainer.hpp"

namespace idl::cli {

/// What a training leaves behind: config.json, metrics.jsonl, best.safetensors, last.safetensors,
/// checkpoint.safetensors, weights.mat, training_curves.png, spy.png, row_sums.png.
class RunFolder {
 public:
  /// @param path  empty: a new folder runs/DATE-TIME, made now, with "-2", "-3", ... after it
  /// where
  ///              others have taken that name. It goes again with this object if it stays empty.
  /// @throws IoError
  explicit RunFolder(std::filesystem::path path);
  ~RunFolder();
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  /// Whether a training was begun here. @throws IoError where that cannot be known
  bool has_run() const;
  bool has_checkpoint() const;
  /// Whether to go on from a checkpoint; without one a training begins anew. @throws
  /// InvalidArgument where that would take the place of results
  bool goes_on() const;
  /// A file or link here that a run would write, or "".
  std::string file_of_a_run() const;
  /// All that a run writes, whether it is there or not.
  std::vector<std::filesystem::path> files() const;

  /// The settings of the run that is here. @throws IoError, InvalidArgument
  TrainSettings read_settings() const;
  /// Makes the folder where needed, keeps other trainings out of it until this object ends or its
  /// process is killed, and removes unfinished files of those that were. Once is enough.
  /// @throws IoError, InvalidArgument where another training is at work in it
  void claim();
  /// @throws IoError
  void write_config(const TrainSettings& settings, const std::string& device,
                    const TrainingData& data, const ModelShape& shape) const;
  /// Removes the files of a run, and nothing else. Killed in between, it leaves a run that can be
  /// resumed or removed, never a checkpoint that a later run could take for its own.
  void remove_run() const;

  /// weights.mat and the pictures.
  template <class T>
  void write_results(Context& context, const ImplicitModel<T>& model) const;
  /// Of a recurrent model: its cell, and in weights.mat its head, W and b.
  template <class T>
  void write_results(Context& context, const ImplicitRnn<T>& model) const;

 private:
  void make_new();
  template <class T>
  void write_results(Context& context, const ImplicitModel<T>& cell,
                     const std::optional<ConstMatrixView<T>>& head) const;

  std::filesystem::path path_;
  bool made_ = false;
  bool made_parent_ = false;
  int lock_ = -1;
};

}  // namespace idl::cli
