// SPDX-License-Identifier: MIT
#include "host/train/prefetcher.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "idl/error.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

std::vector<std::int32_t> identity_order(index_t size) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

TEST(Prefetcher, DeliversEverySampleOnceInTheOrderAskedFor) {
  Context context(Device::cpu());
  const Dataset data = make_dataset(103, 5, 3, 1);
  Prefetcher<float> prefetcher(context, data, 10, true);
  std::vector<std::int32_t> order = identity_order(103);
  std::reverse(order.begin(), order.end());
  prefetcher.start(order, 0);
  std::size_t k = 0;
  for (int batch_index = 0; batch_index < 11; ++batch_index) {
    const HostBatch<float>& batch = prefetcher.next();
    EXPECT_EQ(batch.samples, batch_index < 10 ? 10 : 3);
    for (index_t j = 0; j < batch.samples; ++j, ++k) {
      std::vector<float> expected(5);
      data.copy_sample<float>(order[k], expected);
      for (std::size_t i = 0; i < 5; ++i)
        EXPECT_EQ(batch.U[static_cast<std::size_t>(j) * 5 + i], expected[i]);
      const std::int32_t label = data.labels()[static_cast<std::size_t>(order[k])];
      EXPECT_EQ(batch.labels[j], label);
      for (std::int32_t i = 0; i < 3; ++i)
        EXPECT_EQ(batch.target[j * 3 + i], i == label ? 1.0F : 0.0F);
    }
    prefetcher.release();
  }
  EXPECT_EQ(k, 103U);
}

TEST(Prefetcher, BeginsWithTheBatchAskedFor) {
  Context context(Device::cpu());
  const Dataset data = make_dataset(40, 2, 2, 1);
  Prefetcher<double> prefetcher(context, data, 10, false);
  prefetcher.start(identity_order(40), 3);
  const HostBatch<double>& batch = prefetcher.next();
  std::vector<double> expected(2);
  data.copy_sample<double>(30, expected);
  EXPECT_EQ(batch.U[0], expected[0]);
  EXPECT_EQ(batch.target, nullptr);
}

TEST(Prefetcher, StopsAndStartsAnewWhileBatchesAreUnderWay) {
  Context context(Device::cpu());
  const Dataset data = make_dataset(1000, 20, 4, 1);
  Prefetcher<float> prefetcher(context, data, 10, false);
  for (int round = 0; round < 50; ++round) {
    prefetcher.start(identity_order(1000), round);
    for (int taken = 0; taken < round % 5; ++taken) prefetcher.next();
  }
  prefetcher.start(identity_order(1000), 0);
  EXPECT_EQ(prefetcher.next().labels[0], data.labels()[0]);
}

TEST(Prefetcher, KeepsTakenBatchesUntouchedUntilTheyAreReleased) {
  Context context(Device::cpu());
  const Dataset data = make_dataset(200, 3, 2, 1);
  Prefetcher<float> prefetcher(context, data, 10, false);
  prefetcher.start(identity_order(200), 0);
  const HostBatch<float>& first = prefetcher.next();
  const HostBatch<float>& second = prefetcher.next();
  for (int k = 0; k < 15; ++k) {
    // With two batches held there is room for two more.
    std::vector<float> expected(3);
    data.copy_sample<float>(0, expected);
    ASSERT_EQ(first.U[0], expected[0]);
    data.copy_sample<float>(10, expected);
    ASSERT_EQ(second.U[0], expected[0]);
  }
}

TEST(Prefetcher, ErrorsOfItsThreadComeOutOfNext) {
  Context context(Device::cpu());
  const Dataset data = make_dataset(20, 3, 2, 1);
  Prefetcher<float> prefetcher(context, data, 10, false);
  std::vector<std::int32_t> order = identity_order(20);
  order[15] = 1000;
  prefetcher.start(order, 0);
  EXPECT_NO_THROW(prefetcher.next());
  EXPECT_THROW(prefetcher.next(), InvalidArgument);
}

}  // namespace
}  // namespace idl::test
