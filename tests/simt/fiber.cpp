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

}  // namespace

Fiber::Fiber() {
  // With a page behind it that faults, so that a stack that is too small shows.
  boost::context::protected_fixedsize_stack allocator(k_stack_bytes);
  const boost::context::stack_context stack = allocator.allocate();
  stack_ = static_cast<const char*>(stack.sp) - stack.size;
  stack_size_ = stack.size;
  self_ = boost::context::fiber(std::allocator_arg,
                                boost::context::preallocated(stack.sp, stack.size, stack),
                                allocator, [this](boost::context::fiber&& caller) {
                                  caller_ = std::move(caller);
                                  enter_stack(nullptr, &caller_stack_, &caller_stack_size_);
                                  run_tasks();
                                  return std::move(caller_);
                                });
}

void Fiber::run_tasks() {
  for (;;) {
    (*task_)();
    task_ = nullptr;
    pause();
  }
}

void Fiber::start(const std::function<void()>& task) {
  task_ = &task;
  resume();
}

void Fiber::resume() {
  void* kept = nullptr;
  leave_stack(&kept, stack_, stack_size_);
  self_ = std::move(self_).resume();
  enter_stack(kept, nullptr, nullptr);
}

void Fiber::pause() {
  void* kept = nullptr;
  leave_stack(&kept, caller_stack_, caller_stack_size_);
  caller_ = std::move(caller_).resume();
  enter_stack(kept, &caller_stack_, &caller_stack_size_);
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
