// SPDX-License-Identifier: MIT
// The first program of the README: an implicit model, its prediction and the certificate.
#include <idl/idl.hpp>
#include <iostream>

int main() {
  idl::Context context;  // the first GPU where there is one, the CPU otherwise

  // X = relu(AX + BU), Y = CX + DU with 64 states, 8 inputs, 3 outputs and ‖A‖∞ <= 0.95.
  const idl::ImplicitModel<float> model(context, {.states = 64, .inputs = 8, .outputs = 3});

  // Five samples, one after the other: the memory of a NumPy array of shape (5, 8).
  std::vector<float> values(5 * 8);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 0.1F * static_cast<float>(i % 7);
  const auto U = idl::Matrix<float>::from_host(context, 8, 5, values);

  const auto prediction = model.predict(context, U);
  for (std::size_t j = 0; j < 5; ++j)
    std::cout << "sample " << j << ": " << to_string(prediction.report.status[j]) << " after "
              << prediction.report.iterations[j]
              << " iterations, |x - x*| <= " << prediction.report.error_bound[j] << "\n";
  return prediction.report.all_converged() ? 0 : 1;
}
