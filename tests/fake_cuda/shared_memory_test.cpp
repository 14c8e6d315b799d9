// SPDX-License-Identifier: MIT
// Dynamic shared memory above the usual, of which a kernel has one limit for all threads.
#include <gtest/gtest.h>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

/// Its kernel keeps 32 samples of all n states in shared memory.
void update_samples_of(Context& context, index_t n) {
  constexpr index_t k_samples = 4;
  const Matrix<float> Z(context, k_samples, n);
  Matrix<float> X(context, k_samples, n);
  const Matrix<float> from(context, k_samples, n);
  Vector<float> steps(context, k_samples);
  Vector<float> norms(context, k_samples);
  const Vector<std::uint8_t> status(context, k_samples);
  const Vector<std::int64_t> offsets(context, n + 1);
  const Vector<std::int32_t> columns(context, 1);
  const Vector<float> values(context, 1);
  const PicardUpdate<float> update = {.S = {},
                                      .Z = Z,
                                      .X = X,
                                      .activation = {},
                                      .step_norms = steps,
                                      .state_norms = norms,
                                      .status = status};
  const ConstCsrView<float> A = {offsets.data(),  columns.data(), values.data(), n, n, 1,
                                 context.device()};
  backend_of(context)->run(SampleUpdate<float>{.update = update, .from = from, .A = A});
}

TEST(SharedMemory, ALaunchTakesNoneFromOthersThatNeedMore) {
  fake::reset();
  Context context(Device::cuda(0));
  // 64, 128 and 96 KB: the fake refuses a launch beyond the limit, and a limit that falls.
  for (const index_t n : {512, 1024, 768, 1024}) EXPECT_NO_THROW(update_samples_of(context, n));
}

}  // namespace
}  // namespace idl::test
