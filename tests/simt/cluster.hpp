// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/simt/device.hpp"
#include "tests/simt/dice.hpp"
#include "tests/simt/fiber.hpp"
#include "tests/simt/grid.hpp"
#include "tests/simt/history.hpp"
#include "tests/simt/thread_block.hpp"

namespace idl::simt {

/// Blocks that run at the same time.
class Cluster {
 public:
  Cluster(dim3 shape, std::size_t blocks, std::size_t shared_bytes,
          const std::function<void()>& kernel, FiberPool& fibers, Dice& dice)
      : body_([this, &kernel] { run_thread(kernel); }),
        fibers_(fibers),
        dice_(dice),
        per_block_(std::size_t{shape.x} * shape.y * shape.z),
        shared_bytes_(shared_bytes),
        threads_(per_block_ * blocks),
        blocks_(blocks, Block(shared_bytes)) {
    for (std::size_t b = 0; b < blocks; ++b) {
      blocks_[b].first = b * per_block_;
      blocks_[b].warp_exchanges.resize(warps_per_block());
      blocks_[b].lanes_in_exchange.resize(warps_per_block());
    }
    for (std::size_t rank = 0; rank < threads_.size(); ++rank) {
      const auto at = static_cast<unsigned>(rank % per_block_);
      Thread& thread = threads_[rank];
      thread.index = {at % shape.x, at / shape.x % shape.y, at / (shape.x * shape.y)};
      thread.block = static_cast<unsigned>(rank / per_block_);
      thread.warp = at / k_warp;
      thread.lane = at % k_warp;
      runnable_.push_back(rank);
    }
  }

  /// The blocks are those from `first` on in x; `serial` is counted on over them.
  void run(uint3 first, std::uint64_t& serial) {
    serial_ = serial + 1;
    for (Block& block : blocks_) {
      block.index = first;
      block.serial = ++serial;
      first.x += 1;
    }
    while (!runnable_.empty() && !failure_) proceed(take_runnable());
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
    Block& block = running_block();
    block.at_barrier += 1;
    if (block.at_barrier == per_block_) open_barrier(block);
    pause(me);
    return me.answer;
  }

  void wait_for_cluster(Where where) {
    Thread& me = threads_[running_];
    me.where = where;
    me.state = State::at_cluster_barrier;
    at_cluster_barrier_ += 1;
    if (at_cluster_barrier_ == threads_.size()) open_cluster_barrier();
    pause(me);
  }

  void exchange_in_warp(Exchange& exchange, Where where) {
    Thread& me = threads_[running_];
    const unsigned lane = running_lane();
    if ((exchange.mask >> lane & 1U) == 0)
      throw Fault(running() + " calls " + exchange.name + " at " + text(where) +
                  " but is not in its own mask");
    me.exchange = &exchange;
    me.where = where;
    me.state = State::in_exchange;
    unsigned& waiting = running_block().lanes_in_exchange[me.warp];
    waiting |= 1U << lane;
    if ((waiting & exchange.mask) == exchange.mask && all_arrived(me)) complete_exchange(me);
    pause(me);
  }

