// SPDX-License-Identifier: MIT
// What the C interface makes of numbers that mean nothing.
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "idl/c_api.h"
#include "kernels/base/number_range.hpp"

namespace idl::test {
namespace {

constexpr std::int64_t k_n = 5;
constexpr std::int64_t k_p = 4;
constexpr std::int64_t k_q = 3;
constexpr std::int64_t k_m = 6;

struct Handles {
  Handles() {
    EXPECT_EQ(idl_context_create("cpu", nullptr, &context), IDL_STATUS_OK);
    EXPECT_EQ(idl_model_create(context, IDL_FLOAT32, k_n, k_p, k_q, "relu", 0.95, 0, 3, &model),
              IDL_STATUS_OK)
        << idl_last_error();
  }
  ~Handles() {
    idl_model_destroy(model);
    idl_context_destroy(context);
  }
  Handles(const Handles&) = delete;
  Handles& operator=(const Handles&) = delete;

  idl_context* context = nullptr;
  idl_model* model = nullptr;
};

TEST(CApiRanges, NumbersThatAreNotFiniteOrOutOfTheirRangeAreRefused) {
  const Handles handles;
  idl_context* context = handles.context;
  const std::vector<float> U(k_p * k_m, 0.5F);
  std::vector<float> Y(k_q * k_m, -7.0F);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();
  const auto refused = [](idl_status status, const std::string& part) {
    EXPECT_EQ(status, IDL_STATUS_INVALID_ARGUMENT) << part;
    EXPECT_NE(std::string(idl_last_error()).find(part), std::string::npos) << idl_last_error();
  };
  const auto options_refused = [&](const idl_solver_options& options, const std::string& part) {
    for (const std::int64_t m : {std::int64_t{0}, k_m})
      refused(idl_model_predict(context, handles.model, m, U.data(), k_p, Y.data(), k_q, nullptr, 0,
                                IDL_MEMORY_HOST, &options, nullptr),
              part);
    idl_trainer* trainer = nullptr;
    refused(idl_trainer_create(context, handles.model, k_m, 1e-3, &options, &trainer), part);
    EXPECT_EQ(trainer, nullptr);
  };
  const auto with = [](auto idl_solver_options::*field, auto value) {
    idl_solver_options options = {};
    options.*field = value;
    return options;
  };
  options_refused(with(&idl_solver_options::absolute_tolerance, nan), "absolute is nan");
  options_refused(with(&idl_solver_options::absolute_tolerance, infinity), "absolute is inf");
  options_refused(with(&idl_solver_options::absolute_tolerance, -1.0), "absolute is -1");
  options_refused(with(&idl_solver_options::relative_tolerance, nan), "relative is nan");
  options_refused(with(&idl_solver_options::max_iterations, -1), "max_iterations is -1");
  options_refused(with(&idl_solver_options::anderson, 2), "anderson is 2");
  options_refused(with(&idl_solver_options::gauss_seidel, -2), "gauss_seidel is -2");

  idl_trainer* trainer = nullptr;
  for (const double rate : {nan, infinity, -1.0})
    refused(idl_trainer_create(context, handles.model, k_m, rate, nullptr, &trainer),
            "learning_rate is " + number_text(rate));
  for (const std::int64_t m : {std::int64_t{0}, std::int64_t{-3}})
    refused(idl_trainer_create(context, handles.model, m, 1e-3, nullptr, &trainer),
            "m is " + std::to_string(m));
  idl_model* model = nullptr;
  for (const double kappa : {nan, infinity, -0.5})
    refused(idl_model_create(context, IDL_FLOAT32, k_n, k_p, k_q, "relu", kappa, 0, 3, &model),
            "kappa is " + number_text(kappa));

  // Products of sizes that 64 bits do not hold.
  constexpr std::int64_t k_huge = std::numeric_limits<std::int64_t>::max();
  const auto predict = [&](std::int64_t m, std::int64_t ldu) {
    return idl_model_predict(context, handles.model, m, U.data(), ldu, Y.data(), k_q, nullptr, 0,
                             IDL_MEMORY_HOST, nullptr, nullptr);
  };
  refused(predict(k_huge, k_p), "ldu is 4");
  refused(predict(k_huge / 2, k_p), "more than can be addressed");
  refused(predict(2, k_huge), "more than can be addressed");
  EXPECT_EQ(Y, std::vector<float>(k_q * k_m, -7.0F));
}

TEST(CApiRanges, SamplesThatNobodyHasRoomForAreRefusedAlsoBetweenTwoSteps) {
  const Handles handles;
  idl_trainer* trainer = nullptr;
  constexpr std::int64_t k_far_too_many = std::numeric_limits<std::int64_t>::max();
  const idl_status at_creation =
      idl_trainer_create(handles.context, handles.model, k_far_too_many, 1e-3, nullptr, &trainer);
  EXPECT_NE(at_creation, IDL_STATUS_OK);
  ASSERT_EQ(idl_trainer_create(handles.context, handles.model, k_m, 1e-3, nullptr, &trainer),
            IDL_STATUS_OK);
  const std::vector<float> U(k_p * k_m, 0.5F);
  const std::vector<std::int32_t> labels(k_m, 1);
  const auto step = [&] {
    double loss = 0.0;
    EXPECT_EQ(
        idl_trainer_step(trainer, U.data(), k_p, labels.data(), IDL_MEMORY_HOST, &loss, nullptr),
        IDL_STATUS_OK)
        << idl_last_error();
  };
  step();
  EXPECT_EQ(idl_trainer_set_samples(trainer, k_far_too_many), at_creation) << idl_last_error();
  step();  // of as many samples as before
  // What a step told is told after the size of the next one is set, too.
  EXPECT_EQ(
      idl_trainer_step(trainer, U.data(), k_p, labels.data(), IDL_MEMORY_HOST, nullptr, nullptr),
      IDL_STATUS_OK);
  EXPECT_EQ(idl_trainer_set_samples(trainer, k_m - 1), IDL_STATUS_OK) << idl_last_error();
  idl_step_figures figures = {};
  figures.struct_size = sizeof(figures);
  EXPECT_EQ(idl_trainer_figures(trainer, &figures), IDL_STATUS_OK) << idl_last_error();
  EXPECT_EQ(figures.steps, 3);
  step();
  idl_trainer_destroy(trainer);
}

}  // namespace
}  // namespace idl::test
