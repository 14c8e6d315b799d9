// SPDX-License-Identifier: MIT
#include "tests/simt/backend.hpp"

#include <cstddef>
#include <cstring>
#include <utility>
#include <vector>

#include "idl/error.hpp"
#include "kernels/cuda/loop/compile_recurrence.hpp"
#include "kernels/cuda/loop/compile_solve.hpp"
#include "kernels/cuda/loop/loop_control.hpp"
#include "kernels/cuda/runtime/factory.hpp"
#include "kernels/cuda/runtime/leading_dimension.hpp"
#include "kernels/loop/substitution.hpp"
#include "kernels/validate.hpp"

namespace idl::cuda {

std::shared_ptr<Backend> make_cuda_backend(int, CUstream_st*) {
  return std::make_shared<simt::SimtBackend>();
}
CudaDevices query_cuda_devices() noexcept { return {.count = 1, .reason = {}}; }
std::string describe_cuda_device(int) { return "emulation of a GPU on the CPU"; }

void check(cudaError_t status, const char* call, const char*, int) {
  if (status != cudaSuccess) throw simt::Fault(std::string(call) + " failed");
}

}  // namespace idl::cuda

namespace idl::simt {
namespace {

class StoredReadBack final : public ReadBack {
 public:
  StoredReadBack(const void* source, std::size_t bytes) : bytes_(bytes) {
    if (bytes > 0) std::memcpy(bytes_.data(), source, bytes);
  }
  const void* wait() override { return bytes_.data(); }

 private:
  std::vector<std::byte> bytes_;
};

class StraightProgram final : public Program {
 public:
  StraightProgram(std::shared_ptr<SimtBackend> backend, Sequence steps)
      : Program(std::move(steps)),
        backend_(std::move(backend)),
        steps_(sequence(), cuda::Steps::Repetition::once, backend_->pool(), backend_->place()) {}

  void launch() override {
    steps_.enqueue_prelude(nullptr);
    steps_.enqueue(nullptr);
  }

 private:
  std::shared_ptr<SimtBackend> backend_;
  cuda::Steps steps_;
};

template <class Loop>
class FusedProgram final : public Program {
 public:
  FusedProgram(std::shared_ptr<SimtBackend> backend, Sequence iteration, const Loop& loop)
      : Program(std::move(iteration)), backend_(std::move(backend)), loop_(loop) {}

  void launch() override { loop_.launch(nullptr); }
  LoopStrategy strategy() const override { return Loop::k_strategy; }

 private:
  std::shared_ptr<SimtBackend> backend_;
  Loop loop_;
};

/// As a conditional WHILE node does it: two kernels decide whether the body runs (again).
class WhileProgram final : public Program {
 public:
  WhileProgram(std::shared_ptr<SimtBackend> backend, Sequence steps, const std::int32_t* active,
               std::int32_t max_iterations, std::int32_t until)
      : Program(std::move(steps)),
        backend_(std::move(backend)),
        active_(active),
        max_iterations_(max_iterations),
        until_(until),
        steps_(sequence(), cuda::Steps::Repetition::loop, backend_->pool(), backend_->place()) {}

  void launch() override {
    unsigned goes_on = 0;
    std::int32_t iteration = 0;
    const cuda::ConditionalLoop loop = {
        .handle = reinterpret_cast<cudaGraphConditionalHandle>(&goes_on),
        .active = active_,
        .iteration = &iteration,
        .max_iterations = max_iterations_,
        .until = until_};
    steps_.enqueue_prelude(nullptr);
    cuda::begin_loop(loop, nullptr);
    while (goes_on != 0) {
      steps_.enqueue(nullptr);
      cuda::end_iteration(loop, nullptr);
    }
  }
  LoopStrategy strategy() const override { return LoopStrategy::conditional_node; }

