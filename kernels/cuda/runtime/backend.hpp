// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/backend.hpp"
#include "kernels/cuda/runtime/graph.hpp"
#include "kernels/cuda/runtime/handle.hpp"

namespace idl::cuda {

/// One CUDA device and one stream on it. Every entry makes the device current for its duration.
class CudaBackend final : public Backend, public std::enable_shared_from_this<CudaBackend> {
 public:
  /// `device` must be current.
  CudaBackend(int device, cudaStream_t borrowed);
  /// Waits for the work given so far.
  ~CudaBackend() override;

  Device device() const noexcept override { return Device::cuda(device_); }
  std::string describe() const override;
  Facts facts() override;
  CUstream_st* stream() const noexcept override;

  void* allocate(std::size_t bytes) override;
  void release(void* data, std::size_t bytes) noexcept override;
  MemoryStatistics memory() const noexcept override;
  index_t leading_dimension(index_t rows, std::size_t element_size) const noexcept override;

  void* allocate_host(std::size_t bytes) override;
  void release_host(void* data, std::size_t bytes) noexcept override;

  void upload(const Transfer& transfer) override;
  void upload_async(const Transfer& transfer) override;
  void download(const Transfer& transfer) override;
  std::unique_ptr<ReadBack> read_back(const void* source, std::size_t bytes) override;

  void synchronize() override;
  void wait_for(CUstream_st* stream) override;
  void record_for(CUstream_st* stream) override;

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
  std::unique_ptr<Program> join(Programs parts) override;
  /// Strategies but `automatic` are taken at their word: NotSupported is thrown where they do not
  /// work.
  void choose_loop_strategy(LoopStrategy strategy) override { loop_strategy_ = strategy; }

 private:
  struct State;

  template <class T>
  std::unique_ptr<Program> compile_solve(const FixedPoint<T>& solve);
  template <class Pass>
  std::unique_ptr<Program> compile_recurrence(const Pass& pass);
  ProgramEnvironment home();
  bool find_out_conditional_nodes();
  bool use_conditional_nodes();
  int multiprocessors() const;

  int device_;
  LoopStrategy loop_strategy_ = LoopStrategy::automatic;
  std::optional<bool> conditional_nodes_work_;  // found out when it is first needed
  std::unique_ptr<State> state_;
};

}  // namespace idl::cuda
