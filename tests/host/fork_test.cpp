// SPDX-License-Identifier: MIT
// What servers do that load a model and then fork: the child has none of the parent's threads.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include "idl/idl.hpp"
#include "tests/host/device_test.hpp"

namespace idl::test {
namespace {

/// The exit status of a child that ends with what `body` returns; -1 where it does not end.
template <class Body>
int status_of_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (int status = 0; std::chrono::steady_clock::now() < end;) {
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return -1;
}

TEST(Fork, AChildOfAProcessThatHasPredictedPredictsTheSame) {
  constexpr index_t k_samples = 200;
  const auto predict = [&](Context& context, const ImplicitModel<float>& model) {
    const auto U = Matrix<float>::from_host(context, 50, k_samples,
                                            std::vector<float>(std::size_t{50} * k_samples, 0.5F));
    return download<float>(context, model.predict(context, U).Y.view());
  };
  Context context({.device = Device::cpu(), .threads = 4});
  const ImplicitModel<float> model(context, {.states = 300, .inputs = 50, .outputs = 10}, {}, 1);
  const std::vector<float> expected = predict(context, model);
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(status_of_child([&] {
                if (!same_bits(predict(context, model), expected)) return 1;
                Context own({.device = Device::cpu(), .threads = 3});
                if (!same_bits(predict(own, model), expected)) return 2;
                // And a child of the child.
                return status_of_child(
                    [&] { return same_bits(predict(context, model), expected) ? 0 : 3; });
              }),
              0);
    EXPECT_TRUE(same_bits(predict(context, model), expected)) << "the parent goes on";
  }
}

}  // namespace
}  // namespace idl::test
