// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "idl/idl.hpp"

/// Typed fixtures that run a test once per device and precision.
namespace idl::test {

template <DeviceKind kind, class T>
struct Case {
  using Scalar = T;
  static constexpr DeviceKind k_device = kind;
};

using CpuFloat = Case<DeviceKind::cpu, float>;
using CpuDouble = Case<DeviceKind::cpu, double>;
using CudaFloat = Case<DeviceKind::cuda, float>;
using CudaDouble = Case<DeviceKind::cuda, double>;

using CpuCases = testing::Types<CpuFloat, CpuDouble>;
// What a sanitized build does not run, it does not compile either (tests/CMakeLists.txt).
#if !defined(IDL_TEST_CUDA_CASES)
using CudaCases = testing::Types<CudaFloat, CudaDouble>;
using AllCases = testing::Types<CpuFloat, CpuDouble, CudaFloat, CudaDouble>;
using DoubleCases = testing::Types<CpuDouble, CudaDouble>;
using FloatCases = testing::Types<CpuFloat, CudaFloat>;
#elif IDL_TEST_CUDA_CASES == 1
using CudaCases = testing::Types<CudaFloat>;
using AllCases = testing::Types<CpuFloat, CpuDouble, CudaFloat>;
using DoubleCases = testing::Types<CpuDouble>;
using FloatCases = testing::Types<CpuFloat, CudaFloat>;
#else
using CudaCases = testing::Types<CudaFloat>;
using AllCases = CpuCases;
using DoubleCases = testing::Types<CpuDouble>;
using FloatCases = testing::Types<CpuFloat>;
#endif

struct CaseNames {
  template <class C>
  static std::string GetName(int) {
    const std::string device = C::k_device == DeviceKind::cpu ? "cpu" : "cuda";
    return device + (std::is_same_v<typename C::Scalar, float> ? "_f32" : "_f64");
  }
};

/// A Context on the device of the case. Warnings that a test did not take fail it; cases for a GPU
/// are skipped where there is none.
template <class C>
class DeviceTest : public testing::Test {
 public:
  using Scalar = typename C::Scalar;

 protected:
  void SetUp() override {
    if (C::k_device == DeviceKind::cuda && cuda_devices().count == 0)
      GTEST_SKIP() << "no GPU: " << cuda_devices().reason;
    context_.emplace(options());
  }
  void TearDown() override {
    for (const std::string& text : warnings_) ADD_FAILURE() << "unexpected warning: " << text;
  }

  static Device device() { return {C::k_device, 0}; }
  Context& context() { return *context_; }
  /// For further contexts; their warnings arrive here too.
  ContextOptions options() {
    return {.device = device(),
            .stream = nullptr,
            .log =
                [this](Severity severity, std::string_view text) {
                  if (severity != Severity::info) warnings_.emplace_back(text);
                },
            .every_solve_warning = true};
  }
  /// The warnings so far, which are then forgotten.
  std::vector<std::string> take_warnings() { return std::exchange(warnings_, {}); }

  Matrix<Scalar> matrix(index_t rows, index_t cols, const std::vector<double>& values) {
    const std::vector<Scalar> rounded(values.begin(), values.end());
    return Matrix<Scalar>::from_host(context(), rows, cols, rounded);
  }
  void put(MatrixView<Scalar> target, const std::vector<double>& values) {
    const std::vector<Scalar> rounded(values.begin(), values.end());
    upload<Scalar>(context(), rounded, target);
  }
  std::vector<Scalar> fetch(ConstMatrixView<Scalar> source) {
    return download<Scalar>(context(), source);
  }
  std::vector<double> fetch_double(ConstMatrixView<Scalar> source) {
    const std::vector<Scalar> values = fetch(source);
    return {values.begin(), values.end()};
  }

 private:
  std::vector<std::string> warnings_;
  std::optional<Context> context_;
};

/// The text of the exception of type E that `action` throws; a failure if it throws none.
template <class E, class Action>
std::string text_of(Action&& action) {
  try {
    action();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return {};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

/// Whether `text` has all of `parts`; the answer says which is missing.
inline testing::AssertionResult holds(const std::string& text,
                                      std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts)
    if (text.find(part) == std::string::npos)
      return testing::AssertionFailure() << "'" << part << "' is not in: " << text;
  return testing::AssertionSuccess();
}

/// Equal bits, NaN included.
template <class T>
testing::AssertionResult same_bits(std::span<const T> a, std::span<const T> b) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  if (a.size() != b.size())
    return testing::AssertionFailure() << a.size() << " and " << b.size() << " elements";
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<Bits>(a[i]) != std::bit_cast<Bits>(b[i]))
      return testing::AssertionFailure() << "element " << i << ": " << a[i] << " and " << b[i];
  return testing::AssertionSuccess();
}
template <class T>
testing::AssertionResult same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return same_bits(std::span<const T>(a), std::span<const T>(b));
}

/// max_i |a_i − b_i|; +inf where the sizes differ or a difference is NaN.
inline double max_difference(const std::vector<double>& a, const std::vector<double>& b) {
  constexpr double k_infinity = std::numeric_limits<double>::infinity();
  if (a.size() != b.size()) return k_infinity;
  double worst = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(a[i] - b[i]);
    if (std::isnan(difference)) return k_infinity;
    worst = std::max(worst, difference);
  }
  return worst;
}

}  // namespace idl::test
