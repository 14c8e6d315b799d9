// SPDX-License-Identifier: MIT
#include "host/options/option_table.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "host/c_api/handles.hpp"
#include "host/options/validate.hpp"
#include "host/train/training_settings.hpp"
#include "tests/host/another_value.hpp"
#include "tests/host/device_test.hpp"

/// Walks the tables of options: each one is checked, in checkpoints, and what C says of it.
namespace idl::test {
namespace {

template <class Owner>
std::size_t rows() {
  std::size_t count = 0;
  for_each_option<Owner>([&](const auto&) { ++count; });
  return count;
}

TEST(OptionTable, HasEveryMemberOfTheStructs) {
  // A member more is an error of the compiler here.
  [[maybe_unused]] const auto [max_iterations, absolute, relative, rule] = Tolerance{};
  EXPECT_EQ(rows<Tolerance>(), 4U);
  [[maybe_unused]] const auto [forward, adjoint, sweep, acceleration, precision, batch_invariant] =
      SolverOptions{};
  EXPECT_EQ(rows<SolverOptions>() + 2, 6U) << "all but the two tolerances";
  [[maybe_unused]] const auto [kind, rate, beta1, beta2, epsilon, decay, momentum, nesterov, prox,
                               frozen] = OptimizerOptions{};
  EXPECT_EQ(rows<OptimizerOptions>(), 10U);
  [[maybe_unused]] const auto [density, over, interval, target] = PruningOptions{};
  EXPECT_EQ(rows<PruningOptions>(), 4U);
  [[maybe_unused]] const auto [what, by, share, threshold, seed] = SparsifyOptions{};
  EXPECT_EQ(rows<SparsifyOptions>(), 5U);
  [[maybe_unused]] const auto [schedule, period, gamma, floor] = Schedule{};
  EXPECT_EQ(rows<Schedule>(), 4U);
  [[maybe_unused]] const auto [c1, c2, c3, c4, c5, c6, c7, c8] = idl_solver_options{};
  std::size_t in_c = 0;
  const auto count = [&](const auto& option) { in_c += option.in_c != nullptr ? 1 : 0; };
  for_each_option<Tolerance>(count);
  for_each_option<SolverOptions>(count);
  EXPECT_EQ(in_c, 8U);
}

/// Calls visit(option, owner of it in these options) for each option of a training.
template <class Visitor>
void for_each_training_option(TrainerOptions& options, Visitor&& visit) {
  const auto walk = [&](auto& owner) {
    for_each_option<std::decay_t<decltype(owner)>>(
        [&](const auto& option) { visit(option, owner); });
  };
  walk(options.solver.forward);
  walk(options.solver.adjoint);
  walk(options.solver);
  walk(options.optimizer);
  walk(options.schedule);
  walk(options);
}

class TrainingSettings : public testing::Test {
 protected:
  std::string text(const TrainerOptions& options) {
    return training_settings(model_, options, data_);
  }

