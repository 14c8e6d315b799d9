// SPDX-License-Identifier: MIT
// What people type: it is named where it is wrong, and numbers are of base ten and within a range.
#include "host/cli/arguments.hpp"

#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

const std::vector<std::string> k_commands = {"train", "evaluate", "predict", "info"};

TEST(Arguments, AnUnknownCommandIsNamedWithThoseThereAre) {
  for (const std::vector<std::string>& more :
       std::vector<std::vector<std::string>>{{}, {"--help"}, {"train"}, {"--version"}}) {
    std::vector<std::string> arguments = {"frobnicate"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    expect_refusal(
        run_program(arguments),
        {"unknown command 'frobnicate' (train, evaluate, predict, sparsify, plot, info)"});
  }
  expect_refusal(run_program({"--help", "frobnicate"}), {"'frobnicate'"});
  expect_refusal(run_program({}),
                 {"no command was given (train, evaluate, predict, sparsify, plot, info)"});
}

TEST(Arguments, AnUnknownFlagIsNamedOfWhateverCommand) {
  expect_refusal(run_program({"--frob"}), {"unknown flag '--frob'"});
  for (const std::string& command : k_commands) {
    expect_refusal(run_program({command, "--hiden", "5"}), {"unknown flag '--hiden'"});
    expect_refusal(run_program({command, "--hiden=5", "--help"}), {"unknown flag '--hiden'"});
    expect_refusal(run_program({command, "-x"}), {"unknown flag '-x'"});
    expect_refusal(run_program({command, "one", "two"}), {"is not expected"});
  }
}

TEST(Arguments, AFlagWithoutItsValueOrWithTooManyIsNamed) {
  expect_refusal(run_program({"train", "--seed"}), {"--seed needs a value"});
  expect_refusal(run_program({"train", "--seed", "1", "--seed=2"}), {"--seed is given twice"});
  expect_refusal(run_program({"train", "--bias=no"}), {"--bias takes no value"});
  expect_refusal(run_program({"predict", "--model", "m"}), {"--input is required"});
  expect_refusal(run_program({"evaluate", "--data", "d"}), {"--model is required"});
  expect_refusal(run_program({"info"}), {"--model is required"});
  expect_refusal(run_program({"info", "m", "--model", "n"}), {"--model is given twice"});
  expect_refusal(run_program({"info", "--model=n", "m"}), {"--model is given twice"});
  expect_refusal(run_program({"info", "--", "--help"}), {"--help: cannot be opened"});
}

TEST(Arguments, ANumberIsOfBaseTenAndWithinItsRange) {
  const auto refuse = [](const std::string& command, const std::string& flag,
                         const std::vector<std::string>& values, const std::string& range) {
    std::vector<std::string> arguments = {command, command == "predict" ? "--input=i" : "--data=d"};
    if (command == "predict") arguments.emplace_back("--output=o");
    if (command != "train") arguments.emplace_back("--model=m");
    arguments.emplace_back();
    for (const std::string& value : values) {
      arguments.back() = "--" + flag + "=" + value;
      expect_refusal(run_program(arguments),
                     {"--" + flag + " is '" + value + "', expected ", range});
    }
  };
  const std::vector<std::string> no_integers = {"010",  "0x10", "+1",  "1e3",
                                                "1.0",  "1 ",   "nan", "1x",
                                                "many", "-01",  "-0",  "99999999999999999999"};
  for (const char* flag : {"seed", "hidden", "epochs", "batch", "limit", "schedule-period",
                           "max-iterations", "checkpoint-interval"}) {
    refuse("train", flag, no_integers, "a whole number in [");
    refuse("train", flag, {"-1", "18446744073709551616"}, "a whole number in [");
  }
  expect_refusal(run_program({"train", "--seed", ""}), {"--seed needs a value"});
  expect_refusal(run_program({"train", "--seed="}), {"--seed needs a value"});
  refuse("train", "seed", {"-1"}, "[0, 18446744073709551615]");
  refuse("train", "hidden", {"0", "9223372036854775807"}, "[1, 1099511627776]");
  refuse("train", "batch", {"0"}, "[1, 9223372036854775807]");
  refuse("train", "max-iterations", {"2147483648"}, "[0, 2147483647]");
  refuse("evaluate", "batch", {"0", "010"}, "[1, 9223372036854775807]");
  refuse("predict", "max-iterations", {"-1", "010"}, "[0, 2147483647]");

  const std::vector<std::string> no_numbers = {"nan", "inf", "-inf", "-1", "1e999", "0.1x", "+1"};
  for (const char* flag : {"lr", "weight-decay", "tolerance", "relative-tolerance"})
    refuse("train", flag, no_numbers, "a number in [0, ");
  for (const char* flag : {"tolerance", "relative-tolerance"})
    refuse("predict", flag, no_numbers, "a number in [0, ");
  refuse("train", "kappa", no_numbers, "a number in (0, 1)");
  refuse("train", "kappa", {"0", "1"}, "a number in (0, 1)");
  refuse("train", "momentum", {"1", "nan"}, "a number in [0, 1)");
  refuse("train", "schedule-gamma", {"1.5", "nan"}, "a number in [0, 1]");
}

TEST(Arguments, TheHelpOfEveryCommandFitsIntoEightyColumns) {
  for (const std::string& command :
       {std::string("--help"), std::string("train"), std::string("evaluate"),
        std::string("predict"), std::string("sparsify"), std::string("plot"),
        std::string("info")}) {
    const ProgramResult help = run_program({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_TRUE(help.err.empty()) << help.err;
    std::istringstream lines(help.out);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  }
}

TEST(ShellWord, IsTakenByTheShellAsTheTextThatItStandsFor) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& text :
       {std::string("runs/plain-1.0"), std::string("two words"), std::string("it's"),
        std::string("$HOME `x` \"y\" \\"), std::string("*?[a]"), std::string("~"), std::string(),
        std::string("line\nbreak"), std::string("#no comment"), all}) {
    const ProgramResult result = run_shell("/", "printf '%s.' " + cli::shell_word(text));
    EXPECT_EQ(result.out, text + ".") << result.err;
  }
  EXPECT_EQ(cli::shell_word("runs/plain-1.0"), "runs/plain-1.0");
}

}  // namespace
}  // namespace idl::test
