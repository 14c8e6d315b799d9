// SPDX-License-Identifier: MIT
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "bench/peers/ours.hpp"
#include "bench/support/pinned_batch.hpp"
#include "host/train/optimizer_program.hpp"
#include "host/train/training_step.hpp"
#include "idl/idl.hpp"

namespace idl::bench {
namespace {

/// A matrix with one sample a column as an array with one sample a row.
template <class T>
io::Array by_sample(Context& context, ConstMatrixView<T> matrix) {
  const std::vector<T> values = download<T>(context, matrix);
  return io::Array::from<T>({matrix.cols, matrix.rows}, values);
}

/// A matrix as a row-major array.
template <class T>
io::Array by_row(Context& context, ConstMatrixView<T> matrix) {
  const std::vector<T> values = download<T>(context, matrix);
  const auto rows = static_cast<std::size_t>(matrix.rows);
  const auto cols = static_cast<std::size_t>(matrix.cols);
  std::vector<T> turned(values.size());
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < cols; ++j) turned[i * cols + j] = values[i + j * rows];
  return io::Array::from<T>({matrix.rows, matrix.cols}, turned);
}

/// Context, model and sequences; a row of U is a sequence.
template <class T>
class RecurrentCase : public PeerWork {
 public:
  RecurrentCase(const PeerCase& peer_case, std::int64_t batches)
      : context_(parse_device(peer_case.device)),
        model_(load_rnn<T>(context_, peer_case.model)),
        solver_{.sweep = parse_sweep(peer_case.sweep),
                .acceleration = parse_acceleration(peer_case.acceleration)} {
    const io::Safetensors file = io::read_safetensors(peer_case.inputs);
    const io::Array& U = file.at("U");
    batch_.sequences = peer_case.batch > 0 ? peer_case.batch : U.shape.at(0) / batches;
    batch_.steps = U.shape.at(1) / model_.shape().inputs;
    if (batch_.sequences < 1 || U.shape.at(0) < batch_.sequences * batches)
      throw InvalidArgument(file.path + ": U has " + std::to_string(U.shape.at(0)) +
                            " rows, wanted " + std::to_string(batch_.sequences * batches));
    // The loss is a mean over the sequences: so small are the adjoints of each.
    solver_.adjoint.absolute /= static_cast<double>(batch_.sequences);
    values_ = U.as<T>();
    labels_ = file.at("labels").as<std::int32_t>();
  }

  void restore() override {}
  std::string device() const override { return describe(context_.device()); }

 protected:
  std::span<const T> batch(std::int64_t k) const {
    const auto size =
        static_cast<std::size_t>(batch_.sequences * batch_.steps * model_.shape().inputs);
    return std::span(values_).subspan(static_cast<std::size_t>(k) * size, size);
  }
  std::span<const std::int32_t> labels(std::int64_t k) const {
    const auto size = static_cast<std::size_t>(batch_.sequences);
    return std::span(labels_).subspan(static_cast<std::size_t>(k) * size, size);
  }

  Context context_;
  ImplicitRnn<T> model_;
  SolverOptions solver_;
  SequenceBatch batch_;

 private:
  std::vector<T> values_;
  std::vector<std::int32_t> labels_;
};

template <class T>
class RecurrentForward final : public RecurrentCase<T> {
 public:
  explicit RecurrentForward(const PeerCase& peer_case)
      : RecurrentCase<T>(peer_case, 1),
        pass_(this->context_, this->model_, this->batch_.sequences, this->batch_.steps,
              {.solver = this->solver_, .backward = false, .last_only = true}) {
    upload<T>(this->context_, this->batch(0), pass_.x());
  }

  void run() override {
    pass_.forward_async();
    this->context_.synchronize();
  }
  double iterations() override { return pass_.forward().solves.mean_iterations(); }
  io::Safetensors answer() override {
    io::Safetensors file;
    file.tensors["Y"] = by_sample<T>(this->context_, pass_.Y());
    return file;
  }

 private:
  RecurrentPass<T> pass_;
};

template <class T>
class RecurrentStep final : public RecurrentCase<T> {
 public:
  explicit RecurrentStep(const PeerCase& peer_case)
      : RecurrentCase<T>(peer_case, peer_case.steps),
        start_(this->model_.clone(this->context_)),
        optimizer_(this->context_, this->model_, {.learning_rate = peer_case.learning_rate}),
        step_(this->context_, this->model_, this->batch_, LossKind::softmax_cross_entropy,
              this->solver_, optimizer_) {
    for (std::int64_t k = 0; k < peer_case.steps; ++k)
      batches_.push_back(
          std::make_unique<PinnedBatch<T>>(this->context_, this->batch(k), this->labels(k)));
  }

  std::int64_t steps() const override { return static_cast<std::int64_t>(batches_.size()); }

  void restore() override {
    copy<T>(this->context_, std::as_const(start_).cell().M(), this->model_.cell().M());
    copy<T>(this->context_, std::as_const(start_).head(), this->model_.head());
    for (const MatrixView<T> moment :
         {optimizer_.first_moment(), optimizer_.second_moment(), optimizer_.head_first_moment(),
          optimizer_.head_second_moment()})
      upload<T>(this->context_, std::vector<T>(static_cast<std::size_t>(moment.rows * moment.cols)),
                moment);
    optimizer_.set_steps(0);
    this->context_.synchronize();
  }

  void run() override {
    losses_.clear();
    typename TrainingStep<T>::Pending pending;
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

  double iterations() override { return iterations_; }

  io::Safetensors answer() override {
    io::Safetensors file;
    file.tensors["losses"] =
        io::Array::from<T>({static_cast<std::int64_t>(losses_.size())}, losses_);
    restore();
    OptimizerProgram<T>::prepare_step(optimizer_, this->context_, 1.0);
    step_.launch(batches_.front()->get());
    const ParameterLayout layout = this->model_.cell().layout();
    for (const char* name : {"A", "B", "C", "D"})
      file.tensors[std::string("grad_") + name] =
          by_row<T>(this->context_, layout.at(name).of(step_.dM()));
    return file;
  }

 private:
  ImplicitRnn<T> start_;
  Optimizer<T> optimizer_;
  TrainingStep<T> step_;
  std::vector<std::unique_ptr<PinnedBatch<T>>> batches_;
  std::vector<T> losses_;
  double iterations_ = 0.0;
};

template <class T>
std::unique_ptr<PeerWork> make_recurrent(const PeerCase& peer_case) {
  if (peer_case.kind == "recurrent_step") return std::make_unique<RecurrentStep<T>>(peer_case);
  return std::make_unique<RecurrentForward<T>>(peer_case);
}

}  // namespace

std::unique_ptr<PeerWork> make_recurrent_peer_work(const PeerCase& peer_case) {
  return peer_case.precision == "float64" ? make_recurrent<double>(peer_case)
                                          : make_recurrent<float>(peer_case);
}

}  // namespace idl::bench
