// SPDX-License-Identifier: MIT
#include "host/model/resolve_automatic.hpp"

#include <gtest/gtest.h>

#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

/// What `automatic` stands for.
namespace idl::test {
namespace {

const ModelOptions k_ball{.well_posedness = WellPosedness::inf_norm_ball(0.95)};

TEST(ResolveAutomatic, AutomaticIsTheFasterMethodForAContractionOnTheCpu) {
  const auto options = resolve_automatic({}, Device::cpu(), k_ball, 100, 3);
  EXPECT_EQ(options.sweep, Sweep::gauss_seidel);
  EXPECT_EQ(options.acceleration, Acceleration::anderson);
}

TEST(ResolveAutomatic, AutomaticTakesAllRowsAtOnceForFewSamplesUnlessTheirBitsMustBeThoseInABatch) {
  for (const index_t samples : {1, 2}) {
    const auto options = resolve_automatic({}, Device::cpu(), k_ball, 100, samples);
    EXPECT_EQ(options.sweep, Sweep::jacobi);
    EXPECT_EQ(options.acceleration, Acceleration::anderson);
    EXPECT_EQ(
        resolve_automatic({.batch_invariant = true}, Device::cpu(), k_ball, 100, samples).sweep,
        Sweep::gauss_seidel);
    EXPECT_EQ(resolve_automatic({}, Device::cpu(), k_ball, 4096, samples).sweep,
              Sweep::gauss_seidel);
  }
}

TEST(ResolveAutomatic, AutomaticSweepsAllRowsAtOnceWhereAIsOfLowRank) {
  ModelOptions model = k_ball;
  model.rank = 3;
  const auto options = resolve_automatic({}, Device::cpu(), model, 4096, 100);
  EXPECT_EQ(options.sweep, Sweep::jacobi);
  EXPECT_EQ(options.acceleration, Acceleration::anderson);
}

TEST(ResolveAutomatic, AutomaticIsPicardIterationOnAGpuAndForAnyOtherModel) {
  for (const auto& [device, constraint] :
       {std::pair{Device::cuda(), WellPosedness::inf_norm_ball(0.95)},
        {Device::cuda(), WellPosedness::none()},
        {Device::cpu(), WellPosedness::none()},
        {Device::cpu(), WellPosedness::strictly_upper_triangular()}}) {
    const auto options = resolve_automatic({}, device, {.well_posedness = constraint}, 100, 3);
    EXPECT_EQ(options.sweep, Sweep::jacobi);
    EXPECT_EQ(options.acceleration, Acceleration::none);
  }
}

TEST(ResolveAutomatic, WhatIsAskedForIsTaken) {
  for (const Device device : {Device::cpu(), Device::cuda()})
    for (const auto constraint : {WellPosedness::none(), WellPosedness::inf_norm_ball(0.95)})
      for (const Sweep sweep : {Sweep::jacobi, Sweep::gauss_seidel})
        for (const Acceleration each : {Acceleration::none, Acceleration::anderson}) {
          const auto options = resolve_automatic({.sweep = sweep, .acceleration = each}, device,
                                                 {.well_posedness = constraint}, 100, 1);
          EXPECT_EQ(options.sweep, sweep);
          EXPECT_EQ(options.acceleration, each);
        }
}

template <class C>
class AutomaticMethod : public DeviceTest<C> {};
TYPED_TEST_SUITE(AutomaticMethod, AllCases, CaseNames);

TYPED_TEST(AutomaticMethod, HasTheBitsOfTheMethodItStandsFor) {
  using T = typename TypeParam::Scalar;
  const index_t n = 70, p = 6, m = 20;
  const ImplicitModel<T> model(this->context(), {.states = n, .inputs = p, .outputs = 2});
  RandomValues random(5);
  const auto U = this->matrix(p, m, random.uniforms(p * m, -1.0, 1.0));
  const auto chosen = resolve_automatic({}, this->context().device(), model.options(), n, m);
  const auto automatic = model.predict(this->context(), U.view());
  const auto asked = model.predict(this->context(), U.view(),
                                   {.sweep = chosen.sweep, .acceleration = chosen.acceleration});
  EXPECT_TRUE(automatic.report.all_converged());
  EXPECT_EQ(automatic.report.iterations, asked.report.iterations);
  EXPECT_EQ(this->fetch(automatic.X.view()), this->fetch(asked.X.view()));
}

}  // namespace
}  // namespace idl::test
