// SPDX-License-Identifier: MIT
#include <optional>
#include <utility>

#include "bench/peers/case_work.hpp"
#include "host/model/resolve_automatic.hpp"
#include "host/solver/fixed_point_solver.hpp"

namespace idl::bench {
namespace {

/// That of a model without recurrence.
template <class T>
class ModelWork : public CaseWork<T, ImplicitModel> {
 public:
  using CaseWork<T, ImplicitModel>::CaseWork;

 protected:
  Matrix<T> inputs() {
    return Matrix<T>::from_host(this->context_, this->width_, this->samples_, this->batch(0));
  }
};

template <class T>
class SolveWork final : public ModelWork<T> {
 public:
  explicit SolveWork(const PeerCase& peer_case)
      : ModelWork<T>(peer_case, 1),
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
class InferenceWork final : public ModelWork<T> {
 public:
  explicit InferenceWork(const PeerCase& peer_case)
      : ModelWork<T>(peer_case, 1), U_(this->inputs()) {}

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
std::unique_ptr<PeerWork> make(const PeerCase& peer_case) {
  if (peer_case.kind == "solve") return std::make_unique<SolveWork<T>>(peer_case);
  if (peer_case.kind == "inference") return std::make_unique<InferenceWork<T>>(peer_case);
  if (peer_case.kind == "train_step")
    return std::make_unique<TrainWork<T, ImplicitModel>>(peer_case);
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
