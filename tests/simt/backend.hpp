// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "kernels/backend.hpp"
#include "kernels/cuda/runtime/steps.hpp"
#include "tests/simt/device.hpp"

namespace idl::simt {

/// The CUDA backend's kernels on the CPU: what stands for cuda:0 in programs that link the
/// emulation. Everything has happened when a call returns.
class SimtBackend final : public Backend, public std::enable_shared_from_this<SimtBackend> {
 public:
  Device device() const noexcept override { return Device::cuda(0); }
  std::string describe() const override;
  /// There is one, though nothing can be done with it.
  CUstream_st* stream() const noexcept override {
    return reinterpret_cast<CUstream_st*>(const_cast<SimtBackend*>(this));
  }

  void* allocate(std::size_t bytes) override { return pool_.allocate(bytes); }
  void release(void* data, std::size_t bytes) noexcept override { pool_.release(data, bytes); }
  MemoryStatistics memory() const noexcept override { return pool_.statistics(); }
  index_t leading_dimension(index_t rows, std::size_t element_size) const noexcept override;

  void* allocate_host(std::size_t bytes) override { return host_pool_.allocate(bytes); }
  void release_host(void* data, std::size_t bytes) noexcept override {
    host_pool_.release(data, bytes);
  }

  void upload(const Transfer& transfer) override;
  void upload_async(const Transfer& transfer) override { upload(transfer); }
  void download(const Transfer& transfer) override { upload(transfer); }
  std::unique_ptr<ReadBack> read_back(const void* source, std::size_t bytes) override;

  void synchronize() override {}
  void wait_for(CUstream_st*) override {}
  void record_for(CUstream_st*) override {}

  void run(const Primitive& primitive) override;
  void run_in_order(const Sequence& sequence) override;
  std::unique_ptr<Program> compile(Sequence sequence) override;
  std::unique_ptr<Program> compile_while(Sequence sequence, VectorView<const std::int32_t> active,
                                         std::int32_t max_iterations, std::int32_t until) override;
  std::unique_ptr<Program> compile(const FixedPoint<float>& solve) override;
  std::unique_ptr<Program> compile(const FixedPoint<double>& solve) override;
  std::unique_ptr<Program> compile(const Recurrence<float>& pass) override;
  std::unique_ptr<Program> compile(const Recurrence<double>& pass) override;
  std::unique_ptr<Program> compile(const RecurrenceAdjoint<float>& pass) override;
  std::unique_ptr<Program> compile(const RecurrenceAdjoint<double>& pass) override;
  void choose_loop_strategy(LoopStrategy strategy) override { strategy_ = strategy; }

  cuda::MemoryPool& pool() { return pool_; }
  cuda::StepResources place() {
    return {products_, sparse_products_, static_cast<double*>(reduce_scratch_.data())};
  }

 private:
  template <class T>
  std::unique_ptr<Program> compile_solve(const FixedPoint<T>& solve);
  template <class Pass>
  std::unique_ptr<Program> compile_recurrence(const Pass& pass);

  LoopStrategy strategy_ = LoopStrategy::automatic;
  cuda::MemoryPool pool_;
  cuda::MemoryPool host_pool_;
  cuda::LibraryGemm products_;
  cuda::LibrarySpmm sparse_products_;
  cuda::PoolMemory reduce_scratch_{host_pool_, cuda::k_reduce_scratch * sizeof(double)};
};

}  // namespace idl::simt
