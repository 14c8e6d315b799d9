// SPDX-License-Identifier: MIT
#include "bench/peers/case_work.hpp"

namespace idl::bench {
namespace {

template <class T>
class RecurrentForward final : public CaseWork<T, ImplicitRnn> {
 public:
  explicit RecurrentForward(const PeerCase& peer_case)
      : CaseWork<T, ImplicitRnn>(peer_case, 1),
        pass_(this->context_, this->model_, this->samples_,
              this->width_ / this->model_.shape().inputs,
              {.solver = this->solver_options_, .backward = false, .last_only = true}) {
    upload<T>(this->context_, this->batch(0), pass_.x());
  }

  void run() override {
    pass_.forward_async();
    this->context_.synchronize();
  }
  double iterations() override { return pass_.forward().solves.mean_iterations(); }
  io::Safetensors answer() override {
    io::Safetensors file;
    file.tensors["Y"] = this->by_sample(pass_.Y());
    return file;
  }

 private:
  RecurrentPass<T> pass_;
};

template <class T>
std::unique_ptr<PeerWork> make_recurrent(const PeerCase& peer_case) {
  if (peer_case.kind == "recurrent_step")
    return std::make_unique<TrainWork<T, ImplicitRnn>>(peer_case);
  return std::make_unique<RecurrentForward<T>>(peer_case);
}

}  // namespace

std::unique_ptr<PeerWork> make_recurrent_peer_work(const PeerCase& peer_case) {
  return peer_case.precision == "float64" ? make_recurrent<double>(peer_case)
                                          : make_recurrent<float>(peer_case);
}

}  // namespace idl::bench
