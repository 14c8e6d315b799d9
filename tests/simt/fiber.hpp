// SPDX-License-Identifier: MIT
#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace idl::simt {

/// A stack of its own on which one task after the other runs, with pauses. Told to the address
/// sanitizer, which has to know of every change of stacks.
class Fiber {
 public:
  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Runs `task` until it ends or calls pause(). The fiber must be idle. The task must not throw.
  void start(const std::function<void()>& task);
  /// Goes on after pause().
  void resume();
  /// To be called by the task: goes back to whoever called start() or resume().
  void pause();
  bool is_idle() const { return task_ == nullptr; }

 private:
  void run_tasks();

  const std::function<void()>* task_ = nullptr;
  const void* stack_ = nullptr;
  std::size_t stack_size_ = 0;
  const void* caller_stack_ = nullptr;
  std::size_t caller_stack_size_ = 0;
  boost::context::fiber self_;
  boost::context::fiber caller_;
};

/// Idle fibers for the next task. They live as long as the process.
class FiberPool {
 public:
  Fiber& take();
  void put_back(Fiber& fiber) { idle_.push_back(&fiber); }

 private:
  std::vector<std::unique_ptr<Fiber>> all_;
  std::vector<Fiber*> idle_;
};

}  // namespace idl::simt