 private:
  std::shared_ptr<SimtBackend> backend_;
  const std::int32_t* active_;
  std::int32_t max_iterations_;
  std::int32_t until_;
  cuda::Steps steps_;
};

}  // namespace

std::string SimtBackend::describe() const { return cuda::describe_cuda_device(0); }

index_t SimtBackend::leading_dimension(index_t rows, std::size_t element_size) const noexcept {
  return cuda::leading_dimension(rows, element_size);
}

void SimtBackend::upload(const Transfer& transfer) {
  if (transfer.width == 0) return;
  auto* to = static_cast<std::byte*>(transfer.destination);
  const auto* from = static_cast<const std::byte*>(transfer.source);
  for (std::size_t piece = 0; piece < transfer.height; ++piece) {
    std::memcpy(to + piece * transfer.destination_pitch, from + piece * transfer.source_pitch,
                transfer.width);
  }
}

std::unique_ptr<ReadBack> SimtBackend::read_back(const void* source, std::size_t bytes) {
  return std::make_unique<StoredReadBack>(source, bytes);
}

void SimtBackend::run(const Primitive& primitive) {
  validate(primitive, device());
  const std::size_t bytes = cuda::scratch_bytes(primitive);
  cuda::PoolMemory scratch;
  if (bytes > 0) scratch = cuda::PoolMemory(pool_, bytes);
  cuda::prepare(primitive, place());
  const cuda::SpmmPlan plan = cuda::plan_of(primitive, place());
  cuda::enqueue(primitive, scratch.data(), plan, place(), nullptr);
}

void SimtBackend::run_in_order(const Sequence& sequence) {
  validate(sequence, device());
  cuda::Steps(sequence, cuda::Steps::Repetition::once, pool_, place()).enqueue(nullptr);
}

std::unique_ptr<Program> SimtBackend::compile(Sequence sequence) {
  validate(sequence, device());
  return std::make_unique<StraightProgram>(shared_from_this(), std::move(sequence));
}

template <class T>
std::unique_ptr<Program> SimtBackend::compile_solve(const FixedPoint<T>& solve) {
  // Substitution is made of steps that are watched in no time.
  const LoopStrategy strategy =
      strategy_ == LoopStrategy::automatic && !can_be_substituted(solve) ? k_automatic : strategy_;
  const cuda::SparseDevice device = {.multiprocessors = k_multiprocessors,
                                     .has_library = [] { return true; }};
  return cuda::compile_solve(shared_from_this(), strategy, device, solve,
                             [this]<class Loop>(Sequence iteration, const Loop& loop) {
                               return std::make_unique<FusedProgram<Loop>>(
                                   shared_from_this(), std::move(iteration), loop);
                             });
}

std::unique_ptr<Program> SimtBackend::compile(const FixedPoint<float>& solve) {
  return compile_solve(solve);
}
std::unique_ptr<Program> SimtBackend::compile(const FixedPoint<double>& solve) {
  return compile_solve(solve);
}

template <class Pass>
std::unique_ptr<Program> SimtBackend::compile_recurrence(const Pass& pass) {
  const LoopStrategy strategy = strategy_ == LoopStrategy::automatic ? k_automatic : strategy_;
  return cuda::compile_recurrence(shared_from_this(), strategy, k_multiprocessors, pass,
                                  [this](Sequence steps, const cuda::FusedRecurrence& loop) {
                                    return std::make_unique<FusedProgram<cuda::FusedRecurrence>>(
                                        shared_from_this(), std::move(steps), loop);
                                  });
}

std::unique_ptr<Program> SimtBackend::compile(const Recurrence<float>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> SimtBackend::compile(const Recurrence<double>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> SimtBackend::compile(const RecurrenceAdjoint<float>& pass) {
  return compile_recurrence(pass);
}
std::unique_ptr<Program> SimtBackend::compile(const RecurrenceAdjoint<double>& pass) {
  return compile_recurrence(pass);
}

std::unique_ptr<Program> SimtBackend::compile_while(Sequence sequence,
                                                    VectorView<const std::int32_t> active,
                                                    std::int32_t max_iterations,
                                                    std::int32_t until) {
  validate_loop(sequence, active, max_iterations, device());
  if (strategy_ == LoopStrategy::block_replay)
    throw NotSupported("the emulation has no graphs to replay");
  return std::make_unique<WhileProgram>(shared_from_this(), std::move(sequence), active.data,
                                        max_iterations, until);
}

}  // namespace idl::simt
