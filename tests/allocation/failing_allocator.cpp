// SPDX-License-Identifier: MIT
#include "tests/allocation/failing_allocator.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>

#include "idl/error.hpp"

namespace idl::test {
namespace {

constexpr std::int64_t k_never = 0;

std::atomic<std::int64_t> countdown{k_never};
std::atomic<bool> failed{false};
std::atomic<std::int64_t> live{0};
std::atomic<std::int64_t> all{0};

/// nullptr where the allocation has to fail, or there is no memory.
void* allocate(std::size_t bytes, std::size_t alignment) {
  if (countdown.load(std::memory_order_relaxed) != k_never && countdown.fetch_sub(1) == 1) {
    failed = true;
    return nullptr;
  }
  const std::size_t size = (bytes + alignment) / alignment * alignment;  // at least one
  void* data = alignment > alignof(std::max_align_t) ? std::aligned_alloc(alignment, size)
                                                     : std::malloc(size);
  if (data == nullptr) return nullptr;
  live.fetch_add(1, std::memory_order_relaxed);
  all.fetch_add(1, std::memory_order_relaxed);
  return data;
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* data = allocate(bytes, alignment);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}

void release(void* data) noexcept {
  if (data == nullptr) return;
  live.fetch_sub(1, std::memory_order_relaxed);
  std::free(data);
}

}  // namespace

void fail_allocation(std::int64_t number) {
  failed = false;
  countdown = number;
}

bool stop_failing() {
  countdown = k_never;
  return failed;
}

std::int64_t live_allocations() { return live; }
std::int64_t all_allocations() { return all; }

bool run_with_failure(const std::function<void()>& action, std::int64_t number, std::string& text) {
  fail_allocation(number);
  try {
    action();
  } catch (const std::bad_alloc&) {
  } catch (const OutOfMemory&) {
  } catch (const std::exception& error) {
    stop_failing();
    text = error.what();
    return true;
  }
  return stop_failing();
}

void fail_at_every_allocation(const std::function<void()>& action,
                              const std::function<void()>& check, std::int64_t stride) {
  constexpr std::int64_t k_most = 100000;
  std::string text;
  for (std::int64_t number = 1; number < k_most; number += stride) {
    // Once for what is kept by the process or the thread (tables, the text of an error), and once
    // to see that nothing is lost.
    if (!run_with_failure(action, number, text)) {
      EXPECT_GT(number, 1) << "nothing was allocated";
      return;
    }
    check();
    const std::int64_t live = live_allocations();
    run_with_failure(action, number, text);
    ASSERT_EQ(text, "") << "allocation " << number;
    ASSERT_EQ(live_allocations(), live) << "leaked at allocation " << number;
    check();
    if (testing::Test::HasFatalFailure()) FAIL() << "after allocation " << number;
  }
  FAIL() << "there are more than " << k_most << " allocations";
}

}  // namespace idl::test

// NOLINTBEGIN: the standard's names and forms.
using idl::test::allocate;
using idl::test::allocate_or_throw;
using idl::test::release;

void* operator new(std::size_t n) { return allocate_or_throw(n, 16); }
void* operator new[](std::size_t n) { return allocate_or_throw(n, 16); }
void* operator new(std::size_t n, std::align_val_t a) {
  return allocate_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a) {
  return allocate_or_throw(n, static_cast<std::size_t>(a));
}
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 16); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return allocate(n, 16); }
void* operator new(std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, static_cast<std::size_t>(a));
}
void* operator new[](std::size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return allocate(n, static_cast<std::size_t>(a));
}
void operator delete(void* p) noexcept { release(p); }
void operator delete[](void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { release(p); }
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { release(p); }
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { release(p); }
// NOLINTEND
