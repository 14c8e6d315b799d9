// SPDX-License-Identifier: MIT
#include <algorithm>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bench/peers/ours.hpp"
#include "bench/support/pinned_batch.hpp"
#include "host/model/resolve_automatic.hpp"
#include "host/solver/fixed_point_solver.hpp"
#include "host/train/optimizer_program.hpp"
#include "host/train/training_step.hpp"
#include "idl/idl.hpp"

namespace idl::bench {
namespace {

/// What all cases have: context, model, inputs.
template <class T>
class CaseWork : public PeerWork {
 public:
  CaseWork(const PeerCase& peer_case, std::int64_t batches)
      : context_(parse_device(peer_case.device)),
        model_(load_model<T>(context_, peer_case.model)),
        solver_options_{.sweep = parse_sweep(peer_case.sweep),
                        .acceleration = parse_acceleration(peer_case.acceleration)},
        file_(io::read_safetensors(peer_case.inputs)) {
    const io::Array& U = file_.at("U");
    samples_ = peer_case.batch > 0 ? peer_case.batch : U.shape.at(0) / batches;
    if (samples_ < 1 || U.shape.at(0) < samples_ * batches ||
        U.shape.at(1) != model_.shape().inputs)
      throw InvalidArgument(file_.path + ": U is " + std::to_string(U.shape.at(0)) + "×" +
                            std::to_string(U.shape.at(1)) + ", wanted " +
                            std::to_string(samples_ * batches) + "×" +
                            std::to_string(model_.shape().inputs));
    values_ = U.as<T>();
    labels_ = file_.at("labels").as<std::int32_t>();
  }

  void restore() override {}
  std::string device() const override { return describe(context_.device()); }

 protected:
  /// The inputs of batch k, p×m.
  std::span<const T> batch(std::int64_t k) const {
    const auto size = static_cast<std::size_t>(samples_ * model_.shape().inputs);
    return std::span(values_).subspan(static_cast<std::size_t>(k) * size, size);
  }
  std::span<const std::int32_t> labels(std::int64_t k) const {
    const auto size = static_cast<std::size_t>(samples_);
    return std::span(labels_).subspan(static_cast<std::size_t>(k) * size, size);
  }
  Matrix<T> inputs() {
    return Matrix<T>::from_host(context_, model_.shape().inputs, samples_, batch(0));
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
  ImplicitModel<T> model_;
  SolverOptions solver_options_;
  index_t samples_ = 0;

 private:
  io::Safetensors file_;
  std::vector<T> values_;
  std::vector<std::int32_t> labels_;
};

template <class T>
class SolveWork final : public CaseWork<T> {
 public:
  explicit SolveWork(const PeerCase& peer_case)
      : CaseWork<T>(peer_case, 1),
        U_(this->inputs()),
        X_(this->context_, this->model_.shape().states, this->samples_),
        solver_(this->context_,
                solver::EquilibriumProblem<T>{.A = DenseMap<T>{std::as_const(this->model_).A()},
                                              .B = DenseMap<T>{std::as_const(this->model_).B()},
                                              .U = U_,
                                              .X = X_,
                                              .activation = this->model_.options().activation},
                resolve_automatic(this->solver_options_, this->context_.device(),
                                  this->model_.options(), this->model_.shape().states,
                                  this->samples_)) {}

  void run() override {
    solver_.launch();
    this->context_.synchronize();
  }
  double iterations() override { return solver_.report().max_iterations_used(); }
  io::Safetensors answer() override {
    io::Safetensors file;
    file.tensors["X"] = this->by_sample(X_.view());
    return file;
  }

 private:
  Matrix<T> U_;
  Matrix<T> X_;
  solver::FixedPointSolver<T> solver_;
};

template <class T>
class InferenceWork final : public CaseWork<T> {
 public:
  explicit InferenceWork(const PeerCase& peer_case)
      : CaseWork<T>(peer_case, 1), U_(this->inputs()) {}

  void run() override {
    result_ = this->model_.predict(this->context_, U_.view(), this->solver_options_);
    this->context_.synchronize();
  }
  double iterations() override { return result_->report.max_iterations_used(); }
  io::Safetensors answer() override {
    io::Safetensors file;
    file.tensors["Y"] = this->by_sample(result_->Y.view());
    return file;
  }

 private:
  Matrix<T> U_;
  std::optional<Prediction<T>> result_;
};

template <class T>
class TrainWork final : public CaseWork<T> {
 public:
  explicit TrainWork(const PeerCase& peer_case)
      : CaseWork<T>(peer_case, peer_case.steps),
        start_(download<T>(this->context_, std::as_const(this->model_).M())),
        optimizer_(this->context_, this->model_, {.learning_rate = peer_case.learning_rate}),
        step_(this->context_, this->model_, this->samples_, LossKind::softmax_cross_entropy,
              this->solver_options_, optimizer_) {
    for (std::int64_t k = 0; k < peer_case.steps; ++k)
      batches_.push_back(
          std::make_unique<PinnedBatch<T>>(this->context_, this->batch(k), this->labels(k)));
    const MatrixView<T> M = this->model_.M();
    zeros_.resize(static_cast<std::size_t>(M.rows * M.cols));
  }

  std::int64_t steps() const override { return static_cast<std::int64_t>(batches_.size()); }

  void restore() override {
    upload<T>(this->context_, start_, this->model_.M());
    upload<T>(this->context_, zeros_, optimizer_.first_moment());
    upload<T>(this->context_, zeros_, optimizer_.second_moment());
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
    const ConstMatrixView<T> dM = step_.dM();
    const auto [n, p, q] = this->model_.shape();
    file.tensors["grad_A"] = this->by_row(dM.block(0, 0, n, n));
    file.tensors["grad_B"] = this->by_row(dM.block(0, n, n, p));
    file.tensors["grad_C"] = this->by_row(dM.block(n, 0, q, n));
    file.tensors["grad_D"] = this->by_row(dM.block(n, n, q, p));
    return file;
  }

 private:
  std::vector<T> start_;
  std::vector<T> zeros_;
  Optimizer<T> optimizer_;
  TrainingStep<T> step_;
  std::vector<std::unique_ptr<PinnedBatch<T>>> batches_;
  std::vector<T> losses_;
  double iterations_ = 0.0;
};

template <class T>
std::unique_ptr<PeerWork> make(const PeerCase& peer_case) {
  if (peer_case.kind == "solve") return std::make_unique<SolveWork<T>>(peer_case);
  if (peer_case.kind == "inference") return std::make_unique<InferenceWork<T>>(peer_case);
  if (peer_case.kind == "train_step") return std::make_unique<TrainWork<T>>(peer_case);
  throw InvalidArgument(
      "--case is '" + peer_case.kind +
      "', it may be solve, inference, train_step, sparse_solve, recurrent_forward or "
      "recurrent_step");
}

}  // namespace

std::unique_ptr<PeerWork> make_peer_work(const PeerCase& peer_case) {
  if (peer_case.kind.starts_with("recurrent_")) return make_recurrent_peer_work(peer_case);
  if (peer_case.kind == "sparse_solve") return make_sparse_peer_work(peer_case);
  if (peer_case.precision == "float32") return make<float>(peer_case);
  if (peer_case.precision == "float64") return make<double>(peer_case);
  throw InvalidArgument("--precision is '" + peer_case.precision +
                        "', it may be float32 or float64");
}

}  // namespace idl::bench
