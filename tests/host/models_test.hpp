// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "idl/model.hpp"
#include "idl/trainer.hpp"
#include "tests/host/device_test.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {

inline constexpr index_t k_samples = 24;

/// Models for tests of how a solve is gone about: given ones, and trained ones, whose solves take
/// long.
template <class C>
class ModelsTest : public DeviceTest<C> {
 protected:
  using Scalar = typename C::Scalar;

  ImplicitModel<Scalar> model_of(index_t n, index_t p, const std::vector<double>& A,
                                 const std::vector<double>& B, const Activation& activation = {}) {
    ImplicitModel<Scalar> model(
        this->context(), {n, p, 3},
        {.activation = activation, .well_posedness = WellPosedness::none()});
    this->put(model.A(), A);
    this->put(model.B(), B);
    return model;
  }

  /// Trained until the rows of A press against the ball, where Picard iteration takes long.
  ImplicitModel<Scalar> trained_model(const Dataset& data, index_t n) {
    Context host(Device::cpu());  // an emulated device would take minutes
    ImplicitModel<Scalar> trained(host, {n, data.features(), data.classes()}, {}, 3);
    TrainerOptions training;
    training.epochs = 12;
    training.batch_size = 20;
    training.optimizer.learning_rate = 1e-2;
    Trainer<Scalar> trainer(host, trained, data, nullptr, training);
    EXPECT_EQ(trainer.fit(), TrainingEnd::finished);
    ImplicitModel<Scalar> model(this->context(), trained.shape(), {});
    upload<Scalar>(this->context(), download<Scalar>(host, trained.M()), model.M());
    return model;
  }

  Matrix<Scalar> inputs_of(const Dataset& data) {
    std::vector<Scalar> U(static_cast<std::size_t>(data.features() * k_samples));
    const auto size = static_cast<std::size_t>(data.features());
    for (std::size_t j = 0; j < k_samples; ++j)
      data.copy_sample(static_cast<index_t>(j), std::span(U).subspan(j * size, size));
    return Matrix<Scalar>::from_host(this->context(), data.features(), k_samples, U);
  }
};

}  // namespace idl::test
