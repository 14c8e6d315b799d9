// SPDX-License-Identifier: MIT
#include "tests/simt/grid.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "tests/simt/fiber.hpp"
#include "tests/simt/history.hpp"

uint3 threadIdx;
uint3 blockIdx;
dim3 blockDim;
dim3 gridDim;

namespace idl::simt {
namespace {

constexpr unsigned k_warp = 32;
constexpr unsigned k_most_threads = 1024;
constexpr std::size_t k_most_static_shared = std::size_t{48} << 10U;
constexpr std::size_t k_most_shared = std::size_t{227} << 10U;

/// Ends threads of a block that has failed; never seen outside.
struct Abandoned {};

std::string text(uint3 at) {
  return "(" + std::to_string(at.x) + "," + std::to_string(at.y) + "," + std::to_string(at.z) + ")";
}

std::string text(const Where& where) {
  return std::string(where.file_name()) + ":" + std::to_string(where.line());
}

bool same_place(const Where& a, const Where& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         std::strcmp(a.file_name(), b.file_name()) == 0;
}

/// SplitMix64.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::size_t below(std::size_t count) {
    state_ += 0x9e3779b97f4a7c15U;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return static_cast<std::size_t>((z ^ (z >> 31U)) % count);
  }

 private:
  std::uint64_t state_;
};

enum class State : std::uint8_t { unstarted, ready, at_barrier, in_exchange, finished };

struct Thread {
  uint3 index{};
  State state = State::unstarted;
  Fiber* fiber = nullptr;
  Where where{};
  Combine combine = Combine::nothing;
  int predicate = 0;
  int answer = 0;
  Exchange* exchange = nullptr;
};

class Block {
 public:
  Block(dim3 shape, std::size_t shared_bytes, const std::function<void()>& kernel,
        FiberPool& fibers, Dice& dice)
      : body_([this, &kernel] { run_thread(kernel); }),
        fibers_(fibers),
        dice_(dice),
        threads_(std::size_t{shape.x} * shape.y * shape.z),
        warp_exchanges_((threads_.size() + k_warp - 1) / k_warp),
        dynamic_((shared_bytes + sizeof(uint4) - 1) / sizeof(uint4)),
        dynamic_histories_((shared_bytes + k_dynamic_grain - 1) / k_dynamic_grain),
        shared_bytes_(shared_bytes) {
    for (std::size_t rank = 0; rank < threads_.size(); ++rank) {
      const auto at = static_cast<unsigned>(rank);
      threads_[rank].index = {at % shape.x, at / shape.x % shape.y, at / (shape.x * shape.y)};
      runnable_.push_back(rank);
    }
  }

  void run(std::uint64_t serial) {
    serial_ = serial;
    while (!runnable_.empty() && !failure_) {
      const std::size_t pick = dice_.below(runnable_.size());
      std::swap(runnable_[pick], runnable_.back());
      const std::size_t rank = runnable_.back();
      runnable_.pop_back();
      proceed(rank);
    }
    if (!failure_ && finished_ < threads_.size())
      failure_ = std::make_exception_ptr(Fault(who_waits()));
    if (!failure_) return;
    abandon();
    std::rethrow_exception(failure_);
  }

  int wait_for_block(Combine combine, int predicate, Where where) {
    Thread& me = threads_[running_];
    me.combine = combine;
    me.predicate = predicate;
    me.where = where;
    me.state = State::at_barrier;
    at_barrier_ += 1;
    if (at_barrier_ == threads_.size()) open_barrier();
    pause(me);
    return me.answer;
  }

  void exchange_in_warp(Exchange& exchange, Where where) {
    Thread& me = threads_[running_];
    const auto lane = static_cast<unsigned>(running_ % k_warp);
    if ((exchange.mask >> lane & 1U) == 0)
      throw Fault(running() + " calls " + exchange.name + " at " + text(where) +
                  " but is not in its own mask");
    me.exchange = &exchange;
    me.where = where;
    me.state = State::in_exchange;
    if (all_arrived(me)) complete_exchange(me);
    pause(me);
  }

