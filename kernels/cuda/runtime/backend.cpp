// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/backend.hpp"

#include <algorithm>
#include <utility>

#include "idl/error.hpp"
#include "kernels/cuda/loop/compile_recurrence.hpp"
#include "kernels/cuda/loop/compile_solve.hpp"
#include "kernels/cuda/runtime/device_guard.hpp"
#include "kernels/cuda/runtime/factory.hpp"
#include "kernels/cuda/runtime/leading_dimension.hpp"
#include "kernels/cuda/runtime/read_back.hpp"
#include "kernels/validate.hpp"

namespace idl::cuda {
namespace {

/// A loop that may not iterate at all.
class EmptyProgram final : public RecordableProgram {
 public:
  using RecordableProgram::RecordableProgram;
  void launch() override {}
  void enqueue(cudaStream_t) const override {}
};

/// In one call where CUDA can: its rows may be at most 2 GiB apart.
void copy_pieces(const Transfer& t, cudaMemcpyKind kind, cudaStream_t stream) {
  constexpr std::size_t k_most_pitch = (std::size_t{1} << 31U) - 1;
  if (t.width == 0 || t.height == 0) return;
  if (t.height == 1 || (t.width == t.destination_pitch && t.width == t.source_pitch)) {
    IDL_CUDA_CHECK(cudaMemcpyAsync(t.destination, t.source, t.width * t.height, kind, stream));
    return;
  }
  if (t.destination_pitch <= k_most_pitch && t.source_pitch <= k_most_pitch) {
    IDL_CUDA_CHECK(cudaMemcpy2DAsync(t.destination, t.destination_pitch, t.source, t.source_pitch,
                                     t.width, t.height, kind, stream));
    return;
  }
  auto* to = static_cast<std::byte*>(t.destination);
  const auto* from = static_cast<const std::byte*>(t.source);
  for (std::size_t piece = 0; piece < t.height; ++piece) {
    IDL_CUDA_CHECK(cudaMemcpyAsync(to + piece * t.destination_pitch, from + piece * t.source_pitch,
                                   t.width, kind, stream));
  }
}

}  // namespace

/// All that must be given back while the device is current, and in this order from the bottom up.
struct CudaBackend::State {
  State(int device, cudaStream_t borrowed)
      : owned_stream(borrowed == nullptr ? make_stream() : Stream()),
        stream(borrowed == nullptr ? owned_stream.get() : borrowed),
        capture_stream(make_stream()),
        waited_for(make_event()),
        recorded(make_event()),
        pool(device, stream),
        read_backs(std::make_shared<ReadBackBuffers>()),
        products(device, pool),
        sparse_products(device, pool, stream),
        reduce_scratch(pool, k_reduce_scratch * sizeof(double)) {}

  StepResources place() {
    return {products, sparse_products, static_cast<double*>(reduce_scratch.data())};
  }

