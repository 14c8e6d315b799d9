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
  /// What calls go_to() from the stack that a thread of the process has anyway.
  struct Main {};
  explicit Fiber(Main) {}
  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// What runs next is `task`, which must not throw, and at its end goes to `home`. The fiber must
  /// be idle.
  void start(const std::function<void()>& task, Fiber& home) {
    task_ = &task;
    home_ = &home;
  }
  /// Goes on with the other until something goes to this one, which is the one that runs.
  void go_to(Fiber& other);
  bool is_idle() const { return task_ == nullptr; }

 private:
  void run_tasks();
  void arrive(boost::context::fiber&& from, void* kept);

  const std::function<void()>* task_ = nullptr;
  Fiber* home_ = nullptr;
  const void* stack_ = nullptr;
  std::size_t stack_size_ = 0;
  boost::context::fiber self_;  ///< where it does not run
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
