// SPDX-License-Identifier: MIT
// Checks what the library promises on random models: certificates, gradients, batch invariance.
//   idl_random_models --models 100000
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/random_models/model_checks.hpp"

namespace {

using namespace idl;
using namespace idl::test;

struct Settings {
  std::uint64_t models = 100000;
  std::uint64_t first = 0;
  std::uint64_t seed = 1;
  std::string device = "cpu";
  unsigned threads = std::max(1U, std::thread::hardware_concurrency());
  Planted planted = Planted::nothing;
};

Settings read_settings(int argc, char** argv) {
  Settings settings;
  CLI::App app("Checks certificates, gradients and batch invariance on random models");
  const std::map<std::string, Planted> errors = {{"nothing", Planted::nothing},
                                                 {"state_bound", Planted::small_state_bound},
                                                 {"adjoint_bound", Planted::small_adjoint_bound},
                                                 {"gradient", Planted::gradient},
                                                 {"bit", Planted::bit}};
  app.add_option("--models", settings.models, "How many models")->capture_default_str();
  app.add_option("--first", settings.first, "Number of the first one")->capture_default_str();
  app.add_option("--seed", settings.seed, "Seed of all models")->capture_default_str();
  app.add_option("--device", settings.device, "cpu or cuda:K")->capture_default_str();
  app.add_option("--threads", settings.threads, "Threads, each with a context of its own")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--plant", settings.planted, "Put an error into the answers, to see it found")
      ->transform(CLI::CheckedTransformer(errors));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : 2);
  }
  return settings;
}

/// The models run side by side, each on one thread.
void keep_to_one_thread_each() { ::setenv("OMP_NUM_THREADS", "1", 0); }

std::string quantiles(std::vector<float> ratios) {
  if (ratios.empty()) return "none";
  std::sort(ratios.begin(), ratios.end());
  char text[96];
  std::snprintf(text, sizeof text, "median %.3g, largest %.4f, of %zu",
                static_cast<double>(ratios[ratios.size() / 2]), static_cast<double>(ratios.back()),
                ratios.size());
  return text;
}

class Run {
 public:
  explicit Run(const Settings& settings) : settings_(settings) {}

  int finish() {
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < settings_.threads; ++i) threads.emplace_back([this] { work(); });
    for (std::thread& thread : threads) thread.join();
    std::cout << "columns:";
    for (std::size_t status = 1; status < tally_.statuses.size(); ++status)
      std::cout << ' ' << tally_.statuses[status] << ' '
                << to_string(static_cast<SolveStatus>(status));
    std::cout << "\nerror/bound of the state: " << quantiles(tally_.state_ratios)
              << "\nerror/bound of the adjoint: " << quantiles(tally_.adjoint_ratios)
              << "\ngradients: " << tally_.gradients
              << ", other compositions of a batch: " << tally_.compositions << "\n"
              << violations_ << " violations in " << settings_.models << " models" << std::endl;
    return violations_ == 0 ? 0 : 1;
  }

 private:
  static constexpr std::uint64_t k_most_told = 20;

  void work() {
    Tally tally;
    try {
      Context context(ContextOptions{.device = parse_device(settings_.device),
                                     .stream = nullptr,
                                     .log = [](Severity, std::string_view) {}});
      for (std::uint64_t i = next_++; i < settings_.models; i = next_++)
        check(context, settings_.first + i, tally);
    } catch (const std::exception& error) {
      tell(error.what());
      next_ = settings_.models;
    }
    const std::lock_guard lock(mutex_);
    tally_.add(tally);
  }

  void check(Context& context, std::uint64_t number, Tally& tally) {
    RandomValues random = random_of(settings_.seed, number);
    const ModelCase model = random_case(random, number);
    std::optional<std::string> violation;
    try {
      violation = model.is_double
                      ? check_model<double>(context, model, random, settings_.planted, tally)
                      : check_model<float>(context, model, random, settings_.planted, tally);
    } catch (const std::exception& error) {
      violation = std::string("exception: ") + error.what();
    }
    if (violation)
      tell(model.text() + "\n  " + *violation + "\n  again: idl_random_models --models 1 --seed " +
           std::to_string(settings_.seed) + " --first " + std::to_string(number));
  }

  void tell(const std::string& text) {
    const std::lock_guard lock(mutex_);
    violations_ += 1;
    if (violations_ <= k_most_told) std::cout << text << std::endl;
  }

  Settings settings_;
  std::atomic<std::uint64_t> next_{0};
  std::mutex mutex_;
  Tally tally_;
  std::uint64_t violations_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Settings settings = read_settings(argc, argv);
  keep_to_one_thread_each();
  return Run(settings).finish();
}
