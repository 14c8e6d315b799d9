// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/graph.hpp"

#include <array>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "idl/error.hpp"
#include "kernels/cuda/loop/loop_control.hpp"
#include "kernels/cuda/runtime/capture.hpp"
#include "kernels/cuda/runtime/device_guard.hpp"

namespace idl::cuda {
namespace {

bool copies_within_device(cudaGraphNode_t node) {
  cudaMemcpy3DParms copy = {};
  IDL_CUDA_CHECK(cudaGraphMemcpyNodeGetParams(node, &copy));
  return copy.kind == cudaMemcpyDeviceToDevice;
}

/// Libraries decide what their work becomes in a graph. Drivers have been seen to run bodies with
/// several memset nodes wrongly.
/// @throws NotSupported for what must not be in the body of a conditional node
void check_body(cudaGraph_t graph) {
  int memsets = 0;
  for (cudaGraphNode_t node : nodes_of(graph)) {
    cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
    IDL_CUDA_CHECK(cudaGraphNodeGetType(node, &type));
    if (type == cudaGraphNodeTypeMemset) ++memsets;
    const bool allowed = type == cudaGraphNodeTypeKernel || type == cudaGraphNodeTypeEmpty ||
                         (type == cudaGraphNodeTypeMemset && memsets == 1) ||
                         (type == cudaGraphNodeTypeMemcpy && copies_within_device(node));
    if (!allowed) {
      throw NotSupported("a graph node of type " + std::to_string(static_cast<int>(type)) +
                         (memsets > 1 ? " after another one" : "") +
                         " cannot be in a conditional body");
    }
  }
}

/// Adds a WHILE node after `before` and returns its body.
cudaGraph_t add_while_node(cudaGraph_t graph, cudaGraphNode_t before,
                           cudaGraphConditionalHandle handle) {
  cudaGraphNodeParams parameters = {};
  parameters.type = cudaGraphNodeTypeConditional;
  parameters.conditional.handle = handle;
  parameters.conditional.type = cudaGraphCondTypeWhile;
  parameters.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
#if CUDART_VERSION >= 13000
  IDL_CUDA_CHECK(cudaGraphAddNode(&node, graph, &before, nullptr, 1, &parameters));
#else
  IDL_CUDA_CHECK(cudaGraphAddNode(&node, graph, &before, 1, &parameters));
#endif
  return parameters.conditional.phGraph_out[0];
}

/// begin_loop, then a WHILE node around what enqueue_body gives to the stream, then end_iteration.
/// enqueue_body must have been captured with success; the kernels of the loop itself are loaded.
template <class F>
Graph try_while_graph(ConditionalLoop loop, cudaStream_t stream, const F& enqueue_body) {
  Graph graph;
  IDL_CUDA_CHECK(cudaGraphCreate(graph.put(), 0));
  IDL_CUDA_CHECK(
      cudaGraphConditionalHandleCreate(&loop.handle, graph.get(), 0, cudaGraphCondAssignDefault));
  try {
    capture_into(graph.get(), stream, [&] { begin_loop(loop, stream); });
    const std::vector<cudaGraphNode_t> nodes = nodes_of(graph.get());
    if (nodes.size() != 1) {
      throw NotSupported("the start of a loop took " + std::to_string(nodes.size()) +
                         " graph nodes, expected 1");
    }
    cudaGraph_t body = add_while_node(graph.get(), nodes[0], loop.handle);
    capture_into(body, stream, [&] {
      enqueue_body();
      end_iteration(loop, stream);
    });
  } catch (...) {
    static_cast<void>(graph.release());  // see capture_into
    throw;
  }
  return graph;
}

template <class F>
Graph make_while_graph(const ConditionalLoop& loop, cudaStream_t stream, const F& enqueue_body) {
  return retry_spoiled_capture([&] { return try_while_graph(loop, stream, enqueue_body); });
}

/// Base: Program or RecordableProgram.
template <class Base>
class CudaProgram : public Base {
 protected:
  CudaProgram(const ProgramEnvironment& home, Sequence sequence, Steps::Repetition repetition)
      : Base(std::move(sequence)),
        home_(home),
        steps_(this->sequence(), repetition, home.pool, home.place) {}

  /// For destructors: graphs are not destroyed while they run.
  void finish() noexcept {
    const DeviceGuard guard(home_.device, std::nothrow);
    report_failure(cudaStreamSynchronize(home_.stream), "cudaStreamSynchronize");
  }

  /// What the loops do once per launch.
  GraphExec make_prelude() const {
    if (!steps_.has_prelude()) return {};
    const cudaStream_t stream = home_.capture_stream;
    return instantiate_unless_empty(capture(stream, [&] { steps_.enqueue_prelude(stream); }),
                                    home_.pool);
  }

