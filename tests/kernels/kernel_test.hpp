// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"
#include "tests/host/device_test.hpp"
#include "tests/host/random_values.hpp"

namespace idl::test {

inline constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();

/// Sizes that are no multiple of anything, and the empty one.
inline constexpr index_t k_awkward_sizes[] = {0, 1, 31, 33, 100, 257, 1000};

/// Runs single primitives. Matrices are made as views into larger ones, at an odd offset and with
/// ld > rows, and what lies around them must not change.
template <class C>
class KernelTest : public DeviceTest<C> {
 public:
  using Element = typename C::Scalar;

 protected:
  template <class P>
  void run(const P& primitive) {
    backend_of(this->context())->run(primitive);
  }
  template <class P>
  std::string refusal_of(const P& primitive) {
    return text_of<InvalidArgument>([&] { run(primitive); });
  }

  /// A view of a larger matrix that holds `values`; the rest of it is 77.
  MatrixView<Element> view(index_t rows, index_t cols, const std::vector<double>& values) {
    frames_.push_back(Matrix<Element>(this->context(), rows + 4, cols + 2));
    Matrix<Element>& frame = frames_.back();
    this->put(frame, std::vector<double>(static_cast<std::size_t>((rows + 4) * (cols + 2)), 77.0));
    const MatrixView<Element> inner = frame.view().block(3, 1, rows, cols);
    this->put(inner, values);
    return inner;
  }
  MatrixView<Element> view(index_t rows, index_t cols, double value = 0.0) {
    return view(rows, cols, std::vector<double>(static_cast<std::size_t>(rows * cols), value));
  }
  /// Whether what surrounds all views made so far is still 77.
  testing::AssertionResult frames_untouched() {
    for (const Matrix<Element>& frame : frames_) {
      const std::vector<double> values = this->fetch_double(frame);
      const auto rows = static_cast<std::size_t>(frame.rows());
      const auto cols = static_cast<std::size_t>(frame.cols());
      for (std::size_t j = 0; j < cols; ++j)
        for (std::size_t i = 0; i < rows; ++i) {
          const bool inside = i >= 3 && i + 1 < rows && j >= 1 && j + 1 < cols;
          if (!inside && values[i + j * rows] != 77.0)
            return testing::AssertionFailure() << "written outside, at " << i << ", " << j;
        }
    }
    return testing::AssertionSuccess();
  }

  /// Lets go of all views and vectors made so far, of which nobody asks anything more: in a test of
  /// many cases frames_untouched() would look at those of all cases before again and again.
  void forget_views() {
    frames_.clear();
    owned_.clear();
  }

  template <class E>
  VectorView<E> vector(const std::vector<E>& values) {
    auto owned = std::make_shared<Vector<E>>(this->context(), static_cast<index_t>(values.size()));
    upload<E>(this->context(), values, owned->view());
    owned_.push_back(owned);
    return owned->view();
  }
  VectorView<Element> reals(const std::vector<double>& values) {
    return vector(std::vector<Element>(values.begin(), values.end()));
  }
  VectorView<Element> reals(index_t size, double value = 0.0) {
    return reals(std::vector<double>(static_cast<std::size_t>(size), value));
  }
  template <class E>
  std::vector<E> fetch_vector(VectorView<E> view) {
    return download<E>(this->context(), VectorView<const E>(view));
  }
  std::vector<double> fetch_reals(VectorView<Element> view) {
    const std::vector<Element> values = fetch_vector(view);
    return {values.begin(), values.end()};
  }
  /// All `running`, but those in `stopped`, which have converged.
  VectorView<std::uint8_t> statuses(index_t columns, const std::vector<std::size_t>& stopped = {}) {
    std::vector<std::uint8_t> values(static_cast<std::size_t>(columns), 0);
    for (const std::size_t j : stopped) values[j] = 1;
    return vector(values);
  }
  /// Values that Element holds exactly: what an oracle and the device both see.
  std::vector<double> rounded(std::vector<double> values) {
    for (double& value : values) value = static_cast<double>(static_cast<Element>(value));
    return values;
  }
  static double unit() { return static_cast<double>(std::numeric_limits<Element>::epsilon()); }

  RandomValues random_{11};

 private:
  std::vector<Matrix<Element>> frames_;
  std::vector<std::shared_ptr<void>> owned_;
};

}  // namespace idl::test
