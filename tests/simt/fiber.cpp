// SPDX-License-Identifier: MIT
#include "tests/simt/fiber.hpp"

#include <boost/context/preallocated.hpp>
#include <boost/context/protected_fixedsize_stack.hpp>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

namespace idl::simt {
namespace {

constexpr std::size_t k_stack_bytes = std::size_t{256} << 10U;
/// Stacks begin in different sets of the first-level cache, which would hold few of them otherwise.
constexpr std::size_t k_line = 64;
constexpr std::size_t k_starts = 61;  // prime to the lines of a page

void leave_stack([[maybe_unused]] void** kept, [[maybe_unused]] const void* stack,
                 [[maybe_unused]] std::size_t size) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(kept, stack, size);
#endif
}

void enter_stack([[maybe_unused]] void* kept, [[maybe_unused]] const void** from,
                 [[maybe_unused]] std::size_t* size) {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(kept, from, size);
#endif
}

/// The fiber that goes to another, until that has arrived. Grids run one at a time.
Fiber* leaving = nullptr;

}  // namespace

Fiber::Fiber() {
  // With a page behind it that faults, so that a stack that is too small shows.
  boost::context::protected_fixedsize_stack allocator(k_stack_bytes);
  const boost::context::stack_context stack = allocator.allocate();
  stack_ = static_cast<const char*>(stack.sp) - stack.size;
  stack_size_ = stack.size;
  static std::size_t fibers = 0;
  const std::size_t skipped = fibers++ % k_starts * 5 * k_line;
  self_ = boost::context::fiber(std::allocator_arg,
                                boost::context::preallocated(static_cast<char*>(stack.sp) - skipped,
                                                             stack.size - skipped, stack),
                                allocator, [this](boost::context::fiber&& from) {
                                  arrive(std::move(from), nullptr);
                                  run_tasks();
                                  return boost::context::fiber();
                                });
}

void Fiber::run_tasks() {
  for (;;) {
    (*task_)();
    task_ = nullptr;
    go_to(*home_);
  }
}

void Fiber::go_to(Fiber& other) {
  leaving = this;
  void* kept = nullptr;
  leave_stack(&kept, other.stack_, other.stack_size_);
  arrive(std::move(other.self_).resume(), kept);
}

void Fiber::arrive(boost::context::fiber&& from, void* kept) {
  enter_stack(kept, &leaving->stack_, &leaving->stack_size_);
  leaving->self_ = std::move(from);
}

Fiber& FiberPool::take() {
  if (idle_.empty()) {
    all_.push_back(std::make_unique<Fiber>());
    return *all_.back();
  }
  Fiber& fiber = *idle_.back();
  idle_.pop_back();
  return fiber;
}

}  // namespace idl::simt
