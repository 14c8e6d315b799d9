// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/program.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {

/// Two small tables, and the program that is applied to them.
class Tables : public testing::Test {
 protected:
  /// Three kinds around centres of their own; the unit of `weight` is a thousand times that of
  /// `length`, and `zero` is constant.
  void SetUp() override {
    RandomValues random(1);
    std::string text = "length,weight,zero,kind\n";
    std::string measured = "length,price,weight\n";
    for (int k = 0; k < 90; ++k) {
      const std::array names = {"oak", "elm, young", "ash"};
      const double length = k % 3 + random.uniform(-0.3, 0.3);
      const double weight = 1000 * ((k % 3 == 1 ? 2 : 0) + random.uniform(-0.3, 0.3));
      std::ostringstream line;
      line << length << "," << weight << ",0,\"" << names[static_cast<std::size_t>(k % 3)]
           << "\"\n";
      text += line.str();
      std::ostringstream row;
      row << length << "," << 50 + 7 * length - 0.004 * weight << "," << weight << "\n";
      measured += row.str();
    }
    folder_.file("trees.csv", text);
    folder_.file("prices.csv", measured);
  }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ProgramResult train(const std::string& table, const std::string& out,
                      const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train",    "--data", path(table), "--out", path(out),
                                          "--device", "cpu",    "--hidden",  "8",     "--batch",
                                          "16",       "--lr",   "0.03"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  ProgramResult apply(const std::string& command, const std::string& model,
                      const std::string& table, const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {command,     "--model",  path(model), "--data",
                                          path(table), "--device", "cpu"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  TemporaryFolder folder_;
};

}  // namespace idl::test
