// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "idl/trainer.hpp"
#include "tests/host/device_test.hpp"
#include "tests/io/files.hpp"

namespace idl::test {

/// Trains models of one kind on a training set and a test set, in folders below a temporary one.
template <class C, template <class> class Model>
class TrainerFixture : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  TrainerFixture(Dataset train, Dataset test) : train_(std::move(train)), test_(std::move(test)) {}

  Dataset train_;
  Dataset test_;
  TemporaryFolder temporary_;

  TrainingEnd fit(Model<Element>& model, TrainerOptions options, bool resume = false) {
    Trainer<Element> trainer(this->context(), model, train_, &test_, std::move(options));
    if (resume) trainer.resume();
    return trainer.fit();
  }
  std::vector<Element> parameters(const ImplicitModel<Element>& model) {
    return this->fetch(model.M());
  }
  std::vector<Element> parameters(const ImplicitRnn<Element>& model) {
    std::vector<Element> all = this->fetch(model.cell().M());
    const std::vector<Element> head = this->fetch(model.head());
    all.insert(all.end(), head.begin(), head.end());
    return all;
  }
  std::string content(const std::string& folder, const char* file) const {
    return read_text(temporary_.path() / folder / file);
  }
  /// The lines of metrics.jsonl without what depends on the clock.
  std::vector<nlohmann::json> metrics(const std::string& folder) const {
    std::istringstream lines(content(folder, "metrics.jsonl"));
    std::vector<nlohmann::json> all;
    for (std::string line; std::getline(lines, line);) {
      all.push_back(nlohmann::json::parse(line));
      for (const char* clock : {"seconds", "samples_per_second"}) all.back().erase(clock);
    }
    return all;
  }

  /// Three epochs that were stopped after so many steps, and resumed by another model, have the
  /// bits of three that were not: those of the parameters, and what look(undisturbed, resumed)
  /// finds in the folders of these names.
  /// @param model    of a seed
  /// @param options  of a folder and a number of epochs
  template <class MakeModel, class MakeOptions, class Look>
  void expect_the_bits_of_not_having_stopped(std::initializer_list<int> stops,
                                             const MakeModel& model, const MakeOptions& options,
                                             const Look& look) {
    auto undisturbed = model(3);
    fit(undisturbed, options("undisturbed", 3));
    for (const int stop_after : stops) {
      SCOPED_TRACE("stopped after " + std::to_string(stop_after) + " steps");
      const std::string folder = "stopped_" + std::to_string(stop_after);
      auto stopped = model(3);
      TrainerOptions until = options(folder, 3);
      int asked = 0;
      until.stop_requested = [&] { return asked++ == stop_after; };
      ASSERT_EQ(fit(stopped, until), TrainingEnd::stopped);
      auto resumed = model(99);
      ASSERT_EQ(fit(resumed, options(folder, 3), true), TrainingEnd::finished);
      EXPECT_TRUE(same_bits(parameters(undisturbed), parameters(resumed)));
      look("undisturbed", folder);
    }
  }
};

}  // namespace idl::test
