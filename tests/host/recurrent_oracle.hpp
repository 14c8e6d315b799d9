// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "idl/recurrent.hpp"
#include "tests/host/dense_oracle.hpp"
#include "tests/host/model_oracle.hpp"

/// A recurrent implicit model by plain loops in long double, from its stored entries.
namespace idl::test {

inline std::vector<double> in_double(const std::vector<long double>& values) {
  return {values.begin(), values.end()};
}

struct RecurrentOracle {
  using Real = long double;
  struct Trajectory {
    std::vector<Real> outputs;  ///< hidden×(T·m), column b·T + t, 0 after the end
    std::vector<Real> last;     ///< hidden×m
  };

  Dense<Real> A, B, C, D;
  Activation activation;
  bool bias = false;
  std::size_t inputs = 0;

  template <class T>
  static RecurrentOracle of(Context& context, const ImplicitRnn<T>& model) {
    const ImplicitModel<T>& cell = model.cell();
    const auto exact = [&](const char* name) {
      const Dense<double> entries = dense_of(context, cell, name);
      return Dense<Real>(entries.rows, entries.cols, entries.values);
    };
    return {.A = cell.options().rank ? product_of_factors(context, cell) : exact("A"),
            .B = exact("B"),
            .C = exact("C"),
            .D = exact("D"),
            .activation = cell.options().activation,
            .bias = cell.options().bias,
            .inputs = static_cast<std::size_t>(model.shape().inputs)};
  }

  Trajectory run(const std::vector<double>& x, const std::vector<double>& h0,
                 const std::vector<std::int32_t>& lengths) const {
    const std::size_t hidden = C.rows;
    const std::size_t m = lengths.size();
    const std::size_t steps = x.size() / (inputs * m);
    Trajectory result = {std::vector<Real>(hidden * steps * m, 0.0L),
                         std::vector<Real>(h0.begin(), h0.end())};
    for (std::size_t b = 0; b < m; ++b) {
      std::vector<Real> h(result.last.begin() + static_cast<std::ptrdiff_t>(b * hidden),
                          result.last.begin() + static_cast<std::ptrdiff_t>((b + 1) * hidden));
      std::vector<Real> X(A.rows, 0.0L);
      for (std::size_t t = 0; t < static_cast<std::size_t>(lengths[b]); ++t) {
        const std::size_t column = b * steps + t;
        std::vector<Real> u(x.begin() + static_cast<std::ptrdiff_t>(column * inputs),
                            x.begin() + static_cast<std::ptrdiff_t>((column + 1) * inputs));
        u.insert(u.end(), h.begin(), h.end());
        if (bias) u.push_back(1.0L);
        const std::vector<Real> z = affine(B, u, std::vector<Real>(A.rows, 0.0L));
        X = solve_equilibrium(A, z, activation, std::move(X)).x;
        h = affine(D, u, std::vector<Real>(hidden, 0.0L));
        h = affine(C, X, h);
        for (std::size_t i = 0; i < hidden; ++i)
          result.outputs[column * hidden + i] = result.last[b * hidden + i] = h[i];
      }
    }
    return result;
  }

 private:
  template <class T>
  static Dense<Real> product_of_factors(Context& context, const ImplicitModel<T>& cell) {
    const std::vector<T> L = download(context, cell.L());
    const std::vector<T> R = download(context, cell.R());
    const auto n = static_cast<std::size_t>(cell.shape().states);
    const std::size_t rank = L.size() / n;
    return multiply(Dense<Real>(n, rank, L), transpose(Dense<Real>(n, rank, R)));
  }
};

}  // namespace idl::test
