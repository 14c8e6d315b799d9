// SPDX-License-Identifier: MIT
#include "kernels/base/thread_team.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

namespace {
thread_local int in_users_region = 0;
}
// In the place of an OpenMP runtime's.
extern "C" int omp_in_parallel(void);
extern "C" int omp_in_parallel(void) { return in_users_region; }

namespace idl::test {
namespace {

using Number = ThreadShare::Number;

using std::chrono::milliseconds;

/// Whether `done` within two seconds.
template <class Done>
bool comes(const Done& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(ThreadTeam, AllThreadsThatAreAllowedWorkAtTheSameTime) {
  const ThreadShare share(4);
  std::mutex mutex;
  std::set<int> participants;
  std::set<std::thread::id> threads;
  // Each waits for the others, as no body may that cannot do without them.
  std::atomic<bool> met = false;
  for (int attempt = 0; attempt < 5 && !met; ++attempt) {
    participants.clear();
    threads.clear();
    std::atomic<int> there = 0;
    run_together(4, [&](int participant) {
      {
        const std::lock_guard lock(mutex);
        participants.insert(participant);
        threads.insert(std::this_thread::get_id());
      }
      ++there;
      if (comes([&] { return there == 4; }) && participant == 0) met = true;
    });
  }
  EXPECT_TRUE(met);
  EXPECT_EQ(participants, (std::set<int>{0, 1, 2, 3}));
  EXPECT_EQ(threads.size(), 4U);
}

TEST(ThreadTeam, TheCallerIsParticipant0AndDoesNotWaitForWhoHasNotBegun) {
  const ThreadShare share(3);
  const auto caller = std::this_thread::get_id();
  for (int round = 0; round < 1000; ++round) {
    bool here = false;
    std::atomic<int> begun = 0;
    std::atomic<int> ended = 0;
    run_together(3, [&](int participant) {
      ++begun;
      if (participant == 0) here = std::this_thread::get_id() == caller;
      ++ended;
    });
    ASSERT_TRUE(here);
    const int count = begun;
    ASSERT_EQ(ended, count) << "all that have begun have ended";
    ASSERT_LE(count, 3);
  }
}

TEST(ThreadTeam, WakesWorkersThatSleepAndWaitsForLongOnes) {
  const ThreadShare share(2);
  int together = 0;
  for (int round = 0; round < 20; ++round) {
    std::this_thread::sleep_for(milliseconds(1));
    std::atomic<bool> begun = false;
    std::atomic<bool> ended = false;
    run_together(2, [&](int participant) {
      if (participant == 0) {
        comes([&] { return begun.load(); });
      } else {
        begun = true;
        std::this_thread::sleep_for(milliseconds(4));
        ended = true;
      }
    });
    ASSERT_EQ(begun.load(), ended.load());
    if (begun) ++together;
  }
  EXPECT_GT(together, 0);
}

TEST(ThreadTeam, AnExceptionOfAnyParticipantReachesTheCaller) {
  const ThreadShare share(2);
  EXPECT_THROW(run_together(2,
                            [](int participant) {
                              if (participant == 0) throw std::runtime_error("of the caller");
                            }),
               std::runtime_error);
  bool thrown = false;
  for (int attempt = 0; attempt < 5 && !thrown; ++attempt) {
    std::atomic<bool> begun = false;
    try {
      run_together(2, [&](int participant) {
        if (participant == 0) {
          comes([&] { return begun.load(); });
          return;
        }
        begun = true;
        throw std::runtime_error("of a worker");
      });
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_EQ(thrown, begun.load());
  }
  EXPECT_TRUE(thrown);
  EXPECT_EQ(allowed_threads(), 2) << "as before";
}

TEST(ThreadTeam, ThereIsNoSecondRegionInARegionNorOneWithoutAShare) {
  EXPECT_EQ(allowed_threads(), 1);
  const ThreadShare share(4);
  EXPECT_EQ(allowed_threads(), 4);
  const ThreadShare inner(2);
  EXPECT_EQ(allowed_threads(), 4) << "the outermost share counts";
  std::atomic<int> most = 0;
  run_together(4, [&](int) {
    const ThreadShare within(3);
    most = std::max(most.load(), allowed_threads());
  });
  EXPECT_EQ(most, 1);
  EXPECT_EQ(allowed_threads(), 4);
}

TEST(ThreadTeam, TheParallelRegionOfAnotherRuntimeIsRespected) {
  in_users_region = 1;
  {
    const ThreadShare share(4);
    EXPECT_EQ(allowed_threads(), 1);
  }
  in_users_region = 0;
  const ThreadShare share(4);
  EXPECT_EQ(allowed_threads(), 4);
}

/// What another thread gets now.
int share_of_another(int most, Number number) {
  int allowed = 0;
  std::thread([&] {
    const ThreadShare share(most, number);
    allowed = allowed_threads();
  }).join();
  return allowed;
}

TEST(ThreadTeam, CallersAtTheSameTimeShareAnAutomaticNumber) {
  EXPECT_EQ(share_of_another(8, Number::automatic), 8);
  {
    const ThreadShare share(2);
    EXPECT_EQ(share_of_another(8, Number::automatic), 8) << "one that has no loops takes nothing";
    EXPECT_EQ(allowed_threads(), 2);
    EXPECT_EQ(share_of_another(8, Number::automatic), 6) << "what is left";
    EXPECT_EQ(share_of_another(8, Number::given), 8) << "as it was told";
  }
  {
    const ThreadShare share(8, Number::automatic);
    EXPECT_EQ(allowed_threads(), 8);
    EXPECT_EQ(share_of_another(8, Number::automatic), 4) << "its part, where all are taken";
    EXPECT_EQ(share_of_another(1, Number::automatic), 1);
  }
  EXPECT_EQ(share_of_another(8, Number::automatic), 8) << "what was taken is given back";
}

}  // namespace
}  // namespace idl::test
