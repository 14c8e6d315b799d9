// SPDX-License-Identifier: MIT
#include "kernels/cpu/runtime/backend.hpp"

#include <algorithm>
#include <cstring>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/cpu/loop/column_loop.hpp"
#include "kernels/cpu/loop/recurrent_blocks.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/flush_subnormals.hpp"
#include "kernels/cpu/runtime/memory.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/cpu/runtime/vector_width.hpp"
#include "kernels/loop/choice.hpp"
#include "kernels/loop/generic.hpp"
#include "kernels/loop/substitution.hpp"
#include "kernels/validate.hpp"

namespace idl::cpu {
namespace {

void copy_pieces(const Transfer& transfer) {
  if (transfer.width == 0) return;
  auto* to = static_cast<std::byte*>(transfer.destination);
  const auto* from = static_cast<const std::byte*>(transfer.source);
  // As many operations as CopyMatrix counts for floats.
  constexpr std::size_t k_bytes = sizeof(float);
  parallel_for(static_cast<index_t>(transfer.height),
               static_cast<index_t>(transfer.width / k_bytes), [&](index_t piece) {
                 const auto at = static_cast<std::size_t>(piece);
                 std::memcpy(to + at * transfer.destination_pitch,
                             from + at * transfer.source_pitch, transfer.width);
               });
}

class FinishedReadBack final : public ReadBack {
 public:
  FinishedReadBack(const void* source, std::size_t bytes) : bytes_(bytes) {
    if (bytes > 0) std::memcpy(bytes_.data(), source, bytes);
  }
  const void* wait() override { return bytes_.data(); }

 private:
  std::vector<std::byte> bytes_;
};

class StraightProgram final : public Program {
 public:
  StraightProgram(CpuBackend& backend, Sequence steps)
      : Program(std::move(steps)), backend_(backend) {}
  void launch() override { backend_.run_valid(sequence()); }

 private:
  CpuBackend& backend_;
};

class WhileProgram final : public Program {
 public:
  WhileProgram(CpuBackend& backend, Sequence steps, VectorView<const std::int32_t> active,
               std::int32_t max_iterations, std::int32_t until)
      : Program(std::move(steps)),
        backend_(backend),
        active_(active),
        max_iterations_(max_iterations),
        until_(until) {}

  void launch() override {
    const ThreadShare share = backend_.share_threads();
    for (std::int32_t k = 0; active_.data[0] > until_ && k < max_iterations_; ++k) {
      backend_.run_valid(sequence());
    }
  }
  LoopStrategy strategy() const override { return LoopStrategy::step_by_step; }

 private:
  CpuBackend& backend_;
  VectorView<const std::int32_t> active_;
  std::int32_t max_iterations_;
  std::int32_t until_;
};

template <class T>
class ColumnProgram final : public Program {
 public:
  ColumnProgram(CpuBackend& backend, Sequence iteration, std::unique_ptr<ColumnLoop<T>> columns)
      : Program(std::move(iteration)), backend_(backend), columns_(std::move(columns)) {}

  void launch() override {
    const ThreadShare share = backend_.share_threads();
    columns_->run();
  }
  LoopStrategy strategy() const override { return LoopStrategy::column_by_column; }