  Context context_{{.device = Device::cpu()}};
  const ImplicitModel<float> model_{context_, {.states = 3, .inputs = 2, .outputs = 4}};
  const Dataset data_ = Dataset::from_values(std::vector<float>(10), {0, 1, 2, 3, 0}, 2, 4);
};

TEST_F(TrainingSettings, AreTheTextThatTheyHaveAlwaysBeen) {
  const std::string tolerance =
      R"({"max_iterations":300,"absolute":3e-06,"relative":0.0,"certified":false})";
  EXPECT_EQ(
      text({}),
      R"({"precision":"f32","samples":5,"features":2,"classes":4,"states":3,"batch_size":100,)"
      R"("loss":"softmax_cross_entropy","optimizer":"adam","learning_rate":0.001,"beta1":0.9,)"
      R"("beta2":0.999,"epsilon":1e-08,"weight_decay":0.0,"momentum":0.0,"nesterov":false,)"
      R"("schedule":"constant","schedule_period":10,"schedule_gamma":0.1,"schedule_floor":0.0,)"
      R"("forward":)" +
          tolerance + R"(,"adjoint":)" + tolerance +
          R"(,"sweep":"automatic","acceleration":"automatic","solver_precision":"full",)"
          R"("batch_invariant":false,"shuffle":true,"seed":0,"model.activation":"relu",)"
          R"("model.alpha":"0.01","model.bias":"false","model.format":"pt",)"
          R"("model.idl_format_version":"1","model.kappa":"0.95","model.no_D":"false",)"
          R"("model.well_posedness":"inf_norm_ball"})");
}

TEST_F(TrainingSettings, TellOfEveryOptionAndRefuseAnotherValueOfIt) {
  const auto usual = nlohmann::json::parse(text({}));
  EXPECT_NO_THROW(check_training_settings(usual, text({}), "file"));
  TrainerOptions options;
  std::size_t seen = 0;
  for_each_training_option(options, [&](const auto& option, auto& owner) {
    if (option.key == "epochs" || option.key == "checkpoint_interval") return;
    auto& value = owner.*option.member;
    const auto before = value;
    value = another(before);
    const auto changed = nlohmann::json::parse(text(options));
    EXPECT_EQ(nlohmann::json::diff(usual, changed).size(), 1U) << option.key;
    EXPECT_NO_THROW(check_training_settings(changed, text(options), "file")) << option.key;
    const std::string refusal =
        text_of<InvalidArgument>([&] { check_training_settings(usual, text(options), "file"); });
    if (option.key != "kind") {
      EXPECT_NE(refusal.find(option.key), std::string::npos) << refusal;
    }
    EXPECT_NE(refusal.find("cannot be resumed"), std::string::npos) << option.key;
    value = before;
    ++seen;
  });
  EXPECT_EQ(seen, 28U);
}

TEST_F(TrainingSettings, OfPruningAreToldWhereSomethingIsPruned) {
  const TrainerOptions usual;
  TrainerOptions pruned;
  pruned.pruning = {.density = 0.5, .epochs = 2};
  const auto refusal = [&](const TrainerOptions& written, const TrainerOptions& now) {
    return text_of<InvalidArgument>(
        [&] { check_training_settings(nlohmann::json::parse(text(written)), text(now), "file"); });
  };
  EXPECT_TRUE(holds(refusal(usual, pruned), {"pruning_density", "null", "0.5"}));
  EXPECT_TRUE(holds(refusal(pruned, usual), {"pruning_density", "0.5", "null"}));
}

TEST(OptionTable, NumbersOutOfTheirRangeAreRefusedByWhoeverTakesThem) {
  TrainerOptions options;
  Context context({.device = Device::cpu()});
  ImplicitModel<float> model(context, {.states = 3, .inputs = 2, .outputs = 4});
  const auto data = Dataset::from_values(std::vector<float>(10), {0, 1, 2, 3, 0}, 2, 4);
  std::size_t seen = 0;
  for_each_training_option(options, [&](const auto& option, auto& owner) {
    auto& value = owner.*option.member;
    using Value = std::decay_t<decltype(value)>;
    if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
      const auto before = value;
      for (const Value wrong : values_out_of<Value>(option.range)) {
        value = wrong;
        const std::string says = std::string(option.key) + " is " + number_text(wrong);
        EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { validate(options); }), {says}));
        EXPECT_TRUE(holds(text_of<InvalidArgument>(
                              [&] { Trainer<float>(context, model, data, nullptr, options); }),
                          {says}));
        if constexpr (std::is_same_v<decltype(owner), Tolerance&>) {
          EXPECT_THROW(BatchPass<float>(context, model, 1, {.solver = options.solver}),
                       InvalidArgument)
              << says;
        }
      }
      value = before;
      ++seen;
    }
  });
  EXPECT_EQ(seen, 19U);
}

TEST(OptionTable, WhatCSaysOfASolveIsTakenAndZeroSaysNothing) {
  EXPECT_EQ(c_api::solver_options(nullptr), SolverOptions{});
  const idl_solver_options nothing = {};
  EXPECT_EQ(c_api::solver_options(&nothing), SolverOptions{});

  const auto of = [](const SolverOptions& solver, const auto& option) {
    if constexpr (requires { solver.forward.*option.member; }) {
      EXPECT_EQ(solver.forward, solver.adjoint);
      return solver.forward.*option.member;
    } else {
      return solver.*option.member;
    }
  };
  const auto walk = [&](const auto& option) {
    using Value = decltype(of(SolverOptions{}, option));
    const auto with = [&](int number) {
      idl_solver_options given = {};
      given.*option.in_c = number;
      return given;
    };
    idl_solver_options given = with(1);
    const Value one = of(c_api::solver_options(&given), option);
    given = with(-1);
    if constexpr (std::is_enum_v<Value> && !std::is_same_v<Value, StopRule>) {
      EXPECT_EQ(one, k_named<Value>.values[1].value);
      if (k_named<Value>.values.size() == 2) return;
      EXPECT_EQ(of(c_api::solver_options(&given), option), k_named<Value>.values[0].value);
      given = with(2);
      EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { c_api::solver_options(&given); }),
                        {std::string(plain(one)), "is 2"}));
    } else if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
      EXPECT_EQ(one, Value(1));
      EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { c_api::solver_options(&given); }),
                        {std::string(option.key) + " is -1"}));
    } else {
      EXPECT_EQ(one, Value(1));
      EXPECT_EQ(of(c_api::solver_options(&given), option), Value(1)) << "any number is a yes";
    }
  };
  for_each_option<Tolerance>(walk);
  for_each_option<SolverOptions>(walk);
}

}  // namespace
}  // namespace idl::test
