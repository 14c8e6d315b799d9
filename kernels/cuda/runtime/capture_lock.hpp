// SPDX-License-Identifier: MIT
#pragma once

#include <shared_mutex>

/// Whatever waits for a whole device spoils the captures under way on it, in every thread and in
/// every mode of capture; giving back a cuBLAS handle is such a thing. So the threads of this
/// process agree: captures go side by side, what may wait for a device goes alone.
namespace idl::cuda {

/// A thread's outermost lock counts, and those inside change nothing: nobody waits for himself.
class DeviceLock {
 public:
  enum class Use { capture, wait };

  explicit DeviceLock(Use use) : use_(use), outermost_(held_++ == 0) {
    if (!outermost_) return;
    use_ == Use::capture ? mutex().lock_shared() : mutex().lock();
  }
  ~DeviceLock() {
    held_ -= 1;
    if (!outermost_) return;
    use_ == Use::capture ? mutex().unlock_shared() : mutex().unlock();
  }
  DeviceLock(const DeviceLock&) = delete;
  DeviceLock& operator=(const DeviceLock&) = delete;

 private:
  static std::shared_mutex& mutex() {
    static auto& one = *new std::shared_mutex;  // never destroyed: Contexts may end last
    return one;
  }

  inline static thread_local int held_ = 0;
  Use use_;
  bool outermost_;
};

/// While a stream is captured.
struct CaptureLock : DeviceLock {
  CaptureLock() : DeviceLock(Use::capture) {}
};

/// While something may wait for the device. Useless, but harmless, in a thread that captures.
struct DeviceWaitLock : DeviceLock {
  DeviceWaitLock() : DeviceLock(Use::wait) {}
};

}  // namespace idl::cuda