 private:
  CpuBackend& backend_;
  std::unique_ptr<ColumnLoop<T>> columns_;
};

void execute_step(const Primitive& step, Scratch& scratch) {
  std::visit([&](const auto& primitive) { execute(primitive, scratch); }, step);
}

}  // namespace

void execute(const Sequence& sequence, Scratch& scratch) {
  const FlushSubnormals flush;  // once for all steps
  for (const Primitive& step : sequence) execute_step(step, scratch);
}

CpuBackend::CpuBackend(int threads)
    : threads_(threads > 0 ? threads : default_threads()),
      number_(threads > 0 ? ThreadShare::Number::given : ThreadShare::Number::automatic) {}

void CpuBackend::run(const Primitive& primitive) {
  validate(primitive, Device::cpu());
  const ThreadShare share = share_threads();
  execute_step(primitive, scratch_);
}

void CpuBackend::run_valid(const Sequence& sequence) {
  const ThreadShare share = share_threads();
  execute(sequence, scratch_);
}

std::string CpuBackend::describe() const { return describe_cpu(threads_); }

void* CpuBackend::allocate(std::size_t bytes) {
  void* data = allocate_aligned(bytes);
  account_->add(bytes);
  return data;
}

void CpuBackend::release(void* data, std::size_t bytes) noexcept {
  release_aligned(data);
  account_->remove(bytes);
}

MemoryStatistics CpuBackend::memory() const noexcept { return account_->statistics(); }

index_t CpuBackend::leading_dimension(index_t rows, std::size_t element_size) const noexcept {
  constexpr index_t k_line = 64;
  constexpr index_t k_page = 4096;
  const auto size = static_cast<index_t>(element_size);
  if (rows * size < k_line) return std::max<index_t>(rows, 1);
  index_t bytes = (rows * size + k_line - 1) / k_line * k_line;
  if (bytes % k_page == 0) bytes += k_line;
  return bytes / size;
}

void* CpuBackend::allocate_host(std::size_t bytes) { return allocate_aligned(bytes); }
void CpuBackend::release_host(void* data, std::size_t) noexcept { release_aligned(data); }

void CpuBackend::upload(const Transfer& transfer) {
  const ThreadShare share = share_threads();
  copy_pieces(transfer);
}
void CpuBackend::upload_async(const Transfer& transfer) {
  const ThreadShare share = share_threads();
  copy_pieces(transfer);
}
void CpuBackend::download(const Transfer& transfer) {
  const ThreadShare share = share_threads();
  copy_pieces(transfer);
}

std::unique_ptr<ReadBack> CpuBackend::read_back(const void* source, std::size_t bytes) {
  return std::make_unique<FinishedReadBack>(source, bytes);
}

void CpuBackend::run_in_order(const Sequence& sequence) {
  validate(sequence, Device::cpu());
  run_valid(sequence);
}

std::unique_ptr<Program> CpuBackend::compile(Sequence sequence) {
  validate(sequence, Device::cpu());
  return std::make_unique<StraightProgram>(*this, std::move(sequence));
}

std::unique_ptr<Program> CpuBackend::compile_while(Sequence sequence,
                                                   VectorView<const std::int32_t> active,
                                                   std::int32_t max_iterations,
                                                   std::int32_t until) {
  validate_loop(sequence, active, max_iterations, Device::cpu());
  return std::make_unique<WhileProgram>(*this, std::move(sequence), active, max_iterations, until);
}

template <class T>
std::unique_ptr<Program> CpuBackend::compile_solve(const FixedPoint<T>& solve) {
  const MemoryAccount::Scope counts_working_memory(account_);
  validate(solve, Device::cpu());
  if (auto program = compile_substitution_if_chosen(strategy_, *this, solve)) return program;
  if (auto program = compile_refined_if_chosen(strategy_, shared_from_this(), solve))
    return program;
  if (auto program = compile_in_rows_if_chosen(strategy_, shared_from_this(), solve))
    return program;
  if (auto program = compile_compacted_if_chosen(strategy_, shared_from_this(), solve))
    return program;
  if (by_columns())
    if (auto columns = ColumnLoop<T>::make(solve, threads_)) {
      SolveSteps steps = steps_of(solve);
      auto loop =
          std::make_unique<ColumnProgram<T>>(*this, std::move(steps.iteration), std::move(columns));
      if (solve.start == SolveStart::zero) return loop;  // which starts by itself
      return start_with(*this, std::move(steps.start), std::move(loop));
    }
  return compile_generic(*this, solve);
}

std::unique_ptr<Program> CpuBackend::compile(const FixedPoint<float>& solve) {
  return compile_solve(solve);
}
std::unique_ptr<Program> CpuBackend::compile(const FixedPoint<double>& solve) {
  return compile_solve(solve);
}

template <class Pass>
std::unique_ptr<Program> CpuBackend::compile_recurrence(const Pass& pass) {
  const MemoryAccount::Scope counts_working_memory(account_);
  validate(pass, Device::cpu());
  if (by_columns() && !can_be_substituted(solve_of(pass, 0)))
    if (auto blocks = compile_recurrent_blocks(*this, pass, threads_)) return blocks;
  return compile_steps(*this, pass);
}

std::unique_ptr<Program> CpuBackend::compile(const Recurrence<float>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> CpuBackend::compile(const Recurrence<double>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> CpuBackend::compile(const RecurrenceAdjoint<float>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> CpuBackend::compile(const RecurrenceAdjoint<double>& pass) {
  return compile_recurrence(pass);
}

std::shared_ptr<Backend> make_cpu_backend(int threads) {
  return std::make_shared<CpuBackend>(threads);
}

std::string describe_cpu(int threads) {
  std::string text = "CPU (" + std::to_string(threads) + (threads == 1 ? " thread" : " threads");
  if (widest_vectors() == VectorSet::avx512) text += ", AVX-512";
  if (widest_vectors() == VectorSet::avx2) text += ", AVX2";
  return text + ")";
}

}  // namespace idl::cpu
