// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "idl/device.hpp"
#include "idl/export.hpp"
#include "idl/log.hpp"
#include "idl/memory.hpp"

struct CUstream_st;  // what CUDA calls cudaStream_t points to this; no CUDA header is needed

namespace idl {

/// How a Context is made.
struct ContextOptions {
  /// where the work is done.
  Device device = best_device();
  /// Work is ordered on this stream of the caller's, which must outlive the Context. nullptr: the
  /// Context makes a stream of its own. CUDA's default streams cannot be borrowed:
  /// cudaStreamLegacy and cudaStreamPerThread are refused, and a null handle, CUDA's other name of
  /// the legacy one, means the Context's own. That stream neither waits for the default stream nor
  /// is waited for; wait_for(nullptr) and record_for(nullptr) order the two.
  CUstream_st* stream = nullptr;
  LogCallback log{};  ///< none: warnings and errors go to standard error
  /// Threads that work at the same time on the CPU, the caller's among them; at most 256. 0: as
  /// many as OMP_NUM_THREADS says, otherwise as there are processors by the caller's affinity and
  /// the CPU quota of its cgroup, divided among the Contexts that work at the same time. Results do
  /// not depend on it.
  int threads = 0;
  /// Whether each solve in which a column does not converge is warned of. Otherwise the first of
  /// predictions, of forward and of adjoint solves is, then the 10th, the 100th, ..., with their
  /// number.
  bool every_solve_warning = false;
};

/// One ordered place of work: a device, a stream, library handles, scratch memory, a log.
///
/// Operations given to one Context run in the order of the calls. On CUDA they are asynchronous
/// with respect to the host unless the function's text says otherwise. A Context is used by one
/// thread at a time; several threads use a Context each, also on the same GPU.
class IDL_EXPORT Context {
 public:
  /// On best_device(). @throws NotSupported, DeviceError, OutOfMemory
  Context();
  /// On `device`, with a stream of its own. @throws NotSupported (no such device), DeviceError
  explicit Context(Device device);
  /// @throws InvalidArgument (threads), NotSupported (no such device), DeviceError, OutOfMemory
  explicit Context(const ContextOptions& options);
  ~Context();
  /// Moves; the source may then only be destroyed or assigned to. Passes and trainers refer to the
  /// Context itself: it stays where it is while they live. Matrices and models do not mind.
  Context(Context&&) noexcept;
  /// As the move constructor.
  Context& operator=(Context&&) noexcept;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Where the work is done.
  Device device() const;
  /// A line for people, as describe(Device) has it, with the threads of this Context: "CPU (2
  /// threads, AVX-512)".
  std::string describe() const;
  /// The stream on which the work is ordered; nullptr on the CPU.
  CUstream_st* stream() const;
  /// Returns when all work given so far is done. @throws DeviceError if some of it failed.
  void synchronize();
  /// Work given here from now on starts after what was given to `stream` so far (a cudaStream_t of
  /// the same device). No-op on the CPU.
  void wait_for(CUstream_st* stream);
  /// Work given to `stream` from now on starts after what was given here so far.
  void record_for(CUstream_st* stream);
  /// Counts of the memory of this context and of what was made with it.
  MemoryStatistics memory() const;
  /// Hands `text` to the log callback.
  void log(Severity severity, std::string_view text) const;

 private:
  friend struct detail::Inside<Context>;
  struct State;
  explicit Context(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace idl
