// SPDX-License-Identifier: MIT
#pragma once

/// Threads that a process's loops share their work with. Workers wait spinning for 100
/// microseconds, so that the loops of a training step find them awake, and then asleep.
///
/// Nothing depends on a worker's turn: whoever begins a region takes part in it, and goes on
/// without the workers that the scheduler has kept away until all work was done.
namespace idl {

/// How many threads the calling thread's regions may have, while it lives. Within another one of
/// the same thread it changes nothing; nor do regions begin in workers, in a region, or in a
/// parallel region of the user's OpenMP.
class ThreadShare {
 public:
  enum class Number : bool { automatic, given };
  /// `most` threads, or, where that is nobody's wish, its part of as many: several threads that
  /// call at the same time have no more than `most` altogether, or one each.
  explicit ThreadShare(int most, Number number = Number::given);
  ~ThreadShare();
  ThreadShare(const ThreadShare&) = delete;
  ThreadShare& operator=(const ThreadShare&) = delete;

 private:
  bool outermost_;
};

/// Threads of the calling thread's regions, itself among them; 1 without a ThreadShare.
int allowed_threads();

using RegionBody = void (*)(const void* context, int participant);
/// call(context, participant) in the calling thread, which is participant 0, and in at most
/// `threads` − 1 workers, which are 1, 2, ... Returns when all that have begun have ended; whoever
/// has not begun when participant 0 ends does not begin: so take the work from a place that all
/// share, until none is left. Throws one of the exceptions that were thrown.
void run_together(int threads, RegionBody call, const void* context);

template <class Body>
void run_together(int threads, const Body& body) {
  run_together(
      threads,
      [](const void* context, int participant) {
        (*static_cast<const Body*>(context))(participant);
      },
      &body);
}

/// A moment of a thread that waits for another one.
void pause_briefly();

}  // namespace idl