  Stream owned_stream;
  cudaStream_t stream;
  Stream capture_stream;
  Event waited_for;
  Event recorded;
  MemoryPool pool;
  std::shared_ptr<ReadBackBuffers> read_backs;
  LibraryGemm products;
  LibrarySpmm sparse_products;
  PoolMemory reduce_scratch;
};

CudaBackend::CudaBackend(int device, cudaStream_t borrowed)
    : device_(device), state_(std::make_unique<State>(device, borrowed)) {}

CudaBackend::~CudaBackend() {
  const DeviceGuard guard(device_, std::nothrow);
  report_failure(cudaStreamSynchronize(state_->stream), "cudaStreamSynchronize");
  state_.reset();
}

std::string CudaBackend::describe() const { return describe_cuda_device(device_); }

Facts CudaBackend::facts() {
  const DeviceGuard guard(device_);
  Facts facts = current_device_facts(multiprocessors());
  facts.emplace_back("conditional_nodes", find_out_conditional_nodes() ? "work" : "do not work");
  state_->sparse_products.describe(facts);
  state_->products.describe_plans(facts);
  return facts;
}

CUstream_st* CudaBackend::stream() const noexcept { return state_->stream; }

void* CudaBackend::allocate(std::size_t bytes) { return state_->pool.allocate(bytes); }

void CudaBackend::release(void* data, std::size_t bytes) noexcept {
  state_->pool.release(data, bytes);
}

MemoryStatistics CudaBackend::memory() const noexcept { return state_->pool.statistics(); }

index_t CudaBackend::leading_dimension(index_t rows, std::size_t element_size) const noexcept {
  return cuda::leading_dimension(rows, element_size);
}

void* CudaBackend::allocate_host(std::size_t bytes) {
  const DeviceGuard guard(device_);
  void* data = nullptr;
  const std::size_t asked = std::max<std::size_t>(bytes, 1);
  const DeviceWaitLock lock;
  check_allocation(cudaHostAlloc(&data, asked, cudaHostAllocPortable), -1, asked, "cudaHostAlloc",
                   __FILE__, __LINE__);
  return data;
}

void CudaBackend::release_host(void* data, std::size_t) noexcept {
  if (data == nullptr) return;
  const DeviceGuard guard(device_, std::nothrow);
  const DeviceWaitLock lock;
  report_failure(cudaFreeHost(data), "cudaFreeHost");
}

void CudaBackend::upload(const Transfer& transfer) {
  const DeviceGuard guard(device_);
  copy_pieces(transfer, cudaMemcpyHostToDevice, state_->stream);
  // From page-locked memory the copy may not even have begun.
  IDL_CUDA_CHECK(cudaStreamSynchronize(state_->stream));
}

void CudaBackend::upload_async(const Transfer& transfer) {
  const DeviceGuard guard(device_);
  copy_pieces(transfer, cudaMemcpyDefault, state_->stream);
}

void CudaBackend::download(const Transfer& transfer) {
  const DeviceGuard guard(device_);
  copy_pieces(transfer, cudaMemcpyDeviceToHost, state_->stream);
  IDL_CUDA_CHECK(cudaStreamSynchronize(state_->stream));
}

std::unique_ptr<ReadBack> CudaBackend::read_back(const void* source, std::size_t bytes) {
  const DeviceGuard guard(device_);
  return state_->read_backs->start(source, bytes, device_, state_->stream);
}

void CudaBackend::synchronize() {
  const DeviceGuard guard(device_);
  IDL_CUDA_CHECK(cudaStreamSynchronize(state_->stream));
}

void CudaBackend::wait_for(CUstream_st* stream) {
  const DeviceGuard guard(device_);
  IDL_CUDA_CHECK(cudaEventRecord(state_->waited_for.get(), stream));
  IDL_CUDA_CHECK(cudaStreamWaitEvent(state_->stream, state_->waited_for.get(), 0));
}

void CudaBackend::record_for(CUstream_st* stream) {
  const DeviceGuard guard(device_);
  IDL_CUDA_CHECK(cudaEventRecord(state_->recorded.get(), state_->stream));
  IDL_CUDA_CHECK(cudaStreamWaitEvent(stream, state_->recorded.get(), 0));
}

ProgramEnvironment CudaBackend::home() {
  return {.backend = shared_from_this(),
          .device = device_,
          .stream = state_->stream,
          .capture_stream = state_->capture_stream.get(),
          .pool = state_->pool,
          .place = state_->place()};
}

void CudaBackend::run(const Primitive& primitive) {
  validate(primitive, device());
  const DeviceGuard guard(device_);
  const std::size_t bytes = scratch_bytes(primitive);
  PoolMemory scratch;
  if (bytes > 0) scratch = PoolMemory(state_->pool, bytes);
  const StepResources place = state_->place();
  place.products.begin_preparation();
  const SpmmPlan plan = plan_of(primitive, place);
  enqueue(primitive, scratch.data(), plan, place, state_->stream);
}

void CudaBackend::run_in_order(const Sequence& sequence) {
  validate(sequence, device());
  const DeviceGuard guard(device_);
  Steps(sequence, Steps::Repetition::once, state_->pool, state_->place()).enqueue(state_->stream);
}

std::unique_ptr<Program> CudaBackend::compile(Sequence sequence) {
  validate(sequence, device());
  const DeviceGuard guard(device_);
  return compile_straight(home(), std::move(sequence));
}

bool CudaBackend::find_out_conditional_nodes() {
  if (!conditional_nodes_work_) {
    conditional_nodes_work_ = idl::cuda::conditional_nodes_work(home());
  }
  return conditional_nodes_work_.value_or(false);
}

bool CudaBackend::use_conditional_nodes() {
  if (loop_strategy_ == LoopStrategy::block_replay) return false;
  const bool work = find_out_conditional_nodes();
  if (!work && loop_strategy_ == LoopStrategy::conditional_node) {
    throw NotSupported("conditional graph nodes do not work on " + to_string(device()) +
                       " with this driver");
  }
  return work;
}

int CudaBackend::multiprocessors() const {
  int count = 0;
  IDL_CUDA_CHECK(cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device_));
  return count;
}

