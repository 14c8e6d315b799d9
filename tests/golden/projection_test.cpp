// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "host/backend_of.hpp"
#include "kernels/backend.hpp"
#include "tests/golden/golden_file.hpp"
#include "tests/host/device_test.hpp"

namespace idl::test {
namespace {

template <class C>
class GoldenProjection : public DeviceTest<C> {};
TYPED_TEST_SUITE(GoldenProjection, AllCases, CaseNames);

TYPED_TEST(GoldenProjection, AgreesWithBisectionInFloat64) {
  using T = typename TypeParam::Scalar;
  const io::Safetensors file = read_golden("projection");
  const double kappa = number(file, "kappa");
  for (const char* k : {"0", "1", "2", "3", "4"}) {
    const io::Array& source = file.at(std::string("M") + k);
    Matrix<T> M = this->matrix(source.shape[0], source.shape[1], transposed(source));
    backend_of(this->context())->run(ProjectRowsL1<T>{.A = M, .radius = static_cast<T>(kappa)});
    double largest = 0.0;
    for (const double value : source.template as<double>())
      largest = std::max(largest, std::abs(value));
    // Both find the threshold from sums of n terms, rounded in double, and the bisection ends at
    // an interval of a few 1e-15. In float M itself is rounded once, which moves the threshold by
    // no more than that, and the result once more.
    const double n = static_cast<double>(source.shape[1]);
    const double u = static_cast<double>(std::numeric_limits<T>::epsilon()) / 2.0;
    const double tolerance = (n + 4.0) * 0x1p-53 * largest + 4e-15 +
                             (std::is_same_v<T, float> ? u * (2.0 * largest + 2.0 * kappa) : 0.0);
    EXPECT_LE(max_difference(this->fetch_double(M), transposed(file.at(std::string("P") + k))),
              tolerance)
        << "M" << k;
  }
}

}  // namespace
}  // namespace idl::test
