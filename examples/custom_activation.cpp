// SPDX-License-Identifier: MIT
// Activations of one's own: SiLU, which is too steep for a usual κ, and one with a parameter.
//   custom_activation [FILE]
// writes the second model to FILE and loads it again.
#include <cmath>
#include <idl/idl.hpp>
#include <iostream>

// xσ(x). Its largest slope is 1.0998….
template <class T>
struct MySilu {
  static constexpr std::string_view k_name = "my_silu";
  static constexpr double k_at_zero = 0.0;
  static double lipschitz(double) { return 1.09984; }
  T operator()(T x) const { return x / (T(1) + std::exp(-x)); }
  T derivative(T x) const {
    const T sigma = T(1) / (T(1) + std::exp(-x));
    return sigma * (T(1) + x * (T(1) - sigma));
  }
};

// x where |x| is above α, otherwise 0, and continuous: max(|x| − α, 0) with the sign of x.
template <class T>
struct SoftThreshold {
  static constexpr std::string_view k_name = "soft_threshold";
  static constexpr double k_usual_alpha = 0.1;
  static constexpr double k_at_zero = 0.0;
  static double lipschitz(double) { return 1.0; }
  T alpha;
  T operator()(T x) const {
    const T above = x - alpha, below = x + alpha;
    return x > alpha ? above : (x < -alpha ? below : x - x);  // NaN stays NaN
  }
  T derivative(T x) const { return std::abs(x) > alpha ? T(1) : x - x; }
};

template <template <class> class Phi>
bool check() {
  const idl::ActivationReport report = idl::check_activation<Phi>();
  std::cout << Phi<float>::k_name << ": steepest at " << report.at << ", where |slope| is "
            << report.steepest << "; " << report.kinks.size() << " kinks\n";
  for (const std::string& fault : report.faults) std::cout << "  " << fault << "\n";
  return report.ok();
}

int main(int argc, char** argv) {
  if (!check<MySilu>() || !check<SoftThreshold>()) return 1;
  idl::Context context(idl::Device::cpu());
  const idl::ModelShape shape{.states = 20, .inputs = 4, .outputs = 2};

  const idl::Activation silu = idl::custom_activation<MySilu>();
  try {
    const idl::ImplicitModel<float> model(
        context, shape,
        {.activation = silu, .well_posedness = idl::WellPosedness::inf_norm_ball(0.95)});
  } catch (const idl::InvalidArgument& error) {
    std::cout << "refused: " << error.what() << "\n";
  }

  const std::vector<float> samples = {1, 2, 3, 4, 0.5F, -1, 0, 1, -2, 0, 2, -3};
  const auto U = idl::Matrix<float>::from_host(context, 4, 3, samples);
  const auto tell = [&](const idl::ImplicitModel<float>& model) {
    const auto prediction = model.predict(context, U);
    const auto Y = idl::download<float>(context, prediction.Y.view());
    for (std::size_t j = 0; j < 3; ++j)
      std::cout << to_string(model.options().activation) << ", sample " << j << ": y = " << Y[2 * j]
                << " " << Y[2 * j + 1] << ", " << to_string(prediction.report.status[j])
                << " after " << prediction.report.iterations[j] << " iterations\n";
    return Y;
  };
  (void)tell({context,
              shape,
              {.activation = silu, .well_posedness = idl::WellPosedness::inf_norm_ball(0.9 / 1.1)},
              1});

  const idl::ImplicitModel<float> model(
      context, shape, {.activation = idl::custom_activation<SoftThreshold>(0.2)}, 1);
  const std::vector<float> Y = tell(model);
  if (argc > 1) {
    idl::save_model(context, model, argv[1]);
    const bool same = tell(idl::load_model<float>(context, argv[1])) == Y;
    std::cout << "loaded: " << (same ? "the same answers" : "other answers") << "\n";
  }
}
