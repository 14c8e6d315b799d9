// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "tests/simt/grid.hpp"

namespace idl::simt {

/// The last accesses to a piece of shared memory by threads of one cluster.
class History {
 public:
  /// @throws Fault where another thread's access is not ordered before this one
  void note_write(const char* what) {
    const Moment here = now();
    forget_other_clusters(here);
    if (written_ && unordered(write_, here)) complain(what, "written", "another thread wrote");
    if (read_ && unordered(last_read_, here)) complain(what, "written", "another thread read");
    write_ = here;
    written_ = true;
    read_ = false;
  }
  /// @throws Fault also where nobody has written
  void note_read(const char* what) {
    const Moment here = now();
    forget_other_clusters(here);
    if (!written_) complain(what, "read", "nobody wrote");
    if (unordered(write_, here)) complain(what, "read", "another thread wrote");
    remember_read(here);
  }

 private:
  static constexpr std::int32_t k_several = -1;

  /// Zero-initialised statics are histories of no cluster.
  void forget_other_clusters(const Moment& here) {
    if (write_.cluster != here.cluster) written_ = false;
    if (last_read_.cluster != here.cluster) read_ = false;
  }
  static bool unordered(const Moment& before, const Moment& here) {
    if (before.cluster_barriers != here.cluster_barriers || before.thread == here.thread)
      return false;
    if (before.block != here.block) return true;  // also where several blocks have read
    if (before.barriers != here.barriers) return false;
    return before.warp != here.warp || before.warp_exchanges == here.warp_exchanges;
  }
  /// Of several unordered reads it keeps that there were several.
  void remember_read(const Moment& here) {
    Moment next = here;
    if (read_ && unordered(last_read_, here)) {
      next.thread = k_several;
      if (last_read_.warp != here.warp) next.warp = k_several;
      if (last_read_.block != here.block) next.block = 0;
    }
    last_read_ = next;
    read_ = true;
  }
  [[noreturn]] static void complain(const char* what, const char* verb, const char* why) {
    throw Fault(std::string(what) + " is " + verb + " by " + running_thread() + ", which " + why +
                (why[0] == 'n' ? " before" : " with no barrier in between"));
  }

  Moment write_;
  Moment last_read_;
  bool written_ = false;
  bool read_ = false;
};

}  // namespace idl::simt
