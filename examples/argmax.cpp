// SPDX-License-Identifier: MIT
// A recurrent model learns where the largest of ten numbers was, and is asked about numbers up to
// 100000 times as large:
//   argmax [EPOCHS] [SEQUENCES]
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <idl/idl.hpp>
#include <iomanip>
#include <iostream>
#include <random>
#include <vector>

namespace {

constexpr idl::index_t k_steps = 10;

/// Sequences of numbers that are uniform in (−scale, scale), each with the place of its largest.
idl::Dataset make_sequences(idl::index_t count, double scale, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<float> values;
  std::vector<std::int32_t> places;
  for (idl::index_t k = 0; k < count; ++k) {
    for (idl::index_t t = 0; t < k_steps; ++t)
      values.push_back(
          static_cast<float>(scale * (2.0 * static_cast<double>(random() >> 11U) * 0x1p-53 - 1.0)));
    const auto begin = values.end() - k_steps;
    places.push_back(static_cast<std::int32_t>(std::max_element(begin, values.end()) - begin));
  }
  return idl::Dataset::from_values(std::move(values), std::move(places), k_steps, k_steps);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::int64_t epochs = argc > 1 ? std::atoll(argv[1]) : 400;
  const idl::index_t sequences = argc > 2 ? std::atoll(argv[2]) : 10000;
  idl::Context context;  // the first GPU where there is one, the CPU otherwise
  const idl::Dataset train = make_sequences(sequences, 1.0, 1);

  idl::ImplicitRnn<float> model(context,
                                {.inputs = 1, .states = 20, .hidden = 20, .outputs = k_steps});
  idl::TrainerOptions options;
  options.epochs = epochs;
  options.batch_size = sequences;
  options.optimizer.learning_rate = 0.02;
  options.schedule = {.kind = idl::ScheduleKind::step, .period = 1, .gamma = 0.995};
  // Large numbers have large states: an absolute tolerance would ask for more digits than there
  // are.
  options.solver.forward = options.solver.adjoint = {.absolute = 0.0, .relative = 1e-5};
  std::int64_t not_converged = 0;
  options.on_epoch = [&](const idl::EpochMetrics& epoch) {
    not_converged += epoch.not_converged;
    if (epoch.epoch % std::max<std::int64_t>(epochs / 10, 1) == 0)
      std::cout << "epoch " << epoch.epoch << ": loss " << epoch.train_loss << ", accuracy "
                << epoch.train_accuracy << ", " << epoch.forward_iterations
                << " iterations per step" << std::endl;
  };
  const auto start = std::chrono::steady_clock::now();
  idl::Trainer<float>(context, model, train, nullptr, options).fit();
  std::cout << "trained in "
            << std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count()
            << " s on " << describe(context.device())
            << "; solves that did not converge: " << not_converged
            << "\n\nscale     accuracy  iterations per step  not converged\n";

  for (double scale = 1.0; scale <= 1e5; scale *= 10.0) {
    const idl::Dataset test = make_sequences(sequences, scale, 2);
    const idl::Evaluation answer =
        evaluate(context, model, test, idl::LossKind::softmax_cross_entropy, 1000, options.solver);
    not_converged += answer.not_converged;
    std::cout << std::left << std::setw(10) << scale << std::setw(10) << answer.accuracy
              << std::setw(21) << answer.mean_iterations << answer.not_converged << "\n";
  }
  return not_converged == 0 ? 0 : 1;
} catch (const idl::Error& error) {
  std::cerr << "argmax: " << error.what() << "\n";
  return 2;
}
