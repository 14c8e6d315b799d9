// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/peers/ours.hpp"
#include "host/backend_of.hpp"
#include "idl/idl.hpp"
#include "kernels/backend.hpp"
#include "kernels/fixed_point.hpp"

namespace idl::bench {
namespace {

/// The nonzero entries of a matrix, on its device.
template <class T>
class NonzeroEntries {
 public:
  NonzeroEntries(Context& context, ConstMatrixView<T> A, index_t nnz)
      : offsets_(context, (static_cast<std::size_t>(A.rows) + 1) * sizeof(std::int64_t)),
        indices_(context, nnz + 1),
        values_(context, nnz + 1),
        count_(context, sizeof(std::int64_t)),
        view_{.row_offsets = static_cast<std::int64_t*>(offsets_.data()),
              .col_indices = indices_.data(),
              .values = values_.data(),
              .rows = A.rows,
              .cols = A.cols,
              .capacity = nnz,
              .device = A.device} {
    const VectorView<std::int64_t> count = {static_cast<std::int64_t*>(count_.data()), 1, A.device};
    backend_of(context)->run(DenseToCsr<T>{.A = A, .P = view_, .nnz = count});
  }

  ConstCsrView<T> view() const {
    return {view_.row_offsets, view_.col_indices, view_.values, view_.rows,
            view_.cols,        view_.capacity,    view_.device};
  }

 private:
  DeviceMemory offsets_;
  Vector<std::int32_t> indices_;
  Vector<T> values_;
  DeviceMemory count_;
  CsrView<T> view_;
};

/// Z = BU and plain Picard iteration with the nonzero entries of the model's A.
template <class T>
class SparseSolveWork final : public PeerWork {
 public:
  explicit SparseSolveWork(const PeerCase& peer_case)
      : context_(parse_device(peer_case.device)),
        model_(load_model<T>(context_, peer_case.model)),
        A_(context_, std::as_const(model_).A(), nonzeros()),
        U_(inputs(peer_case)),
        Z_(context_, model_.shape().states, U_.cols()),
        X_(context_, Z_.rows(), Z_.cols()),
        product_(context_, Z_.rows(), Z_.cols()),
        status_(context_, Z_.cols()),
        iterations_(context_, Z_.cols()),
        stalled_(context_, Z_.cols()),
        active_(context_, 1),
        best_steps_(context_, Z_.cols()),
        step_norms_(context_, Z_.cols()),
        state_norms_(context_, Z_.cols()) {
    Backend& backend = *backend_of(context_);
    programs_.push_back(
        backend.compile({Gemm<T>{.A = std::as_const(model_).B(), .B = U_, .C = Z_}}));
    programs_.push_back(backend.compile(description()));
  }

  void restore() override {}
  void run() override {
    for (const auto& program : programs_) program->launch();
    context_.synchronize();
  }
  double iterations() override {
    std::int32_t most = 0;
    for (const std::int32_t count : download<std::int32_t>(context_, iterations_))
      most = std::max(most, count);
    return most;
  }
  io::Safetensors answer() override {
    io::Safetensors file;
    file.tensors["X"] = io::Array::from<T>({X_.cols(), X_.rows()}, download<T>(context_, X_));
    return file;
  }
  std::string device() const override { return describe(context_.device()); }

 private:
  index_t nonzeros() {
    const std::vector<T> entries = download<T>(context_, std::as_const(model_).A());
    return static_cast<index_t>(entries.size()) -
           static_cast<index_t>(std::count(entries.begin(), entries.end(), T(0)));
  }

  Matrix<T> inputs(const PeerCase& peer_case) {
    const io::Safetensors file = io::read_safetensors(peer_case.inputs);
    const io::Array& U = file.at("U");
    const index_t samples = peer_case.batch > 0 ? peer_case.batch : U.shape.at(0);
    const index_t width = model_.shape().inputs;
    if (U.shape.at(0) < samples || U.shape.at(1) != width)
      throw InvalidArgument(file.path + ": U is " + std::to_string(U.shape.at(0)) + "×" +
                            std::to_string(U.shape.at(1)) + ", wanted " + std::to_string(samples) +
                            "×" + std::to_string(width));
    const std::vector<T> values = U.as<T>();
    return Matrix<T>::from_host(context_, width, samples,
                                std::span(values).first(static_cast<std::size_t>(samples * width)));
  }

  FixedPoint<T> description() {
    const Tolerance tolerance;
    return {.A = CsrMap<T>{.A = A_.view(), .longest_row = model_.shape().states},
            .X = X_,
            .product = product_,
            .f = PicardMap<T>{.Z = Z_, .activation = model_.options().activation},
            .columns = {.status = status_,
                        .iterations = iterations_,
                        .best_steps = best_steps_,
                        .stalled = stalled_,
                        .active = active_},
            .step_norms = step_norms_,
            .state_norms = state_norms_,
            .decision = {.absolute = static_cast<T>(tolerance.absolute),
                         .max_iterations = tolerance.max_iterations}};
  }

  Context context_;
  ImplicitModel<T> model_;
  NonzeroEntries<T> A_;
  Matrix<T> U_, Z_, X_, product_;
  Vector<std::uint8_t> status_;
  Vector<std::int32_t> iterations_, stalled_, active_;
  Vector<T> best_steps_, step_norms_, state_norms_;
  std::vector<std::unique_ptr<Program>> programs_;
};

}  // namespace

std::unique_ptr<PeerWork> make_sparse_peer_work(const PeerCase& peer_case) {
  if (peer_case.precision == "float64") return std::make_unique<SparseSolveWork<double>>(peer_case);
  return std::make_unique<SparseSolveWork<float>>(peer_case);
}

}  // namespace idl::bench
