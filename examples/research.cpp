// SPDX-License-Identifier: MIT
// An experiment with a loss, an optimiser and a penalty of one's own: hinge loss, heavy-ball steps,
// the proximal operator of λ‖A‖₁, warm starts, and the attack of Goodfellow et al. 2015 (FGSM).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <idl/idl.hpp>
#include <random>
using Values = std::vector<float>;

int main() {
  constexpr std::size_t n = 40, p = 6, q = 3, m = 500, rows = n + q;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  Values U(p * m), velocity(rows * (n + p));
  std::vector<std::size_t> labels;
  for (float& u : U) u = normal(random);
  for (auto u = U.begin(); u != U.end(); u += p) {  // the largest product of two neighbours
    const float products[q] = {u[0] * u[1], u[2] * u[3], u[4] * u[5]};
    labels.push_back(static_cast<std::size_t>(std::max_element(products, products + q) - products));
  }
  idl::Context context;
  idl::ImplicitModel<float> model(context, {.states = n, .inputs = p, .outputs = q});
  idl::BatchPass<float> pass(context, model, m, {.input_gradient = true});
  const auto accuracy_and_gradients = [&](const Values& inputs) {
    idl::upload(context, inputs, pass.U());
    const auto report = pass.forward();
    const Values Y = idl::download(context, pass.Y());
    Values dY(q * m);
    float correct = 0;
    for (std::size_t j = 0; j < m; ++j) {
      const float* y = &Y[j * q];
      correct += std::max_element(y, y + q) == y + labels[j] ? 1.0F : 0.0F;
      for (std::size_t i = 0; i < q; ++i) {  // mean of Σ max(0, 1 + y_i − y_label)
        const bool counts = i != labels[j] && 1 + y[i] - y[labels[j]] > 0;
        dY[j * q + i] += counts ? 1.0F / m : 0.0F;
        dY[j * q + labels[j]] -= counts ? 1.0F / m : 0.0F;
      }
    }
    idl::upload(context, dY, pass.dY());
    static_cast<void>(pass.backward());
    pass.start_from(pass.X());  // the next solve begins where this one ended
    return std::pair(correct / m, report.mean_iterations());
  };
  for (int step = 0; step <= 400; ++step) {
    const auto [accuracy, iterations] = accuracy_and_gradients(U);
    if (step % 100 == 0)
      std::printf("step %3d: accuracy %.3f, %.1f iterations\n", step, accuracy, iterations);
    Values M = idl::download(context, model.M());  // contiguous, column by column
    const Values dM = idl::download(context, pass.dM());
    for (std::size_t k = 0; k < M.size(); ++k) {
      velocity[k] = 0.9F * velocity[k] - 0.05F * dM[k];
      M[k] += velocity[k];
      if (k % rows < n && k / rows < n)
        M[k] = std::copysign(std::max(std::abs(M[k]) - 1e-4F, 0.0F), M[k]);
    }
    idl::upload(context, M, model.M());
    model.project(context);
  }
  const Values A = idl::download(context, model.A());
  std::printf("zeros in A: %ld of %zu\n", std::count(A.begin(), A.end(), 0.0F), A.size());
  const Values dU = idl::download(context, pass.dU());
  for (std::size_t k = 0; k < U.size(); ++k) U[k] += std::copysign(0.2F, dU[k]);
  std::printf("accuracy under attack: %.3f\n", accuracy_and_gradients(U).first);
}