  ProgramEnvironment home_;
  Steps steps_;
};

class StraightProgram final : public CudaProgram<RecordableProgram> {
 public:
  StraightProgram(const ProgramEnvironment& home, Sequence sequence)
      : CudaProgram(home, std::move(sequence), Steps::Repetition::once) {
    const cudaStream_t stream = home_.capture_stream;
    exec_ = instantiate_unless_empty(capture(stream, [&] { steps_.enqueue(stream); }), home_.pool);
  }
  ~StraightProgram() override { finish(); }

  void launch() override {
    const DeviceGuard guard(home_.device);
    launch_graph(exec_, home_.stream, home_.pool);
  }
  void prepare() override {
    for (const Primitive& step : sequence()) cuda::prepare(step, home_.place);
  }
  void enqueue(cudaStream_t stream) const override { steps_.enqueue(stream); }

 private:
  GraphExec exec_;
};

template <class Loop>
class FusedLoopProgram final : public RecordableProgram {
 public:
  FusedLoopProgram(const ProgramEnvironment& home, Sequence iteration, const Loop& loop)
      : RecordableProgram(std::move(iteration)), home_(home), loop_(loop) {}

  void launch() override {
    const DeviceGuard guard(home_.device);
    enqueue(home_.stream);
  }
  void enqueue(cudaStream_t stream) const override { loop_.launch(stream); }
  LoopStrategy strategy() const override { return Loop::k_strategy; }

 private:
  ProgramEnvironment home_;
  Loop loop_;
};

class ConditionalLoopProgram final : public CudaProgram<Program> {
 public:
  ConditionalLoopProgram(const ProgramEnvironment& home, Sequence sequence,
                         const std::int32_t* active, std::int32_t max_iterations,
                         std::int32_t until)
      : CudaProgram(home, std::move(sequence), Steps::Repetition::loop),
        iteration_(home.pool, sizeof(std::int32_t)),
        prelude_(make_prelude()) {
    const cudaStream_t stream = home_.capture_stream;
    const auto body = [&] { steps_.enqueue(stream); };
    const Graph rehearsal = capture(stream, body);
    check_body(rehearsal.get());
    const ConditionalLoop loop = {.handle = {},
                                  .active = active,
                                  .iteration = static_cast<std::int32_t*>(iteration_.data()),
                                  .max_iterations = max_iterations,
                                  .until = until};
    graph_ = make_while_graph(loop, stream, body);
    exec_ = instantiate(graph_, home_.pool);
  }
  ~ConditionalLoopProgram() override { finish(); }

  void launch() override {
    const DeviceGuard guard(home_.device);
    launch_graph(prelude_, home_.stream, home_.pool);
    launch_graph(exec_, home_.stream, home_.pool);
  }
  LoopStrategy strategy() const override { return LoopStrategy::conditional_node; }

 private:
  PoolMemory iteration_;
  GraphExec prelude_;
  Graph graph_;  // kept, since a graph with conditional nodes has one instance at a time
  GraphExec exec_;
};

class BlockLoopProgram final : public CudaProgram<Program> {
 public:
  BlockLoopProgram(const ProgramEnvironment& home, Sequence sequence, const std::int32_t* active,
                   std::int32_t max_iterations, std::int32_t until)
      : CudaProgram(home, std::move(sequence), Steps::Repetition::loop),
        until_(until),
        full_blocks_(max_iterations / k_block_iterations),
        published_(sizeof(std::int32_t)),
        looked_at_{make_event(), make_event()},
        prelude_(make_prelude()) {
    if (full_blocks_ > 0) block_ = make_block(active, k_block_iterations);
    const std::int32_t rest = max_iterations % k_block_iterations;
    if (rest > 0) rest_ = make_block(active, rest);
  }
  ~BlockLoopProgram() override { finish(); }

  void launch() override {
    const DeviceGuard guard(home_.device);
    launch_graph(prelude_, home_.stream, home_.pool);
    const std::int32_t blocks = full_blocks_ + (rest_ ? 1 : 0);
    if (blocks > 0) enqueue_block(0);
    for (std::int32_t block = 1; block < blocks; ++block) {
      enqueue_block(block);
      if (active_after(block - 1) <= until_) return;
    }
  }
  LoopStrategy strategy() const override { return LoopStrategy::block_replay; }

