// SPDX-License-Identifier: MIT
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "idl/idl.hpp"

namespace idl::bench {

/// n states, p inputs, q outputs, m samples.
struct Size {
  index_t n = 0;
  index_t p = 0;
  index_t q = 0;
  index_t m = 0;
};

inline std::string to_string(const Size& size) {
  return "n" + std::to_string(size.n) + "_p" + std::to_string(size.p) + "_m" +
         std::to_string(size.m);
}

/// Uniform on [0, scale), the same with every standard library.
template <class T>
std::vector<T> uniforms(index_t count, double scale, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  std::vector<T> values(static_cast<std::size_t>(count));
  for (T& value : values)
    value = static_cast<T>(scale * static_cast<double>(engine() >> 11) * 0x1p-53);
  return values;
}

/// A model in the state that training leaves: every row of A on the sphere ‖a‖₁ = 0.95, two thirds
/// of it positive, so that a solve takes tens of iterations and not the handful of a fresh model.
template <class T>
ImplicitModel<T> trained_model(Context& context, const Size& size) {
  ImplicitModel<T> model(context, {size.n, size.p, size.q}, {}, 1);
  const auto n = static_cast<std::size_t>(size.n);
  std::vector<T> A = uniforms<T>(size.n * size.n, 1.0, 2);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (std::size_t j = 0; j < n; ++j) {
      T& value = A[i + j * n];
      if (value < T(1.0 / 3.0)) value = -value;
      sum += std::abs(static_cast<double>(value));
    }
    for (std::size_t j = 0; j < n; ++j) A[i + j * n] *= static_cast<T>(0.95 / sum);
  }
  upload<T>(context, A, model.A());
  model.project(context);
  return model;
}

/// Like the pixels of images.
template <class T>
Matrix<T> inputs(Context& context, const Size& size) {
  return Matrix<T>::from_host(context, size.p, size.m, uniforms<T>(size.p * size.m, 1.0, 3));
}

}  // namespace idl::bench