  Moment now() const {
    const Block& block = running_block();
    const std::size_t warp = running_warp();
    return {.cluster = serial_,
            .block = block.serial,
            .cluster_barriers = cluster_barriers_,
            .barriers = block.barriers,
            .warp_exchanges = block.warp_exchanges[warp],
            .thread = static_cast<std::int32_t>(running_),
            .warp = static_cast<std::int32_t>(block.first + warp)};
  }
  unsigned running_lane() const { return threads_[running_].lane; }
  std::string running() const {
    return "thread " + text(threads_[running_].index) + " of block " + text(running_block().index);
  }
  void claim_static(std::size_t bytes) {
    if (blocks_.size() > 1)
      throw Fault("static shared memory in a cluster, whose blocks would share the emulation's");
    Block& block = blocks_.front();
    block.static_shared += bytes;
    if (block.static_shared > k_most_static_shared)
      throw Fault("a block has " + std::to_string(block.static_shared) +
                  " bytes of static shared memory, the limit is " +
                  std::to_string(k_most_static_shared));
  }
  DynamicMemory dynamic() { return dynamic_of(running_block()); }
  DynamicMemory dynamic_of(unsigned rank) {
    if (rank >= blocks_.size())
      throw Fault(running() + " uses shared memory of block " + std::to_string(rank) +
                  " of a cluster of " + std::to_string(blocks_.size()));
    Block& block = blocks_[rank];
    if (&block == &running_block()) return dynamic_of(block);
    if (cluster_barriers_ == 0)
      throw Fault(running() + " uses shared memory of block " + text(block.index) +
                  ", which may not have started: there was no cluster barrier");
    if (block.finished > 0) complain_of_end(block);
    block.last_visit = cluster_barriers_ + 1;
    return dynamic_of(block);
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

  std::size_t warps_per_block() const { return (per_block_ + k_warp - 1) / k_warp; }
  Block& running_block() { return blocks_[threads_[running_].block]; }
  const Block& running_block() const { return blocks_[threads_[running_].block]; }
  std::size_t running_warp() const { return threads_[running_].warp; }
  /// The first thread of the running one's warp.
  std::size_t warp_start() const { return running_block().first + running_warp() * k_warp; }
  std::size_t warp_end() const {
    return std::min(warp_start() + k_warp, running_block().first + per_block_);
  }

  DynamicMemory dynamic_of(Block& block) const {
    return {reinterpret_cast<std::byte*>(block.dynamic.data()), shared_bytes_,
            block.histories.data()};
  }

  /// That another block may still be using its memory is found whichever of them is the first.
  [[noreturn]] static void complain_of_end(const Block& block) {
    throw Fault("block " + text(block.index) +
                " ends, and another block uses its shared memory with no cluster barrier in "
                "between");
  }

  std::size_t take_runnable() {
    const std::size_t pick = dice_.below(runnable_.size());
    std::swap(runnable_[pick], runnable_.back());
    const std::size_t rank = runnable_.back();
    runnable_.pop_back();
    return rank;
  }

  /// The fiber of the thread that runs next.
  Fiber& make_running(std::size_t rank) {
    running_ = rank;
    Thread& thread = threads_[rank];
    threadIdx = thread.index;
    blockIdx = running_block().index;
    if (thread.state == State::unstarted) {
      thread.state = State::ready;
      thread.fiber = &fibers_.take();
      thread.fiber->start(body_, main_);
    }
    return *thread.fiber;
  }

  /// Runs this thread and those after it until one ends or none can go on.
  void proceed(std::size_t rank) {
    main_.go_to(make_running(rank));
    Thread& thread = threads_[running_];
    if (!thread.fiber->is_idle()) return;
    thread.state = State::finished;
    finished_ += 1;
    fibers_.put_back(*thread.fiber);
    Block& block = running_block();
    block.finished += 1;
    if (block.last_visit == cluster_barriers_ + 1 && !failure_)
      fail([&] { complain_of_end(block); });
  }

  /// For faults that are found outside of threads.
  template <class F>
  void fail(F complain) {
    try {
      complain();
    } catch (const Fault&) {
      failure_ = std::current_exception();
    }
  }

  void pause(Thread& me) {
    Fiber& next = runnable_.empty() || failure_ ? main_ : make_running(take_runnable());
    if (&next != me.fiber) me.fiber->go_to(next);
    if (failure_) throw Abandoned();
  }

  void make_ready(std::size_t rank) {
    threads_[rank].state = State::ready;
    runnable_.push_back(rank);
  }

  void open_barrier(Block& block) {
    const Thread& first = threads_[block.first];
    int any = 0;
    int all = 1;
    int count = 0;
    for (std::size_t rank = block.first; rank < block.first + per_block_; ++rank) {
      const Thread& thread = threads_[rank];
      if (!same_place(thread.where, first.where))
        throw Fault("divergence at a barrier: " + who_waits());
      const bool holds = thread.predicate != 0;
      any |= holds ? 1 : 0;
      all &= holds ? 1 : 0;
      count += holds ? 1 : 0;
    }
    block.at_barrier = 0;
    block.barriers += 1;
    for (std::size_t rank = block.first; rank < block.first + per_block_; ++rank) {
      Thread& thread = threads_[rank];
      thread.answer = thread.combine == Combine::any     ? any
                      : thread.combine == Combine::all   ? all
                      : thread.combine == Combine::count ? count
                                                         : 0;
      make_ready(rank);
    }
  }

  void open_cluster_barrier() {
    for (const Thread& thread : threads_)
      if (!same_place(thread.where, threads_.front().where))
        throw Fault("divergence at a cluster barrier: " + who_waits());
    at_cluster_barrier_ = 0;
    cluster_barriers_ += 1;
    for (std::size_t rank = 0; rank < threads_.size(); ++rank) make_ready(rank);
  }

  /// Calls f(lane, rank) for the lanes of the mask that exist.
  template <class F>
  void for_lanes(unsigned mask, F f) const {
    const std::size_t first = warp_start();
    for (unsigned lane = 0; lane < k_warp; ++lane)
      if ((mask >> lane & 1U) != 0) f(lane, first + lane);
  }

  /// Whether the lanes of the mask, all of which wait in an exchange, wait in the same one.
  bool all_arrived(const Thread& me) const {
    bool all = true;
    for_lanes(me.exchange->mask, [&](unsigned, std::size_t rank) {
      all = all && threads_[rank].exchange->mask == me.exchange->mask &&
            same_place(threads_[rank].where, me.where);
    });
    return all;
  }

  void complete_exchange(const Thread& me) {
    const Exchange& mine = *me.exchange;
    const std::size_t first = warp_start();
    running_block().lanes_in_exchange[me.warp] &= ~mine.mask;
    unsigned ballot = 0;
    unsigned largest = 0;
    for_lanes(mine.mask, [&](unsigned lane, std::size_t rank) {
      if (threads_[rank].exchange->predicate) ballot |= 1U << lane;
      largest = std::max(largest, threads_[rank].exchange->number);
    });
    for_lanes(mine.mask, [&](unsigned lane, std::size_t rank) {
      Exchange& exchange = *threads_[rank].exchange;
      exchange.ballot = ballot;
      exchange.largest = largest;
      if (exchange.bytes == 0) return;
      if ((mine.mask >> exchange.source & 1U) == 0)
        throw Fault("lane " + std::to_string(lane) + " reads from lane " +
                    std::to_string(exchange.source) + ", which takes no part in " + mine.name +
                    " at " + text(me.where));
      std::memcpy(exchange.result, threads_[first + exchange.source].exchange->value,
                  exchange.bytes);
    });
    const std::size_t lanes = warp_end() - first;
    const unsigned whole = lanes == k_warp ? ~0U : (1U << lanes) - 1U;
    if (mine.mask == whole) running_block().warp_exchanges[running_warp()] += 1;
    for_lanes(mine.mask, [&](unsigned, std::size_t rank) { make_ready(rank); });
  }

  std::string who_waits() const {
    std::map<std::string, std::size_t> places;
    for (const Thread& thread : threads_) {
      if (thread.state == State::at_barrier)
        places["wait at the barrier " + text(thread.where)] += 1;
      if (thread.state == State::at_cluster_barrier)
        places["wait at the cluster barrier " + text(thread.where)] += 1;
      if (thread.state == State::in_exchange)
        places[std::string("wait in ") + thread.exchange->name + " " + text(thread.where)] += 1;
      if (thread.state == State::finished) places["have returned"] += 1;
    }
    std::string answer = "block " + text(running_block().index) +
                         (blocks_.size() > 1 ? "'s cluster cannot go on:" : " cannot go on:");
    for (const auto& [place, count] : places)
      answer += " " + std::to_string(count) + " threads " + place + ";";
    answer.back() = '.';
    return answer;
  }

  /// Brings the paused threads of a failed cluster to their end.
  void abandon() {
    for (std::size_t rank = 0; rank < threads_.size(); ++rank)
      if (threads_[rank].fiber != nullptr && threads_[rank].state != State::finished) proceed(rank);
  }

  std::function<void()> body_;
  Fiber main_{Fiber::Main{}};
  FiberPool& fibers_;
  Dice& dice_;
  std::size_t per_block_;
  std::size_t shared_bytes_;
  std::vector<Thread> threads_;
  std::vector<Block> blocks_;
  std::vector<std::size_t> runnable_;
  std::size_t running_ = 0;
  std::size_t at_cluster_barrier_ = 0;
  std::size_t finished_ = 0;
  std::uint32_t cluster_barriers_ = 0;
  std::uint64_t serial_ = 0;
  std::exception_ptr failure_;
};

}  // namespace idl::simt