template <class T>
std::unique_ptr<Program> CudaBackend::compile_solve(const FixedPoint<T>& solve) {
  const DeviceGuard guard(device_);
  const SparseDevice device = {.multiprocessors = multiprocessors(), .has_library = [this] {
                                 return state_->sparse_products.available();
                               }};
  return cuda::compile_solve(shared_from_this(), loop_strategy_, device, solve,
                             [this](Sequence iteration, const auto& loop) {
                               return compile_fused_loop(home(), std::move(iteration), loop);
                             });
}

std::unique_ptr<Program> CudaBackend::compile(const FixedPoint<float>& solve) {
  return compile_solve(solve);
}
std::unique_ptr<Program> CudaBackend::compile(const FixedPoint<double>& solve) {
  return compile_solve(solve);
}

template <class Pass>
std::unique_ptr<Program> CudaBackend::compile_recurrence(const Pass& pass) {
  const DeviceGuard guard(device_);
  return cuda::compile_recurrence(shared_from_this(), loop_strategy_, multiprocessors(), pass,
                                  [this](Sequence steps, const FusedRecurrence& loop) {
                                    return compile_fused_loop(home(), std::move(steps), loop);
                                  });
}

std::unique_ptr<Program> CudaBackend::compile(const Recurrence<float>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> CudaBackend::compile(const Recurrence<double>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> CudaBackend::compile(const RecurrenceAdjoint<float>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> CudaBackend::compile(const RecurrenceAdjoint<double>& pass) {
  return compile_recurrence(pass);
}

std::unique_ptr<Program> CudaBackend::compile_while(Sequence sequence,
                                                    VectorView<const std::int32_t> active,
                                                    std::int32_t max_iterations,
                                                    std::int32_t until) {
  validate_loop(sequence, active, max_iterations, device());
  if (max_iterations == 0) return std::make_unique<EmptyProgram>(std::move(sequence));
  const DeviceGuard guard(device_);
  if (use_conditional_nodes()) {
    try {
      return compile_conditional_loop(home(), sequence, active.data, max_iterations, until);
    } catch (const DeviceError&) {
      if (loop_strategy_ == LoopStrategy::conditional_node) throw;
    } catch (const NotSupported&) {
      if (loop_strategy_ == LoopStrategy::conditional_node) throw;
    }
  }
  return compile_block_loop(home(), std::move(sequence), active.data, max_iterations, until);
}

std::unique_ptr<Program> CudaBackend::join(Programs parts) {
  const DeviceGuard guard(device_);
  return join_programs(home(), std::move(parts));
}

}  // namespace idl::cuda
