// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "idl/context.hpp"

namespace idl::test {
namespace {

TEST(Context, DescribesItsDeviceWithItsOwnThreads) {
  const Context context({.device = Device::cpu(), .threads = 3});
  EXPECT_EQ(context.describe().rfind("CPU (3 threads", 0), 0U) << context.describe();
}

}  // namespace
}  // namespace idl::test
