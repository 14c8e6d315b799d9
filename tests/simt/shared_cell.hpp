// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tests/simt/grid.hpp"
#include "tests/simt/history.hpp"

namespace idl::simt {

/// What shared[i] gives in a kernel: reads and writes are noted.
template <class T>
class SharedCell {
 public:
  SharedCell(T& value, History* histories, int count)
      : value_(value), histories_(histories), count_(count) {}

  operator T() const {  // NOLINT: it stands for a T
    for (int i = 0; i < count_; ++i) histories_[i].note_read("shared memory");
    return value_;
  }
  const SharedCell& operator=(const T& value) const {
    for (int i = 0; i < count_; ++i) histories_[i].note_write("shared memory");
    value_ = value;
    return *this;
  }
  const SharedCell& operator=(const SharedCell& other) const { return *this = T(other); }
  const SharedCell& operator+=(const T& value) const {
    return *this = static_cast<T>(T(*this) + value);
  }
  const SharedCell& operator-=(const T& value) const {
    return *this = static_cast<T>(T(*this) - value);
  }
  const SharedCell& operator*=(const T& value) const {
    return *this = static_cast<T>(T(*this) * value);
  }

 private:
  T& value_;
  History* histories_;
  int count_;
};

[[noreturn]] inline void fail_outside(long long index, long long count) {
  throw Fault(running_thread() + " uses element " + std::to_string(index) +
              " of a shared array of " + std::to_string(count));
}

}  // namespace idl::simt