  Moment now() const {
    const std::size_t warp = running_ / k_warp;
    return {.block = serial_,
            .barriers = barriers_,
            .warp_exchanges = warp_exchanges_[warp],
            .thread = static_cast<std::int32_t>(running_),
            .warp = static_cast<std::int32_t>(warp)};
  }
  std::size_t running_rank() const { return running_; }
  std::string running() const {
    return "thread " + text(threads_[running_].index) + " of block " + text(blockIdx);
  }
  void claim_static(std::size_t bytes) {
    static_shared_ += bytes;
    if (static_shared_ > k_most_static_shared)
      throw Fault("a block has " + std::to_string(static_shared_) +
                  " bytes of static shared memory, the limit is " +
                  std::to_string(k_most_static_shared));
  }
  DynamicMemory dynamic() {
    return {reinterpret_cast<std::byte*>(dynamic_.data()), shared_bytes_,
            dynamic_histories_.data()};
  }

 private:
  /// The body of every thread, on its fiber.
  void run_thread(const std::function<void()>& kernel) {
    try {
      kernel();
    } catch (const Abandoned&) {
    } catch (...) {
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void proceed(std::size_t rank) {
    running_ = rank;
    Thread& thread = threads_[rank];
    threadIdx = thread.index;
    if (thread.state == State::unstarted) {
      thread.fiber = &fibers_.take();
      thread.fiber->start(body_);
    } else {
      thread.fiber->resume();
    }
    if (!thread.fiber->is_idle()) return;
    thread.state = State::finished;
    finished_ += 1;
    fibers_.put_back(*thread.fiber);
  }

  void pause(Thread& me) {
    me.fiber->pause();
    if (failure_) throw Abandoned();
  }

  void make_ready(std::size_t rank) {
    threads_[rank].state = State::ready;
    runnable_.push_back(rank);
  }

  void open_barrier() {
    const Thread& first = threads_.front();
    int any = 0;
    int all = 1;
    int count = 0;
    for (const Thread& thread : threads_) {
      if (!same_place(thread.where, first.where))
        throw Fault("divergence at a barrier: " + who_waits());
      const bool holds = thread.predicate != 0;
      any |= holds ? 1 : 0;
      all &= holds ? 1 : 0;
      count += holds ? 1 : 0;
    }
    at_barrier_ = 0;
    barriers_ += 1;
    for (std::size_t rank = 0; rank < threads_.size(); ++rank) {
      Thread& thread = threads_[rank];
      thread.answer = thread.combine == Combine::any     ? any
                      : thread.combine == Combine::all   ? all
                      : thread.combine == Combine::count ? count
                                                         : 0;
      make_ready(rank);
    }
  }

  /// Calls f(lane, rank) for the lanes of the mask that exist.
  template <class F>
  void for_lanes(unsigned mask, F f) const {
    const std::size_t first = running_ / k_warp * k_warp;
    for (unsigned lane = 0; lane < k_warp; ++lane)
      if ((mask >> lane & 1U) != 0) f(lane, first + lane);
  }

  bool all_arrived(const Thread& me) const {
    bool all = true;
    for_lanes(me.exchange->mask, [&](unsigned, std::size_t rank) {
      all = all && rank < threads_.size() && threads_[rank].state == State::in_exchange &&
            threads_[rank].exchange->mask == me.exchange->mask &&
            same_place(threads_[rank].where, me.where);
    });
    return all;
  }

  void complete_exchange(const Thread& me) {
    const Exchange& mine = *me.exchange;
    const std::size_t first = running_ / k_warp * k_warp;
    unsigned ballot = 0;
    for_lanes(mine.mask, [&](unsigned lane, std::size_t rank) {
      if (threads_[rank].exchange->predicate) ballot |= 1U << lane;
    });
    for_lanes(mine.mask, [&](unsigned lane, std::size_t rank) {
      Exchange& exchange = *threads_[rank].exchange;
      exchange.ballot = ballot;
      if (exchange.bytes == 0) return;
      if ((mine.mask >> exchange.source & 1U) == 0)
        throw Fault("lane " + std::to_string(lane) + " reads from lane " +
                    std::to_string(exchange.source) + ", which takes no part in " + mine.name +
                    " at " + text(me.where));
      std::memcpy(exchange.result, threads_[first + exchange.source].exchange->value,
                  exchange.bytes);
    });
    const std::size_t lanes = std::min<std::size_t>(k_warp, threads_.size() - first);
    const unsigned whole = lanes == k_warp ? ~0U : (1U << lanes) - 1U;
    if (mine.mask == whole) warp_exchanges_[running_ / k_warp] += 1;
    for_lanes(mine.mask, [&](unsigned, std::size_t rank) { make_ready(rank); });
  }

  std::string who_waits() const {
    std::map<std::string, std::size_t> places;
    for (const Thread& thread : threads_) {
      if (thread.state == State::at_barrier)
        places["wait at the barrier " + text(thread.where)] += 1;
      if (thread.state == State::in_exchange)
        places[std::string("wait in ") + thread.exchange->name + " " + text(thread.where)] += 1;
      if (thread.state == State::finished) places["have returned"] += 1;
    }
    std::string answer = "block " + text(blockIdx) + " cannot go on:";
    for (const auto& [place, count] : places)
      answer += " " + std::to_string(count) + " threads " + place + ";";
    answer.back() = '.';
    return answer;
  }

  /// Brings the paused threads of a failed block to their end.
  void abandon() {
    for (std::size_t rank = 0; rank < threads_.size(); ++rank)
      if (threads_[rank].fiber != nullptr && threads_[rank].state != State::finished) proceed(rank);
  }

  std::function<void()> body_;
  FiberPool& fibers_;
  Dice& dice_;
  std::vector<Thread> threads_;
  std::vector<std::uint32_t> warp_exchanges_;
  std::vector<uint4> dynamic_;
  std::vector<History> dynamic_histories_;
  std::size_t shared_bytes_;
  std::vector<std::size_t> runnable_;
  std::size_t running_ = 0;
  std::size_t at_barrier_ = 0;
  std::size_t finished_ = 0;
  std::size_t static_shared_ = 0;
  std::uint32_t barriers_ = 0;
  std::uint64_t serial_ = 0;
  std::exception_ptr failure_;
};

Block* running_block = nullptr;

Block& current() {
  if (running_block == nullptr) throw Fault("this is for kernels under way only");
  return *running_block;
}

void check_shape(dim3 grid, dim3 block, std::size_t shared_bytes) {
  const std::uint64_t threads = std::uint64_t{block.x} * block.y * block.z;
  if (threads == 0 || threads > k_most_threads || block.z > 64)
    throw Fault("a block of " + std::to_string(threads) + " threads cannot be launched");
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffU || grid.y > 65535U ||
      grid.z > 65535U)
    throw Fault("a grid of " + text(uint3{grid.x, grid.y, grid.z}) + " blocks cannot be launched");
  if (shared_bytes > k_most_shared)
    throw Fault(std::to_string(shared_bytes) + " bytes of shared memory cannot be had");
}

std::uint64_t seed() {
  const char* text = std::getenv("IDL_SIMT_SEED");
  return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

}  // namespace

void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes,
              const std::function<void()>& kernel) {
  static std::mutex one_at_a_time;
  static auto* const fibers = new FiberPool;  // paused stacks are never unwound
  static std::uint64_t launches = 0;
  static std::uint64_t blocks = 0;
  const std::lock_guard lock(one_at_a_time);
  check_shape(grid, block, shared_bytes);
  gridDim = grid;
  blockDim = block;
  launches += 1;
  Dice dice(seed() * 1000003U + launches);
  std::vector<std::uint64_t> order(std::uint64_t{grid.x} * grid.y * grid.z);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::size_t other = dice.below(i + 1);
    order[i] = order[other];
    order[other] = i;
  }
  for (const std::uint64_t number : order) {
    blockIdx = {static_cast<unsigned>(number % grid.x),
                static_cast<unsigned>(number / grid.x % grid.y),
                static_cast<unsigned>(number / grid.x / grid.y)};
    Block running(block, shared_bytes, kernel, *fibers, dice);
    running_block = &running;
    try {
      running.run(++blocks);
    } catch (...) {
      running_block = nullptr;
      throw;
    }
    running_block = nullptr;
  }
}

int wait_for_block(Combine combine, int predicate, Where where) {
  return current().wait_for_block(combine, predicate, where);
}
void exchange_in_warp(Exchange& exchange, Where where) {
  current().exchange_in_warp(exchange, where);
}
unsigned lane_of_thread() { return static_cast<unsigned>(current().running_rank() % k_warp); }
Moment now() { return current().now(); }
std::string running_thread() { return current().running(); }
void claim_static_shared(std::size_t bytes) { current().claim_static(bytes); }
DynamicMemory dynamic_shared() { return current().dynamic(); }

}  // namespace idl::simt
