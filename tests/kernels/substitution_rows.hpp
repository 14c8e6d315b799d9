// SPDX-License-Identifier: MIT
#pragma once

#include "kernels/loop_updates.hpp"
#include "tests/kernels/solve_test.hpp"

namespace idl::test {

/// Updates whose rows see those before them, of one primitive or another.
template <class C>
class SubstitutionRowsTest : public SolveTest<C> {
 protected:
  using Element = typename C::Scalar;

  struct Operands {
    index_t n, m;
    std::vector<double> A, S, forcing, Psi;
  };
  struct Result {
    std::vector<double> X, steps, norms;
  };

  Operands random_operands(index_t n, index_t m) {
    const auto numbers = [&](index_t count) {
      return this->rounded(this->random_.uniforms(count, -1, 1));
    };
    return {n, m, numbers(n * n), numbers(n * m), numbers(n * m), numbers(n * m)};
  }

  std::variant<PicardUpdate<Element>, AdjointUpdate<Element>> update_of(
      const Operands& o, bool adjoint, const std::vector<std::size_t>& stopped, bool join) {
    const auto view = [&](const std::vector<double>& values) {
      return this->view(o.n, o.m, values);
    };
    const auto X = this->view(o.n, o.m, k_before);
    const auto steps = this->reals(o.m, k_before);
    const auto norms = this->reals(o.m, k_before);
    const auto status = this->statuses(o.m, stopped);
    if (adjoint)
      return AdjointUpdate<Element>{.W = view(o.S),
                                    .G = view(o.forcing),
                                    .Psi = view(o.Psi),
                                    .V = X,
                                    .step_norms = steps,
                                    .state_norms = norms,
                                    .status = status,
                                    .join = join};
    return PicardUpdate<Element>{.S = view(o.S),
                                 .Z = view(o.forcing),
                                 .X = X,
                                 .activation = k_softplus,
                                 .step_norms = steps,
                                 .state_norms = norms,
                                 .status = status,
                                 .join = join};
  }

  template <class Primitive>
  Result result_of(const Primitive& primitive) {
    this->run(primitive);
    EXPECT_TRUE(this->frames_untouched());
    return std::visit(
        [&](auto update) -> Result {
          return {this->fetch_double(state_of(update)), this->fetch_reals(update.step_norms),
                  this->fetch_reals(update.state_norms)};
        },
        primitive.update);
  }

  static constexpr double k_before = 5.0;
  static constexpr Activation k_softplus{.kind = ActivationKind::softplus};  // φ(0) is not 0
};

}  // namespace idl::test