 private:
  GraphExec make_block(const std::int32_t* active, std::int32_t iterations) const {
    const cudaStream_t stream = home_.capture_stream;
    auto* published = static_cast<std::int32_t*>(published_.device_data());
    const Graph graph = capture(stream, [&] {
      for (std::int32_t k = 0; k < iterations; ++k) steps_.enqueue(stream);
      publish_active(active, published, stream);
    });
    return instantiate(graph, home_.pool);
  }

  const Event& looked_at(std::int32_t block) const {
    return looked_at_[static_cast<std::size_t>(block % 2)];
  }

  void enqueue_block(std::int32_t block) {
    const GraphExec& exec = block < full_blocks_ ? block_ : rest_;
    launch_graph(exec, home_.stream, home_.pool);
    IDL_CUDA_CHECK(cudaEventRecord(looked_at(block).get(), home_.stream));
  }

  /// active[0] after `block`, or after the next block, which has left 0 as it was.
  std::int32_t active_after(std::int32_t block) const {
    cudaError_t status = cudaEventQuery(looked_at(block).get());
    while (status == cudaErrorNotReady) {
      std::this_thread::yield();
      status = cudaEventQuery(looked_at(block).get());
    }
    static_cast<void>(cudaGetLastError());  // "not ready" was no error
    IDL_CUDA_CHECK(status);
    return *static_cast<const volatile std::int32_t*>(published_.data());
  }

  std::int32_t until_;
  std::int32_t full_blocks_;
  PinnedMemory published_;
  std::array<Event, 2> looked_at_;
  GraphExec prelude_;
  GraphExec block_;
  GraphExec rest_;
};

}  // namespace

std::unique_ptr<Program> compile_straight(const ProgramEnvironment& home, Sequence sequence) {
  return std::make_unique<StraightProgram>(home, std::move(sequence));
}

std::unique_ptr<Program> compile_fused_loop(const ProgramEnvironment& home, Sequence iteration,
                                            const FusedLoop& loop) {
  return std::make_unique<FusedLoopProgram<FusedLoop>>(home, std::move(iteration), loop);
}

std::unique_ptr<Program> compile_fused_loop(const ProgramEnvironment& home, Sequence iteration,
                                            const FusedSparseLoop& loop) {
  return std::make_unique<FusedLoopProgram<FusedSparseLoop>>(home, std::move(iteration), loop);
}

std::unique_ptr<Program> compile_fused_loop(const ProgramEnvironment& home, Sequence steps,
                                            const FusedRecurrence& loop) {
  return std::make_unique<FusedLoopProgram<FusedRecurrence>>(home, std::move(steps), loop);
}

std::unique_ptr<Program> compile_conditional_loop(const ProgramEnvironment& home, Sequence sequence,
                                                  const std::int32_t* active,
                                                  std::int32_t max_iterations, std::int32_t until) {
  return std::make_unique<ConditionalLoopProgram>(home, std::move(sequence), active, max_iterations,
                                                  until);
}

std::unique_ptr<Program> compile_block_loop(const ProgramEnvironment& home, Sequence sequence,
                                            const std::int32_t* active, std::int32_t max_iterations,
                                            std::int32_t until) {
  return std::make_unique<BlockLoopProgram>(home, std::move(sequence), active, max_iterations,
                                            until);
}

std::optional<bool> conditional_nodes_work(const ProgramEnvironment& home) {
  int driver = 0;
  IDL_CUDA_CHECK(cudaDriverGetVersion(&driver));
  if (driver < 12040) return false;
  const cudaError_t loaded = load_conditional_kernels();
  if (loaded != cudaSuccess) {
    static_cast<void>(cudaGetLastError());
    if (wants_memory(loaded)) return {};
    return false;
  }
  const cudaStream_t stream = home.capture_stream;
  try {
    const PinnedMemory counters(2 * sizeof(std::int32_t));
    auto* seen = static_cast<volatile std::int32_t*>(counters.data());
    seen[0] = 1;   // active
    seen[1] = -1;  // iteration
    auto* on_device = static_cast<std::int32_t*>(counters.device_data());
    const ConditionalLoop loop = {.handle = {},
                                  .active = on_device,
                                  .iteration = on_device + 1,
                                  .max_iterations = 2,
                                  .until = 0};
    const Graph graph = make_while_graph(loop, stream, [] {});
    const GraphExec exec = instantiate(graph, home.pool);
    launch_graph(exec, stream, home.pool);
    IDL_CUDA_CHECK(cudaStreamSynchronize(stream));
    return seen[1] == 2;
  } catch (const CaptureSpoiled&) {
    return {};
  } catch (const OutOfMemory&) {
    return {};
  } catch (const DeviceError&) {
    return false;
  } catch (const NotSupported&) {
    return false;
  }
}

}  // namespace idl::cuda
