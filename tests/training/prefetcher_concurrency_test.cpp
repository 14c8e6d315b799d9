// SPDX-License-Identifier: MIT
// The prefetcher's thread against the thread that trains: stopped, destroyed and failing at any
// moment.
#include <gtest/gtest.h>

#include <numeric>
#include <thread>
#include <vector>

#include "host/train/prefetcher.hpp"
#include "idl/error.hpp"
#include "tests/training/synthetic_data.hpp"

namespace idl::test {
namespace {

constexpr int k_rounds = 50;

class PrefetcherConcurrency : public testing::Test {
 protected:
  static std::vector<std::int32_t> order() {
    std::vector<std::int32_t> samples(600);
    std::iota(samples.begin(), samples.end(), 0);
    return samples;
  }
  /// An order whose batch `batch` (of 10) cannot be gathered.
  static std::vector<std::int32_t> broken_order(int batch) {
    std::vector<std::int32_t> samples = order();
    samples[static_cast<std::size_t>(batch) * 10 + 3] = 1000000;
    return samples;
  }
  void expect_first_batch(Prefetcher<float>& prefetcher) {
    const HostBatch<float>& batch = prefetcher.next();
    ASSERT_EQ(batch.samples, 10);
    for (index_t j = 0; j < 10; ++j) {
      std::vector<float> expected(8);
      data_.copy_sample<float>(j, expected);
      for (index_t i = 0; i < 8; ++i)
        ASSERT_EQ(batch.U[j * 8 + i], expected[static_cast<std::size_t>(i)]);
    }
  }

  Context context_{Device::cpu()};
  Dataset data_ = make_dataset(600, 8, 3, 1);
};

TEST_F(PrefetcherConcurrency, EndsWhenItIsDestroyedAtAnyMoment) {
  for (int round = 0; round < k_rounds; ++round) {
    Prefetcher<float> prefetcher(context_, data_, 10, round % 2 == 0);
    if (round % 5 == 0) continue;  // never started
    prefetcher.start(order(), 0);
    for (int taken = 0; taken < round % 5 - 1; ++taken) {
      static_cast<void>(prefetcher.next());
      if (round % 3 == 0) prefetcher.release();
    }
  }
}

TEST_F(PrefetcherConcurrency, StopsAtAnyMomentAndBeginsAnew) {
  Prefetcher<float> prefetcher(context_, data_, 10, false);
  for (int round = 0; round < k_rounds; ++round) {
    prefetcher.start(order(), 0);
    if (round % 2 == 0) expect_first_batch(prefetcher);
    if (round % 3 == 0) std::this_thread::yield();
    prefetcher.stop();
    if (round % 4 == 0) prefetcher.stop();
  }
  prefetcher.start(order(), 0);
  expect_first_batch(prefetcher);
}

TEST_F(PrefetcherConcurrency, ForgetsAnErrorThatNobodyAskedFor) {
  for (int round = 0; round < k_rounds; ++round) {
    Prefetcher<float> prefetcher(context_, data_, 10, false);
    prefetcher.start(broken_order(round % 4), 0);
    if (round % 2 == 0) continue;  // destroyed with or before the error
    prefetcher.start(order(), 0);
    expect_first_batch(prefetcher);
  }
}

TEST_F(PrefetcherConcurrency, GivesTheBatchesBeforeAnErrorAndThenTheErrorAgainAndAgain) {
  for (int bad = 0; bad < 12; ++bad) {
    Prefetcher<float> prefetcher(context_, data_, 10, false);
    prefetcher.start(broken_order(bad), 0);
    for (int batch = 0; batch < bad; ++batch) {
      ASSERT_EQ(prefetcher.next().labels[0], data_.labels()[static_cast<std::size_t>(batch) * 10]);
      prefetcher.release();
    }
    EXPECT_THROW(static_cast<void>(prefetcher.next()), InvalidArgument);
    EXPECT_THROW(static_cast<void>(prefetcher.next()), InvalidArgument);
    prefetcher.start(order(), 0);
    expect_first_batch(prefetcher);
  }
}

TEST_F(PrefetcherConcurrency, SharesADataSetWithOthers) {
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; ++k)
    threads.emplace_back([this] {
      Context context(Device::cpu());
      Prefetcher<float> prefetcher(context, data_, 10, true);
      prefetcher.start(order(), 0);
      for (std::size_t batch = 0; batch < 60; ++batch) {
        EXPECT_EQ(prefetcher.next().labels[0], data_.labels()[batch * 10]);
        prefetcher.release();
      }
    });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace idl::test
