// SPDX-License-Identifier: MIT
// A user's activation for CUDA devices, of which a machine without one runs the part for the CPU.
#include <cstdio>
#include <idl/cuda/custom_activation.cuh>
#include <idl/idl.hpp>
#include <vector>

template <class T>
struct Ramp {
  static constexpr std::string_view k_name = "ramp";
  static constexpr double k_at_zero = 0.0;
  static double lipschitz(double) { return 1.0; }
  IDL_CUDA_CALLABLE T operator()(T x) const { return x < T(0) ? T(0) : x; }
  IDL_CUDA_CALLABLE T derivative(T x) const { return x > T(0) ? T(1) : (x <= T(0) ? T(0) : x); }
};

int main() {
  idl::Context context(idl::best_device());
  const idl::ImplicitModel<float> model(context, {.states = 20, .inputs = 2, .outputs = 1},
                                        {.activation = idl::cuda::custom_activation<Ramp>()});
  idl::BatchPass<float> pass(context, model, 3);
  idl::upload<float>(context, std::vector<float>(6, 1.0F), pass.U());
  const bool converged = pass.forward().all_converged();
  std::printf("%s: %s\n", idl::describe(context.device()).c_str(),
              converged ? "converged" : "not converged");
  return converged ? 0 : 1;
}
