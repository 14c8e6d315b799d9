// SPDX-License-Identifier: MIT
// What the backend tells about its device for the records of benches.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"
#include "tests/fake_cuda/fake_cuda.hpp"

namespace idl::test {
namespace {

std::map<std::string, std::string> facts_of(Context& context) {
  const Facts facts = backend_of(context)->facts();
  return {facts.begin(), facts.end()};
}

TEST(Facts, AreVersionsAbilitiesAndPlans) {
  fake::reset();
  fake::set_driver(12050);
  {
    Context context(Device::cuda(0));
    const Matrix<float> A(context, 3, 4);
    const Matrix<float> B(context, 4, 2);
    Matrix<float> C(context, 3, 2);
    const std::map<std::string, std::string> before = {
        {"driver", "12050"},
        {"runtime", "13000"},
        {"cublaslt", "130100"},
        {"multiprocessors", "108"},
        {"clusters_of_2", "0"},
        {"clusters_of_4", "0"},
        {"clusters_of_8", "0"},
        {"clusters_of_16", "0"},
        // Kernels of the fake do nothing, the probe's counter among them.
        {"conditional_nodes", "do not work"}};
    EXPECT_EQ(facts_of(context), before);
    backend_of(context)->run(Gemm<float>{.A = A, .B = B, .C = C});
    auto behind = before;
    behind["plan 3x2x4 f32"] = "algorithm 21, tile 22, stages 23, split 24";
    EXPECT_EQ(facts_of(context), behind);
  }
  fake::reset();
}

TEST(Facts, OfTheCpuAreNone) {
  Context context(Device::cpu());
  EXPECT_TRUE(backend_of(context)->facts().empty());
}

}  // namespace
}  // namespace idl::test
