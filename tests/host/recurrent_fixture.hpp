// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "idl/recurrent.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {

/// Which A, B, C and D a cell has.
enum class CellKind { dense, compressed_rows, low_rank, strictly_upper };

/// Small recurrent models and their sequences: 3 of 5 steps at most.
template <class C>
class RecurrentFixture : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  static constexpr index_t k_sequences = 3;
  static constexpr index_t k_steps = 5;
  static constexpr RecurrentShape k_sizes = {.inputs = 2, .states = 6, .hidden = 4};

  /// Its entries are of the size of 1, so that steps matter to those after them.
  ImplicitRnn<Element> model_of(CellKind kind, ModelOptions options = smooth(),
                                RecurrentShape shape = k_sizes) {
    if (kind == CellKind::low_rank) options.rank = 2;
    if (kind == CellKind::strictly_upper)
      options.well_posedness = WellPosedness::strictly_upper_triangular();
    ImplicitRnn<Element> model(this->context(), shape, options, 7);
    std::vector<Element> M = download(this->context(), model.cell().M());
    for (Element& entry : M) entry = static_cast<Element>(random_.uniform(-0.4, 0.4));
    upload<Element>(this->context(), M, model.cell().M());
    model.project(this->context());
    if (kind != CellKind::compressed_rows) return model;
    ImplicitModel<Element> sparse(this->context(),
                                  {.A = csr(model.cell().A()),
                                   .B = csr(model.cell().B()),
                                   .C = csr(model.cell().C()),
                                   .D = csr(model.cell().D())},
                                  options);
    return ImplicitRnn<Element>(this->context(), std::move(sparse), shape.inputs);
  }
  static ModelOptions smooth() {
    return {.activation = {ActivationKind::tanh},
            .well_posedness = WellPosedness::inf_norm_ball(0.7),
            .bias = true};
  }
  /// Until rounding, where T is double.
  static SolverOptions tight() {
    SolverOptions options;
    const double least = std::is_same_v<Element, double> ? 1e-14 : 1e-7;
    options.forward = {.max_iterations = 2000, .absolute = least, .relative = least};
    options.adjoint = options.forward;
    return options;
  }

  struct Data {
    std::vector<double> x, h0, d_outputs, d_last;
    std::vector<std::int32_t> lengths = {5, 2, 4};
  };
  Data data_of(const RecurrentShape& shape = k_sizes, index_t sequences = k_sequences) {
    const auto numbers = [&](index_t rows, index_t cols) {
      std::vector<double> values = random_.uniforms(rows * cols, -1.0, 1.0);
      for (double& value : values) value = static_cast<double>(static_cast<Element>(value));
      return values;
    };
    Data data = {.x = numbers(shape.inputs, sequences * k_steps),
                 .h0 = numbers(shape.hidden, sequences),
                 .d_outputs = numbers(shape.hidden, sequences * k_steps),
                 .d_last = numbers(shape.hidden, sequences)};
    for (index_t b = k_sequences; b < sequences; ++b)
      data.lengths.push_back(static_cast<std::int32_t>(1 + b % k_steps));
    return data;
  }
  void fill(RecurrentPass<Element>& pass, const Data& data) {
    this->put(pass.x(), data.x);
    this->put(pass.h0(), data.h0);
    pass.set_lengths(data.lengths);
  }
  void fill_gradients(RecurrentPass<Element>& pass, const Data& data) {
    this->put(pass.d_outputs(), data.d_outputs);
    this->put(pass.d_last(), data.d_last);
  }

  struct Gradients {
    std::vector<double> dM, dx, dh0;
  };
  RecurrentPassOptions exact() { return {.solver = this->tight(), .input_gradient = true}; }
  Gradients gradients_of(RecurrentPass<Element>& pass, const Data& data) {
    this->fill(pass, data);
    this->fill_gradients(pass, data);
    EXPECT_TRUE(ended(pass.forward().solves));
    EXPECT_TRUE(ended(pass.backward()));
    return {this->fetch_double(pass.dM()), this->fetch_double(pass.dx()),
            this->fetch_double(pass.dh0())};
  }
  /// Solves to the last bits stagnate as often as they converge.
  testing::AssertionResult ended(const SolveReport& report) {
    this->take_warnings();
    if (report.count(SolveStatus::converged) + report.count(SolveStatus::stagnated) ==
        report.status.size())
      return testing::AssertionSuccess();
    return testing::AssertionFailure() << "a solve did not end";
  }
  static void expect_near(const std::vector<double>& given, const std::vector<double>& expected,
                          double relative, const char* what) {
    double scale = 0.0;
    for (const double value : expected) scale = std::max(scale, std::abs(value));
    ASSERT_GT(scale, 0.0) << what << " says nothing";
    EXPECT_LE(max_difference(given, expected), relative * scale) << what;
  }
  void expect_same(const Gradients& given, const Gradients& expected, double relative) {
    expect_near(given.dM, expected.dM, relative, "dM");
    expect_near(given.dx, expected.dx, relative, "dx");
    expect_near(given.dh0, expected.dh0, relative, "dh0");
  }
  /// Solves are within some ulps of the fixed point, times 1/(1−κ) < 4.
  static double close() {
    return 1e4 * static_cast<double>(std::numeric_limits<Element>::epsilon());
  }

  RandomValues random_{23};

 private:
  ModelMatrix<Element> csr(ConstMatrixView<Element> matrix) {
    std::vector<Element> values = download(this->context(), matrix);
    for (std::size_t k = 0; k < values.size(); k += 3) values[k] = Element(0);
    return CsrMatrix<Element>::from_dense(
        this->context(),
        Matrix<Element>::from_host(this->context(), matrix.rows, matrix.cols, values).view());
  }
};

inline constexpr CellKind k_cell_kinds[] = {CellKind::dense, CellKind::compressed_rows,
                                            CellKind::low_rank, CellKind::strictly_upper};

}  // namespace idl::test
