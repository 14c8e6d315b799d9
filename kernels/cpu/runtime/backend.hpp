// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "kernels/backend.hpp"
#include "kernels/base/thread_team.hpp"
#include "kernels/cpu/runtime/scratch.hpp"

namespace idl::cpu {

/// The host as a device: everything runs at once, on the calling thread and its share of workers.
class CpuBackend final : public Backend, public std::enable_shared_from_this<CpuBackend> {
 public:
  /// `threads`: at most as many work at a time; 0: default_threads(), divided among the Contexts
  /// that work at the same time.
  explicit CpuBackend(int threads);

  Device device() const noexcept override { return Device::cpu(); }
  std::string describe() const override;
  CUstream_st* stream() const noexcept override { return nullptr; }

  void* allocate(std::size_t bytes) override;
  void release(void* data, std::size_t bytes) noexcept override;
  MemoryStatistics memory() const noexcept override;
  /// Columns that start on cache lines, but not all on the same line of the first-level cache.
  index_t leading_dimension(index_t rows, std::size_t element_size) const noexcept override;

  void* allocate_host(std::size_t bytes) override;
  void release_host(void* data, std::size_t bytes) noexcept override;

  void upload(const Transfer& transfer) override;
  void upload_async(const Transfer& transfer) override;
  void download(const Transfer& transfer) override;
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

  /// Runs steps that have been validated.
  void run_valid(const Sequence& sequence);
  /// The threads of what is done while it lives.
  ThreadShare share_threads() const { return ThreadShare(threads_, number_); }

 private:
  template <class T>
  std::unique_ptr<Program> compile_solve(const FixedPoint<T>& solve);
  template <class Pass>
  std::unique_ptr<Program> compile_recurrence(const Pass& pass);
  /// Column by column where that is worth it, otherwise step by step over all of them.
  bool by_columns() const {
    return strategy_ == LoopStrategy::automatic || strategy_ == LoopStrategy::fused ||
           strategy_ == LoopStrategy::column_by_column;
  }

  int threads_;
  ThreadShare::Number number_;
  LoopStrategy strategy_ = LoopStrategy::automatic;
  std::shared_ptr<MemoryAccount> account_ = std::make_shared<MemoryAccount>();
  Scratch scratch_{account_};
};

std::shared_ptr<Backend> make_cpu_backend(int threads);

/// "CPU (2 threads, AVX-512)".
std::string describe_cpu(int threads);

}  // namespace idl::cpu
