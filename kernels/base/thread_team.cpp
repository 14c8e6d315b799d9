// SPDX-License-Identifier: MIT
#include "kernels/base/thread_team.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <thread>
#include <utility>

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels/base/processors.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Of the OpenMP runtime that the program may have: the library itself uses none.
extern "C" {
__attribute__((weak)) int omp_in_parallel(void);
}

namespace idl {
namespace {

/// Longer than the serial parts between two loops of a training step, and shorter than what a
/// process that waits for the processor would notice.
constexpr std::chrono::microseconds k_spin{100};

struct ParallelRegion {
  RegionBody call;
  const void* context;
  std::atomic_flag failed{};
  std::exception_ptr error{};

  void run(int participant) {
    try {
      call(context, participant);
    } catch (...) {
      if (!failed.test_and_set()) error = std::current_exception();
    }
  }
};

/// What a worker does, in the low bits of its word; the others count the regions it has ended, so
/// that whoever waits for the end of one is not held up by the next.
enum State : std::uint32_t { idle, asleep, reserved, offered, running, awaited };
constexpr std::uint32_t k_region = 8;
State state_of(std::uint32_t word) { return static_cast<State>(word % k_region); }
std::uint32_t with(std::uint32_t word, State state) { return word / k_region * k_region + state; }
bool same_region(std::uint32_t a, std::uint32_t b) { return a / k_region == b / k_region; }

struct alignas(64) Worker {
  std::atomic<std::uint32_t> word;
  ParallelRegion* region;  ///< from `offered` to the end of it
  int participant;
};

// All of static lifetime and without destructors: workers never end, and other objects of static
// lifetime may still work with them.
constexpr int k_most_workers = k_most_threads - 1;
std::array<Worker, k_most_workers> workers;
std::atomic<int> worker_count = 0;
std::atomic<int> startable = k_most_workers;  // fewer after the system has refused a thread
std::atomic_flag starting;
std::atomic<int> callers = 0;         // threads with a share that was granted
std::atomic<int> granted_in_all = 0;  // to them

struct Share {
  int most = 0;
  ThreadShare::Number number{};
  int granted = 0;  ///< 0 until somebody asks
};
thread_local Share share;

// std::atomic's wait and notify would give the processor away before they sleep: on a busy machine
// for a time slice, where a thread that sleeps gets it back at once when it is woken.
void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value) {
#ifdef __linux__
  static_assert(sizeof word == sizeof value && std::atomic<std::uint32_t>::is_always_lock_free);
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  word.wait(value);
#endif
}

void wake(std::atomic<std::uint32_t>& word) {
#ifdef __linux__
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
#else
  word.notify_all();
#endif
}

/// Whether `done` within k_spin.
template <class Done>
bool comes_soon(const Done& done) {
  constexpr int k_pauses = 32;  // between two looks at the clock
  const auto begin = std::chrono::steady_clock::now();
  do {
    for (int k = 0; k < k_pauses; ++k) {
      if (done()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() - begin < k_spin);
  return done();
}

void wait_for_offer(Worker& worker) {
  std::atomic<std::uint32_t>& word = worker.word;
  const auto is_offered = [&] { return state_of(word.load(std::memory_order_relaxed)) == offered; };
  while (!comes_soon(is_offered)) {
    std::uint32_t seen = word.load(std::memory_order_relaxed);
    if (state_of(seen) == idle && word.compare_exchange_strong(seen, with(seen, asleep))) {
      while (word.load(std::memory_order_relaxed) == with(seen, asleep))
        sleep_while(word, with(seen, asleep));
    } else {
      std::this_thread::yield();  // whoever is about to make an offer was interrupted
    }
  }
}

void serve(Worker& worker) {
  share = {.most = 1, .granted = 1};
  while (true) {
    wait_for_offer(worker);
    std::uint32_t seen = worker.word.load(std::memory_order_relaxed);
    if (state_of(seen) != offered ||
        !worker.word.compare_exchange_strong(seen, with(seen, running), std::memory_order_acquire))
      continue;  // it was withdrawn
    worker.region->run(worker.participant);
    const std::uint32_t next = with(seen + k_region, idle);
    if (state_of(worker.word.exchange(next, std::memory_order_acq_rel)) == awaited)
      wake(worker.word);
  }
}

/// The child of a fork has the one thread that called.
void begin_anew() {
  for (Worker& worker : workers) worker.word = 0;
  worker_count = 0;
  startable = k_most_workers;
  starting.clear();
  callers = share.granted > 0 ? 1 : 0;
  granted_in_all = share.granted;
}

/// Code that workers wait in must stay where it is when the library is unloaded.
void stay_loaded() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&begin_anew), &info) != 0 && info.dli_fname != nullptr)
    static_cast<void>(dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE));
}

