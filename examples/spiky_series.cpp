// SPDX-License-Identifier: MIT
// A recurrent model predicts the next value of a time series from the 59 before it: a slow sine
// with noise, in which twenty stretches of a fast and large oscillation begin without notice.
//   spiky_series [EPOCHS] [POINTS] [OUTPUT_FOLDER]
// With a folder, what is trained on is written there as .npy, for other programs.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <idl/idl.hpp>
#include <iostream>
#include <numbers>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr std::size_t k_window = 59;
constexpr double k_noise = 0.35;  ///< standard deviation
constexpr std::size_t k_stretches = 20;
constexpr std::size_t k_frequencies[] = {2, 23, 78, 100};

class Random {
 public:
  explicit Random(std::uint64_t seed) : bits_(seed) {}
  double uniform() { return static_cast<double>(bits_() >> 11U) * 0x1p-53; }
  double normal() {
    return std::sqrt(-2.0 * std::log(1.0 - uniform())) *
           std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  std::mt19937_64 bits_;
};

/// sin x + noise on [0, 100], and 5·Σ sin(fx) in a stretch of a hundredth of the points somewhere
/// in each twentieth of them.
struct Series {
  std::vector<double> values;
  std::vector<bool> noisy;
};

Series make_series(std::size_t points, std::uint64_t seed) {
  Random random(seed);
  Series series{std::vector<double>(points), std::vector<bool>(points, true)};
  const auto x = [&](std::size_t i) {
    return 100.0 * static_cast<double>(i) / static_cast<double>(points - 1);
  };
  for (std::size_t i = 0; i < points; ++i)
    series.values[i] = std::sin(x(i)) + k_noise * random.normal();
  const std::size_t part = points / k_stretches;
  const std::size_t length = points / 100;
  for (std::size_t k = 0; k < k_stretches; ++k) {
    const auto begin =
        k * part + static_cast<std::size_t>(random.uniform() * static_cast<double>(part - length));
    for (std::size_t i = begin; i < begin + length; ++i) {
      series.values[i] = 0.0;
      series.noisy[i] = false;
      for (const std::size_t f : k_frequencies)
        series.values[i] += 5.0 * std::sin(static_cast<double>(f) * x(i));
    }
  }
  return series;
}

/// Windows that end before point `first`, ..., `last` − 1, each with the value there.
idl::Dataset windows(const std::vector<double>& values, std::size_t first, std::size_t last) {
  std::vector<double> inputs;
  std::vector<double> targets;
  for (std::size_t i = first; i < last; ++i) {
    inputs.insert(inputs.end(), &values[i - k_window], &values[i]);
    targets.push_back(values[i]);
  }
  return idl::Dataset::from_values(std::move(inputs), idl::Dataset::Targets{std::move(targets), 1},
                                   static_cast<idl::index_t>(k_window));
}

/// The mean squared error in [test, end) of the linear prediction from the window (and a constant)
/// that is best before `test`, by its normal equations with a ridge of 10⁻⁶.
double linear_error(const std::vector<double>& values, std::size_t test) {
  constexpr std::size_t n = k_window + 1;
  std::vector<double> G(n * n);  // of the windows, then its Cholesky factor
  std::vector<double> w(n);
  const auto window = [&](std::size_t i, std::size_t j) {
    return j == k_window ? 1.0 : values[i - k_window + j];
  };
  for (std::size_t i = k_window; i < test; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      for (std::size_t k = 0; k <= j; ++k) G[j * n + k] += window(i, j) * window(i, k);
      w[j] += window(i, j) * values[i];
    }
  for (std::size_t j = 0; j < n; ++j) {
    G[j * n + j] += 1e-6;
    for (std::size_t k = 0; k <= j; ++k) {
      double sum = G[j * n + k];
      for (std::size_t l = 0; l < k; ++l) sum -= G[j * n + l] * G[k * n + l];
      G[j * n + k] = j == k ? std::sqrt(sum) : sum / G[k * n + k];
    }
    for (std::size_t l = 0; l < j; ++l) w[j] -= G[j * n + l] * w[l];
    w[j] /= G[j * n + j];
  }
  for (std::size_t j = n; j-- > 0;) {
    for (std::size_t l = j + 1; l < n; ++l) w[j] -= G[l * n + j] * w[l];
    w[j] /= G[j * n + j];
  }
  double sum = 0.0;
  for (std::size_t i = test; i < values.size(); ++i) {
    double error = -values[i];
    for (std::size_t j = 0; j < n; ++j) error += w[j] * window(i, j);
    sum += error * error;
  }
  return sum / static_cast<double>(values.size() - test);
}

/// The least error that any prediction can have: noise is not to be known beforehand.
double noise_floor(const Series& series, std::size_t test) {
  const auto noisy = std::count(series.noisy.begin() + static_cast<std::ptrdiff_t>(test),
                                series.noisy.end(), true);
  return k_noise * k_noise * static_cast<double>(noisy) /
         static_cast<double>(series.noisy.size() - test);
}

void write_npy(const std::filesystem::path& path, std::vector<std::int64_t> shape,
               const std::vector<double>& values) {
  idl::io::write_npy(path, idl::io::Array::from<double>(std::move(shape), std::span(values)));
}

/// (samples, 59, 1) and (samples, 1).
void write(const std::filesystem::path& folder, const std::string& name, const idl::Dataset& data) {
  std::vector<double> inputs(static_cast<std::size_t>(data.size()) * k_window);
  std::vector<double> targets(static_cast<std::size_t>(data.size()));
  for (idl::index_t k = 0; k < data.size(); ++k) {
    const auto at = static_cast<std::size_t>(k);
    data.copy_sample<double>(k, std::span(inputs).subspan(at * k_window, k_window));
    data.copy_target<double>(k, std::span(targets).subspan(at, 1));
  }
  write_npy(folder / (name + "_X.npy"), {data.size(), k_window, 1}, inputs);
  write_npy(folder / (name + "_y.npy"), {data.size(), 1}, targets);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::int64_t epochs = argc > 1 ? std::atoll(argv[1]) : 30;
  const auto points = static_cast<std::size_t>(argc > 2 ? std::atoll(argv[2]) : 10000);
  if (points < 1000 || epochs < 1) {
    std::cerr << "usage: spiky_series [EPOCHS, 1 or more] [POINTS, 1000 or more] [OUTPUT_FOLDER]\n";
    return 2;
  }
  const Series series = make_series(points, 0);
  const std::size_t split = points * 7 / 10;
  idl::Dataset train = windows(series.values, k_window, split);
  idl::Dataset test = windows(series.values, split, points);
  if (argc > 3) {
    write(argv[3], "train", train);
    write(argv[3], "test", test);
  }
  // Every step of a window is scaled as the targets are.
  const idl::Scaling value = standard_scaling_of_targets(train);
  const idl::Scaling window{std::vector<double>(k_window, value.mean[0]),
                            std::vector<double>(k_window, value.scale[0])};
  train.set_scaling(window, value);
  test.set_scaling(window, value);

  idl::Context context;  // the first GPU where there is one, the CPU otherwise
  idl::ImplicitRnn<float> model(context, {.inputs = 1, .states = 20, .hidden = 22, .outputs = 1},
                                {.bias = true});
  idl::TrainerOptions options;
  options.epochs = epochs;
  options.batch_size = 64;
  options.loss = idl::LossKind::squared_error;
  options.optimizer.learning_rate = 5e-3;
  options.schedule.kind = idl::ScheduleKind::cosine;
  options.solver.forward = options.solver.adjoint = {.absolute = 1e-6, .relative = 1e-5};
  std::int64_t not_converged = 0;
  idl::Evaluation last;
  options.on_epoch = [&](const idl::EpochMetrics& epoch) {
    last = *epoch.test;
    not_converged += epoch.not_converged + last.not_converged;
    if (epoch.epoch % std::max<std::int64_t>(epochs / 10, 1) == 0)
      std::cout << "epoch " << epoch.epoch << ": R2 " << epoch.regression->r2 << " in training, "
                << last.regression->r2 << " in the test, " << epoch.forward_iterations
                << " iterations per step" << std::endl;
  };
  const auto start = std::chrono::steady_clock::now();
  idl::Trainer<float>(context, model, train, &test, options).fit();
  std::cout << "trained in "
            << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()
            << " s on " << describe(context.device())
            << "; solves that did not converge: " << not_converged << "\n\n";

  const double variance = test.target_variance() * value.scale[0] * value.scale[0];
  const auto line = [&](const char* name, double error) {
    std::cout << name << error << "  " << error / variance << "  " << 1.0 - error / variance
              << "\n";
  };
  std::cout << "                      MSE  MSE/variance  R2\n";
  line("this model            ", last.regression->rmse * last.regression->rmse);
  line("linear, 59 values     ", linear_error(series.values, split));
  line("noise alone           ", noise_floor(series, split));
  return not_converged == 0 ? 0 : 1;
} catch (const idl::Error& error) {
  std::cerr << "spiky_series: " << error.what() << "\n";
  return 2;
}
