// SPDX-License-Identifier: MIT
// Walks the tables of options: each one with a flag is a flag of the commands and a setting of
// config.json.
#include <CLI/CLI.hpp>

#include "host/cli/command.hpp"
#include "host/cli/train_settings.hpp"
#include "tests/cli/program.hpp"
#include "tests/host/another_value.hpp"
#include "tests/host/device_test.hpp"

namespace idl::test {
namespace {

using nlohmann::ordered_json;

/// Calls visit(option) for each option of a solve that has a flag.
template <class Visitor>
void for_each_solver_flag(Visitor&& visit) {
  const auto walk = [&](const auto& option) {
    if (!option.flag.empty()) visit(option);
  };
  for_each_option<Tolerance>(walk);
  for_each_option<SolverOptions>(walk);
}

/// As above, for a training.
template <class Visitor>
void for_each_training_flag(Visitor&& visit) {
  for_each_solver_flag(visit);
  const auto walk = [&](const auto& option) {
    if (!option.flag.empty()) visit(option);
  };
  for_each_option<OptimizerOptions>(walk);
  for_each_option<Schedule>(walk);
  for_each_option<TrainerOptions>(walk);
}

/// The member of `option` in the options of a training.
template <class Option>
auto value_in(const TrainerOptions& options, const Option& option) {
  if constexpr (requires { options.solver.forward.*option.member; }) {
    EXPECT_EQ(options.solver.forward, options.solver.adjoint);
    return options.solver.forward.*option.member;
  } else if constexpr (requires { options.solver.*option.member; }) {
    return options.solver.*option.member;
  } else if constexpr (requires { options.optimizer.*option.member; }) {
    return options.optimizer.*option.member;
  } else if constexpr (requires { options.schedule.*option.member; }) {
    return options.schedule.*option.member;
  } else {
    return options.*option.member;
  }
}

TEST(OptionFlags, AreThoseOfEveryCommandThatSolves) {
  for (const std::string command : {"train", "evaluate", "predict"}) {
    const std::string help = run_program({command, "--help"}).out;
    const auto expect_flag = [&](const auto& option) {
      const std::string flag = "  --" + std::string(option.flag) + " ";
      EXPECT_NE(help.find(flag), std::string::npos) << command << flag;
      const auto first_word = std::string(option.help.substr(0, option.help.find(' ')));
      EXPECT_NE(help.find(first_word, help.find(flag)), std::string::npos) << command << flag;
    };
    for_each_solver_flag(expect_flag);
    if (command == "train") for_each_training_flag(expect_flag);
  }
}

TEST(OptionFlags, OutOfTheirRangeAreRefusedByEveryCommand) {
  const auto refused = [&](const std::string& command, const auto& option) {
    const std::string flag = "--" + std::string(option.flag);
    using Value = std::decay_t<decltype(value_in(TrainerOptions{}, option))>;
    if constexpr (std::is_arithmetic_v<Value> && !std::is_same_v<Value, bool>) {
      for (const Value wrong : values_out_of<Value>(option.range)) {
        const std::string text = number_text(wrong);
        std::vector<std::string> arguments = {command, flag + "=" + text};
        if (command != "train") arguments.insert(arguments.end(), {"--model", "none"});
        if (command != "predict") arguments.insert(arguments.end(), {"--data", "none"});
        if (command == "predict")
          arguments.insert(arguments.end(), {"--input", "none", "--output", "none"});
        expect_refusal(run_program(arguments), {flag + " is '" + text + "', expected"});
      }
    }
  };
  for (const std::string command : {"evaluate", "predict"})
    for_each_solver_flag([&](const auto& option) { refused(command, option); });
  for_each_training_flag([&](const auto& option) { refused("train", option); });
}

TEST(OptionFlags, AreSettingsOfAConfigurationThatReadBackAndReachTheTrainer) {
  const cli::TrainSettings usual;
  for_each_training_flag([&](const auto& option) {
    const std::string name(option.flag);
    const auto wanted = another(value_in(trainer_options(usual), option));
    const ordered_json json = {{name, plain(wanted)}};
    const cli::TrainSettings settings = cli::settings_from_json(json, "config");
    EXPECT_EQ(value_in(trainer_options(settings), option), wanted) << name;
    EXPECT_EQ(cli::to_json(settings)[name], json[name]);
    EXPECT_EQ(ordered_json::diff(cli::to_json(usual), cli::to_json(settings)).size(), 1U) << name;

    const auto refusal = [&](const ordered_json& value) {
      return text_of<InvalidArgument>([&] { cli::settings_from_json({{name, value}}, "config"); });
    };
    EXPECT_TRUE(holds(refusal(ordered_json::array()), {"config: " + name, "wrong type"}));
    using Value = std::decay_t<decltype(wanted)>;
    if constexpr (std::is_same_v<Value, StopRule> || std::is_same_v<Value, bool> ||
                  std::is_same_v<Value, std::string>) {
      EXPECT_TRUE(holds(refusal(1), {"config: " + name, "wrong type"}));
    } else if constexpr (std::is_enum_v<Value>) {
      EXPECT_TRUE(holds(refusal("nothing"), {"config: " + name, "'nothing'", plain(wanted)}));
    } else {
      for (const Value wrong : values_out_of<Value>(option.range))
        EXPECT_TRUE(holds(refusal(wrong), {"config: " + name + " is " + number_text(wrong)}));
    }
  });
}

TEST(OptionFlags, StandInAConfigurationInTheOrderThatTheyHaveAlwaysHad) {
  const ordered_json settings = cli::to_json(cli::TrainSettings{});
  std::string names;
  for (const auto& [name, value] : settings.items()) names += name + " ";
  EXPECT_EQ(
      names,
      "data hidden rank recurrent epochs batch lr kappa activation alpha well-posedness bias no-D "
      "allow-unproven device threads precision init prefix override-metadata project "
      "no-shuffle seed loss optimizer weight-decay momentum prox freeze schedule schedule-period "
      "schedule-gamma tolerance relative-tolerance max-iterations certified sweep "
      "acceleration arithmetic batch-invariant sparsify gradual sparsify-interval "
      "sparsify-target checkpoint-interval limit label-column target-columns ignore-columns "
      "header labels targets lengths test-data test-labels test-targets test-lengths validation "
      "standardise normalise ");
}

}  // namespace
}  // namespace idl::test
