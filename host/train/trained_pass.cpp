// SPDX-License-Identifier: MIT
#include "host/train/trained_pass.hpp"

#include <algorithm>
#include <utility>

#include "host/model/outcome_of.hpp"
#include "host/model/pass_parts.hpp"
#include "host/recurrent/recurrent_parts.hpp"

namespace idl {
namespace {

/// A copyable function of an outcome that can only be moved.
template <class Pending>
auto getter(Pending pending) {
  return [kept = std::make_shared<Pending>(std::move(pending))] { return kept->get(); };
}

template <class T>
class PassOfModel final : public TrainedPass<T> {
 public:
  using typename TrainedPass<T>::Outcome;

  PassOfModel(Context& context, const ImplicitModel<T>& model, index_t samples,
              const BatchPassOptions& options)
      : pass_(context, model, samples, options) {}

  index_t samples() const override { return pass_.samples(); }
  MatrixView<T> U() override { return PassParts<T>::stacked_U(pass_); }
  ConstMatrixView<T> Y() const override { return pass_.Y(); }
  MatrixView<T> dY() override { return PassParts<T>::stacked_dY(pass_); }
  ConstMatrixView<T> dM() const override { return pass_.dM(); }
  Programs forward() override { return PassParts<T>::forward(pass_); }
  Programs backward() override { return PassParts<T>::backward(pass_); }
  std::function<Outcome()> fetch_forward_outcome() override {
    return getter(pass_.fetch_forward_outcome());
  }
  std::function<Outcome()> fetch_backward_outcome() override {
    return getter(pass_.fetch_backward_outcome());
  }

 private:
  BatchPass<T> pass_;
};

template <class T>
class PassOfRnn final : public TrainedPass<T> {
 public:
  using typename TrainedPass<T>::Outcome;

  PassOfRnn(Context& context, const ImplicitRnn<T>& model, SequenceBatch batch,
            const RecurrentPassOptions& options)
      : pass_(context, model, batch.sequences, batch.steps, options) {}

  index_t samples() const override { return pass_.sequences(); }
  MatrixView<T> U() override {
    MatrixView<T> x = pass_.x();  // contiguous: what follows a step of a sequence is its next one
    x.rows *= pass_.steps();
    x.ld = x.rows;
    x.cols = samples();
    return x;
  }
  void set_lengths(std::span<const std::int32_t> lengths) override { pass_.set_lengths(lengths); }
  ConstMatrixView<T> Y() const override { return pass_.Y(); }
  MatrixView<T> dY() override { return pass_.dY(); }
  ConstMatrixView<T> dM() const override { return pass_.dM(); }
  ConstMatrixView<T> d_head() const override { return pass_.d_head(); }
  Programs forward() override { return RecurrentParts<T>::forward(pass_); }
  Programs backward() override { return RecurrentParts<T>::backward(pass_); }
  std::function<Outcome()> fetch_forward_outcome() override {
    return fetch(RecurrentParts<T>::programs(pass_).equilibrium);
  }
  std::function<Outcome()> fetch_backward_outcome() override {
    return fetch(*RecurrentParts<T>::programs(pass_).adjoint);
  }

 private:
  std::function<Outcome()> fetch(const solver::IterationState<T>& iteration) const {
    const std::shared_ptr<ReadBack> copy = iteration.fetch();
    return [&iteration, copy, m = samples()] {
      Outcome outcome = outcome_of<T>(iteration.record(*copy));
      // The sequence of an entry: all of one step lie side by side.
      for (index_t* first : {&outcome.first_not_converged, &outcome.first_diverged})
        if (*first >= 0) *first %= m;
      return outcome;
    };
  }

  RecurrentPass<T> pass_;
};

/// The losses are means over the batch, so that dY and V fall with 1/m while dM, their sum over the
/// samples, does not. An absolute tolerance that did not fall too would leave dM open by more the
/// larger the batch is; as it is given, it is for a usual batch.
SolverOptions for_mean_of(index_t samples, SolverOptions solver) {
  constexpr double k_usual = 100;
  solver.adjoint.absolute *= std::min(1.0, k_usual / static_cast<double>(samples));
  return solver;
}

}  // namespace

template <class T>
std::unique_ptr<TrainedPass<T>> make_trained_pass(Context& context, const ImplicitModel<T>& model,
                                                  index_t samples, const SolverOptions& solver,
                                                  bool backward) {
  return std::make_unique<PassOfModel<T>>(
      context, model, samples,
      BatchPassOptions{.solver = for_mean_of(samples, solver), .backward = backward});
}

template <class T>
std::unique_ptr<TrainedPass<T>> make_trained_pass(Context& context, const ImplicitRnn<T>& model,
                                                  SequenceBatch batch, const SolverOptions& solver,
                                                  bool backward) {
  return std::make_unique<PassOfRnn<T>>(
      context, model, batch,
      RecurrentPassOptions{
          .solver = for_mean_of(batch.sequences, solver), .backward = backward, .last_only = true});
}

template std::unique_ptr<TrainedPass<float>> make_trained_pass(Context&,
                                                               const ImplicitModel<float>&, index_t,
                                                               const SolverOptions&, bool);
template std::unique_ptr<TrainedPass<double>> make_trained_pass(Context&,
                                                                const ImplicitModel<double>&,
                                                                index_t, const SolverOptions&,
                                                                bool);

template std::unique_ptr<TrainedPass<float>> make_trained_pass(Context&, const ImplicitRnn<float>&,
                                                               SequenceBatch, const SolverOptions&,
                                                               bool);
template std::unique_ptr<TrainedPass<double>> make_trained_pass(Context&,
                                                                const ImplicitRnn<double>&,
                                                                SequenceBatch, const SolverOptions&,
                                                                bool);

}  // namespace idl