/// Signals are for the threads of the program, but for those that tell of a fault here, and of
/// time.
bool start(Worker& worker) {
  sigset_t all, before;
  sigfillset(&all);
  for (const int own : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGPROF}) sigdelset(&all, own);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = true;
  try {
    std::thread(serve, std::ref(worker)).detach();
  } catch (const std::exception&) {
    started = false;  // no more threads or no memory: those that there are will do
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started;
}

/// Sees to it that there are as many workers as all callers have use for.
void start_missing(int wanted) {
  const int in_all =
      granted_in_all.load(std::memory_order_relaxed) - callers.load(std::memory_order_relaxed);
  const int most = std::min(std::max(wanted, in_all), startable.load(std::memory_order_relaxed));
  if (worker_count.load(std::memory_order_relaxed) >= most ||
      starting.test_and_set(std::memory_order_acquire))
    return;
  static const int handled = (stay_loaded(), pthread_atfork(nullptr, nullptr, begin_anew));
  for (int count = worker_count; handled == 0 && count < most; ++count) {
    if (!start(workers[static_cast<std::size_t>(count)])) {
      startable = count;
      break;
    }
    worker_count.store(count + 1, std::memory_order_release);
  }
  starting.clear(std::memory_order_release);
}

/// A worker that takes part in one region, or may.
struct Helper {
  Worker* worker;
  std::uint32_t word;  ///< while it is offered
};

bool offer(Worker& worker, ParallelRegion& region, int participant, std::uint32_t& word) {
  std::uint32_t seen = worker.word.load(std::memory_order_relaxed);
  const State before = state_of(seen);
  if ((before != idle && before != asleep) ||
      !worker.word.compare_exchange_strong(seen, with(seen, reserved), std::memory_order_acquire))
    return false;
  worker.region = &region;
  worker.participant = participant;
  word = with(seen, offered);
  worker.word.store(word, std::memory_order_release);
  if (before == asleep) wake(worker.word);
  return true;
}

/// Takes the offer back, or waits until the worker has ended.
void end(const Helper& helper) {
  std::atomic<std::uint32_t>& word = helper.worker->word;
  std::uint32_t seen = helper.word;
  if (word.compare_exchange_strong(seen, with(seen, idle), std::memory_order_acquire)) return;
  const auto has_ended = [&] {
    return !same_region(word.load(std::memory_order_acquire), helper.word);
  };
  if (comes_soon(has_ended)) return;
  const std::uint32_t waiting = with(helper.word, awaited);
  seen = with(helper.word, running);
  if (!word.compare_exchange_strong(seen, waiting, std::memory_order_acquire)) return;
  while (!has_ended()) sleep_while(word, waiting);
}

int granted_share() {
  const int others = callers.fetch_add(1, std::memory_order_relaxed);
  const int taken = granted_in_all.load(std::memory_order_relaxed);
  const int most = share.most;
  const int granted = share.number == ThreadShare::Number::given
                          ? most
                          : std::clamp(most - taken, std::max(1, most / (others + 1)), most);
  granted_in_all.fetch_add(granted, std::memory_order_relaxed);
  return granted;
}

}  // namespace

ThreadShare::ThreadShare(int most, Number number) : outermost_(share.most == 0) {
  if (!outermost_) return;
  const bool beside_others = omp_in_parallel != nullptr && omp_in_parallel() != 0;
  share = {.most = beside_others ? 1 : most, .number = number};
}

ThreadShare::~ThreadShare() {
  if (!outermost_) return;
  if (share.granted > 0) {
    callers.fetch_sub(1, std::memory_order_relaxed);
    granted_in_all.fetch_sub(share.granted, std::memory_order_relaxed);
  }
  share = {};
}

int allowed_threads() {
  if (share.most <= 1) return 1;
  if (share.granted == 0) share.granted = granted_share();
  return share.granted;
}

void run_together(int threads, RegionBody call, const void* context) {
  ParallelRegion region{.call = call, .context = context};
  const int most = std::min(threads, k_most_threads) - 1;
  std::array<Helper, k_most_workers> helpers;
  std::size_t count = 0;
  if (most > 0) start_missing(most);
  const int there = worker_count.load(std::memory_order_acquire);
  for (int w = 0; w < there && std::cmp_less(count, most); ++w) {
    Worker& worker = workers[static_cast<std::size_t>(w)];
    Helper& helper = helpers[count];
    helper.worker = &worker;
    if (offer(worker, region, static_cast<int>(count) + 1, helper.word)) ++count;
  }
  const Share before = std::exchange(share, {.most = 1, .granted = 1});
  region.run(0);
  share = before;
  for (std::size_t h = 0; h < count; ++h) end(helpers[h]);
  if (region.error) std::rethrow_exception(region.error);
}

void pause_briefly() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace idl
