// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bench/peers/ours.hpp"
#include "bench/support/pinned_batch.hpp"
#include "host/train/check_training.hpp"
#include "host/train/checkpoint.hpp"
#include "host/train/optimizer_program.hpp"
#include "host/train/training_step.hpp"
#include "idl/idl.hpp"

namespace idl::bench {

/// What all cases have: context, model, inputs. A row of U is a sample, of a recurrent model a
/// sequence.
template <class T, template <class> class Model>
class CaseWork : public PeerWork {
 public:
  CaseWork(const PeerCase& peer_case, std::int64_t batches)
      : context_(parse_device(peer_case.device)),
        model_(load(context_, peer_case.model)),
        solver_options_{.sweep = parse_sweep(peer_case.sweep),
                        .acceleration = parse_acceleration(peer_case.acceleration)} {
    const io::Safetensors file = io::read_safetensors(peer_case.inputs);
    const io::Array& U = file.at("U");
    const index_t inputs = model_.shape().inputs;
    samples_ = peer_case.batch > 0 ? peer_case.batch : U.shape.at(0) / batches;
    width_ = U.shape.at(1);
    const bool fits = k_is_recurrent ? width_ > 0 && width_ % inputs == 0 : width_ == inputs;
    if (samples_ < 1 || U.shape.at(0) < samples_ * batches || !fits)
      throw InvalidArgument(file.path + ": U is " + std::to_string(U.shape.at(0)) + "×" +
                            std::to_string(width_) + ", wanted " +
                            std::to_string(samples_ * batches) + "×" + std::to_string(inputs) +
                            (k_is_recurrent ? " in each step" : ""));
    values_ = U.as<T>();
    labels_ = file.at("labels").as<std::int32_t>();
  }

  void restore() override {}
  std::string device() const override { return describe(context_.device()); }

 protected:
  static constexpr bool k_is_recurrent = std::is_same_v<Model<T>, ImplicitRnn<T>>;

  /// The inputs of batch k, one sample after the other.
  std::span<const T> batch(std::int64_t k) const {
    const auto size = static_cast<std::size_t>(samples_ * width_);
    return std::span(values_).subspan(static_cast<std::size_t>(k) * size, size);
  }
  std::span<const std::int32_t> labels(std::int64_t k) const {
    const auto size = static_cast<std::size_t>(samples_);
    return std::span(labels_).subspan(static_cast<std::size_t>(k) * size, size);
  }
  /// A matrix with one sample a column as an array with one sample a row.
  io::Array by_sample(ConstMatrixView<T> matrix) {
    const std::vector<T> values = download<T>(context_, matrix);
    return io::Array::from<T>({matrix.cols, matrix.rows}, values);
  }
  /// A matrix as a row-major array.
  io::Array by_row(ConstMatrixView<T> matrix) {
    const std::vector<T> values = download<T>(context_, matrix);
    const auto rows = static_cast<std::size_t>(matrix.rows);
    const auto cols = static_cast<std::size_t>(matrix.cols);
    std::vector<T> turned(values.size());
    for (std::size_t i = 0; i < rows; ++i)
      for (std::size_t j = 0; j < cols; ++j) turned[i * cols + j] = values[i + j * rows];
    return io::Array::from<T>({matrix.rows, matrix.cols}, turned);
  }

  Context context_;
  Model<T> model_;
  SolverOptions solver_options_;
  index_t samples_ = 0;
  index_t width_ = 0;  ///< numbers of a sample

 private:
  static Model<T> load(Context& context, const std::filesystem::path& path) {
    if constexpr (k_is_recurrent)
      return load_rnn<T>(context, path);
    else
      return load_model<T>(context, path);
  }

  std::vector<T> values_;
  std::vector<std::int32_t> labels_;
};

/// Training steps, each with a batch of its own.
template <class T, template <class> class Model>
class TrainWork final : public CaseWork<T, Model> {
 public:
  explicit TrainWork(const PeerCase& peer_case)
      : CaseWork<T, Model>(peer_case, peer_case.steps),
        optimizer_(this->context_, this->model_, {.learning_rate = peer_case.learning_rate}),
        step_(this->context_, this->model_, batch_of(this->model_, this->samples_, this->width_),
              LossKind::softmax_cross_entropy, solver_options(), optimizer_) {
    for (std::int64_t k = 0; k < peer_case.steps; ++k)
      batches_.push_back(
          std::make_unique<PinnedBatch<T>>(this->context_, this->batch(k), this->labels(k)));
    for_each_trained(this->model_, optimizer_,
                     [&](const std::string&, ConstMatrixView<T> matrix, const ParameterLayout&) {
                       start_.push_back(download(this->context_, matrix));
                     });
  }

  std::int64_t steps() const override { return static_cast<std::int64_t>(batches_.size()); }

  void restore() override {
    auto next = start_.begin();
    for_each_trained(this->model_, optimizer_,
                     [&](const std::string&, MatrixView<T> matrix, const ParameterLayout&) {
                       upload<T>(this->context_, *next++, matrix);
                     });
    optimizer_.set_steps(0);
    this->context_.synchronize();
  }

  void run() override {
    losses_.clear();
    typename TrainingStep<T>::Pending pending;
    // As the Trainer does: figures are got one step late, so that the device never waits.
    const auto collect = [&] {
      if (!pending) return;
      const BatchFigures figures = pending.get(this->context_);
      losses_.push_back(static_cast<T>(figures.loss_sum / static_cast<double>(figures.samples)));
      iterations_ = figures.forward_iterations / static_cast<double>(figures.samples);
    };
    for (const auto& batch : batches_) {
      OptimizerProgram<T>::prepare_step(optimizer_, this->context_, 1.0);
      step_.launch(batch->get());
      auto next = step_.fetch();
      collect();
      pending = std::move(next);
    }
    collect();
    this->context_.synchronize();
  }

  /// The mean per sample here: a step's figures hold no maximum.
  double iterations() override { return iterations_; }

  io::Safetensors answer() override {
    io::Safetensors file;
    file.tensors["losses"] =
        io::Array::from<T>({static_cast<std::int64_t>(losses_.size())}, losses_);
    restore();
    OptimizerProgram<T>::prepare_step(optimizer_, this->context_, 1.0);
    step_.launch(batches_.front()->get());
    for (const char* name : {"A", "B", "C", "D"})
      file.tensors[std::string("grad_") + name] = this->by_row(layout().at(name).of(step_.dM()));
    return file;
  }

 private:
  SolverOptions solver_options() const {
    SolverOptions options = this->solver_options_;
    // The loss is a mean over the sequences: so small are the adjoints of each.
    if (this->k_is_recurrent) options.adjoint.absolute /= static_cast<double>(this->samples_);
    return options;
  }
  const ParameterLayout& layout() const {
    if constexpr (CaseWork<T, Model>::k_is_recurrent)
      return this->model_.cell().layout();
    else
      return this->model_.layout();
  }

  std::vector<std::vector<T>> start_;
  Optimizer<T> optimizer_;
  TrainingStep<T> step_;
  std::vector<std::unique_ptr<PinnedBatch<T>>> batches_;
  std::vector<T> losses_;
  double iterations_ = 0.0;
};

}  // namespace idl::bench
