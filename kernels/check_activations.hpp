// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <variant>

#include "idl/error.hpp"
#include "kernels/custom_activation.hpp"
#include "kernels/loop_primitives.hpp"
#include "kernels/operand_checks.hpp"

/// The checks of activations. A part of validate.cpp.
namespace idl {

/// It has to be there, and has to have kernels for a GPU.
template <class T>
void check_runs_on(const Activation& activation, Device device) {
  if (activation.kind != ActivationKind::custom) return;
  const CustomActivation& custom = custom_of(activation);
  if (device.kind == DeviceKind::cuda && kernels_of<T>(custom).value == nullptr)
    throw NotSupported(
        "activation '" + std::string(custom.name) + "' has no kernels for " + to_string(device) +
        "; idl::cuda::custom_activation() of idl/cuda/custom_activation.cuh has them");
}

/// Kernels of the library that hold φ hold none but its own.
template <class T>
void check_compiled_in(const std::variant<PicardUpdate<T>, AdjointUpdate<T>>& update,
                       const char* primitive, Device device) {
  const auto* picard = std::get_if<PicardUpdate<T>>(&update);
  if (picard != nullptr && picard->activation.kind == ActivationKind::custom &&
      device.kind == DeviceKind::cuda)
    throw NotSupported(std::string(primitive) + ": activation '" +
                       std::string(to_string(picard->activation)) + "' is not the library's");
}

template <class T>
void check(const ActivationDerivative<T>& d, Device device) {
  OperandChecks checks("ActivationDerivative", device);
  checks.input("S", d.S);
  checks.input("Z", d.Z);
  checks.output("Psi", d.Psi);
  checks.same_shape("S", d.S, "Psi", d.Psi);
  checks.same_shape("Z", d.Z, "Psi", d.Psi);
  // Psi may be S itself, entry on entry, not S moved by a few.
  const bool is_S = d.Psi.data == d.S.data && d.Psi.ld == d.S.ld;
  checks.apart(is_S ? "S" : "", is_S ? "Psi" : "");
  check_runs_on<T>(d.activation, device);
}

}  // namespace idl
