// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "idl/device.hpp"
#include "idl/memory.hpp"
#include "kernels/base/facts.hpp"
#include "kernels/fixed_point.hpp"
#include "kernels/primitives.hpp"
#include "kernels/program.hpp"
#include "kernels/recurrence.hpp"

struct CUstream_st;  // cudaStream_t points to this

namespace idl {

/// A two-dimensional transfer: `height` pieces of `width` bytes, `pitch` bytes apart.
struct Transfer {
  void* destination = nullptr;
  std::size_t destination_pitch = 0;
  const void* source = nullptr;
  std::size_t source_pitch = 0;
  std::size_t width = 0;
  std::size_t height = 1;
};

/// A small copy from the device that is under way; wait() returns its bytes.
class ReadBack {
 public:
  virtual ~ReadBack() = default;
  /// Waits for this copy, not for later work. The bytes live as long as the ReadBack.
  virtual const void* wait() = 0;
};

/// One device as seen by the algorithms: memory, order, primitives and programs of them.
///
/// All work of one Backend is ordered. run(), upload() and launch() may return before the work is
/// done; download() and synchronize() wait. Implementations: kernels/cpu and kernels/cuda.
class Backend {
 public:
  virtual ~Backend() = default;
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;

  virtual Device device() const noexcept = 0;
  /// One line for people.
  virtual std::string describe() const = 0;
  /// Versions of the driver and of libraries, what the device has turned out to be able to, and
  /// ("plan ...") how the products made so far are made. Nothing on the CPU.
  virtual Facts facts() { return {}; }
  /// The CUDA stream of the work; nullptr on the CPU.
  virtual CUstream_st* stream() const noexcept = 0;

  /// Stream-ordered and uninitialised, aligned to 256 bytes. Forbidden while compiling.
  /// @throws OutOfMemory
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* data, std::size_t bytes) noexcept = 0;
  virtual MemoryStatistics memory() const noexcept = 0;
  /// The leading dimension that suits a matrix of `rows` rows; >= max(rows, 1).
  virtual index_t leading_dimension(index_t rows, std::size_t element_size) const noexcept = 0;

  /// Memory on the host from which transfers are fastest (pinned, for CUDA). nullptr is never
  /// returned. @throws OutOfMemory
  virtual void* allocate_host(std::size_t bytes) = 0;
  virtual void release_host(void* data, std::size_t bytes) noexcept = 0;

  /// Host to device; returns when the source may be changed.
  virtual void upload(const Transfer& transfer) = 0;
  /// Host to device from memory of allocate_host, which must stay unchanged until a
  /// synchronisation or a ReadBack asked for later has been waited for; or within the device, in
  /// order with the work before and after.
  virtual void upload_async(const Transfer& transfer) = 0;
  /// Device to host; returns when the bytes are there.
  virtual void download(const Transfer& transfer) = 0;
  /// Starts a copy of `bytes` from the device, in order with the work before it.
  virtual std::unique_ptr<ReadBack> read_back(const void* source, std::size_t bytes) = 0;

  /// Waits for all work. @throws DeviceError
  virtual void synchronize() = 0;
  /// Later work here starts after the work given so far to `stream` (CUDA only; no-op on the CPU).
  virtual void wait_for(CUstream_st* stream) = 0;
  /// Later work given to `stream` starts after the work given here so far.
  virtual void record_for(CUstream_st* stream) = 0;

  /// Validates and runs one primitive.
  virtual void run(const Primitive& primitive) = 0;
  /// Runs a sequence once, as compile() and launch() would. Validates every step before the first
  /// runs.
  virtual void run_in_order(const Sequence& sequence) = 0;
  /// Makes a straight sequence ready for repeated launch. Validates every step.
  virtual std::unique_ptr<Program> compile(Sequence sequence) = 0;
  /// while (active[0] > until && fewer than max_iterations so far) run the sequence. `active` is
  /// read on the device: launch() does not wait for it. Steps must be idempotent once active[0] ==
  /// 0 (UpdateStatus and the updates are: they touch running columns only), since an implementation
  /// may replay a few more.
  virtual std::unique_ptr<Program> compile_while(Sequence sequence,
                                                 VectorView<const std::int32_t> active,
                                                 std::int32_t max_iterations,
                                                 std::int32_t until = 0) = 0;
  /// A solve made ready for repeated launch, run in whichever way is fastest; program->strategy()
  /// tells which. Validates the description.
  virtual std::unique_ptr<Program> compile(const FixedPoint<float>& solve) = 0;
  virtual std::unique_ptr<Program> compile(const FixedPoint<double>& solve) = 0;
  /// A recurrent pass made ready likewise; step after step unless a backend has a faster way.
  virtual std::unique_ptr<Program> compile(const Recurrence<float>& pass);
  virtual std::unique_ptr<Program> compile(const Recurrence<double>& pass);
  virtual std::unique_ptr<Program> compile(const RecurrenceAdjoint<float>& pass);
  virtual std::unique_ptr<Program> compile(const RecurrenceAdjoint<double>& pass);
  /// One program whose launch is the launch of `parts` in this order; it keeps them. A GPU is given
  /// as many of them at once as it can take.
  virtual std::unique_ptr<Program> join(Programs parts) {
    return std::make_unique<ProgramsInOrder>(std::move(parts));
  }
  /// How loops that are compiled from now on are run; where a backend does not know it, it takes
  /// what is nearest. For tests and benches: `automatic` is best.
  virtual void choose_loop_strategy(LoopStrategy) {}
};

/// Makes the backend of options.device. The only function that knows what was built.
/// @throws NotSupported, DeviceError, InvalidArgument (the default stream cannot be borrowed)
std::shared_ptr<Backend> make_backend(Device device, CUstream_st* stream, int threads = 0);

}  // namespace idl
