// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/recurrent_blocks.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/cpu/loop/column_loop.hpp"
#include "kernels/cpu/loop/recurrent_lanes.hpp"
#include "kernels/cpu/runtime/backend.hpp"
#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"
#include "kernels/loop/recurrent_steps.hpp"

namespace idl::cpu {
namespace {

/// As many as fill the lanes of a loop; what a step has of them stays in the first-level cache
/// where A is small. Of many sequences twice as many: half as many descriptions, which no cache
/// holds. Nothing here follows the number of threads, on which no bit may depend.
constexpr index_t k_sequences = 32;
constexpr index_t k_many = 512;
/// A larger A would be read from farther away for each block.
constexpr index_t k_most_states = 256;

/// Blocks of all sequences, of equal size but for one sequence.
index_t blocks_for(index_t states, index_t sequences) {
  if (states > k_most_states) return 1;
  const index_t most = sequences < k_many ? k_sequences : 2 * k_sequences;
  return (sequences + most - 1) / most;
}

/// Some of the sequences.
template <class T, class Pass>
struct alignas(k_cache_line) SequenceBlock {
  std::int32_t active = 0;
  Pass pass;
  RecurrentSteps<T> steps;  ///< none where all of them are made in lanes

  index_t sequences() const { return pass.lengths.size; }
};

template <class T, class Pass>
using LanesOf =
    std::conditional_t<std::is_same_v<Pass, Recurrence<T>>, RecurrentLanes<T>, AdjointLanes<T>>;

/// What a thread works with: lanes, or a loop for each of the two sizes that blocks have.
template <class T, class Pass>
struct BlockWorker {
  Scratch scratch;
  std::unique_ptr<LanesOf<T, Pass>> lanes;
  std::array<std::unique_ptr<ColumnLoop<T>>, 2> loops;
};

template <class T, class Pass>
class RecurrentBlocks final : public Program {
 public:
  /// Empty where there is no ColumnLoop for its solves.
  static std::unique_ptr<RecurrentBlocks> make(CpuBackend& backend, const Pass& pass, int threads) {
    std::unique_ptr<RecurrentBlocks> program(new RecurrentBlocks(backend, pass));
    return program->make_workers(threads) ? std::move(program) : nullptr;
  }

  void launch() override {
    const ThreadShare share = backend_.share_threads();
    execute(at_first_, workers_.front()->scratch);
    const auto count = static_cast<index_t>(blocks_.size());
    const int threads = std::min(static_cast<int>(workers_.size()), threads_for(count, work()));
    if (count == 1)
      run(blocks_.front(), *workers_.front());
    else
      on_threads(count, threads, [&](index_t block, int thread) {
        run(blocks_[static_cast<std::size_t>(block)], *workers_[static_cast<std::size_t>(thread)]);
      });
    *active_.data = 0;
  }
  LoopStrategy strategy() const override { return LoopStrategy::column_by_column; }

 private:
  using Block = SequenceBlock<T, Pass>;
  using Worker = BlockWorker<T, Pass>;

  /// Of a block, in cheap operations on an element; a solve takes some iterations.
  index_t work() const {
    constexpr index_t k_iterations = 8;
    constexpr index_t k_lanes = 16;
    constexpr index_t k_passes = 8;  // over the entries of a state beside the product
    const Block& block = blocks_.front();
    const index_t n = rows(block.pass.A);
    return steps_ * block.sequences() * k_iterations * n * (n / k_lanes + k_passes);
  }

  RecurrentBlocks(CpuBackend& backend, const Pass& pass)
      : Program(steps_of_all(pass)),
        backend_(backend),
        active_(pass.loop.columns.active),
        at_first_(steps_at_first(pass)),
        steps_(static_cast<index_t>(order_of(pass).size())),
        blocks_(static_cast<std::size_t>(blocks_for(rows(pass.A), pass.lengths.size))) {
    const index_t sequences = pass.lengths.size;
    const auto count = static_cast<index_t>(blocks_.size());
    fewest_ = sequences / count;
    for (index_t b = 0; b < count; ++b) {
      Block& block = blocks_[static_cast<std::size_t>(b)];
      const index_t first = sequences * b / count;
      block.pass = sequences_of(pass, first, sequences * (b + 1) / count - first,
                                {&block.active, 1, Device::cpu()});
    }
  }

  /// For inspection.
  static Sequence steps_of_all(const Pass& pass) {
    const RecurrentSteps<T> whole = recurrent_steps<T>(pass, steps_at_first(pass));
    Sequence all;
    for (const auto& step : whole.steps) {
      append(all, step.before);
      append(all, steps_of(step.solve).iteration);
    }
    append(all, whole.after);
    return all;
  }

  bool make_workers(int threads) {
    const auto count = static_cast<int>(blocks_.size());
    for (int thread = 0; thread < std::min(count, threads); ++thread)
      workers_.push_back(std::make_unique<Worker>());
    return make_lanes() || make_loops(count > 1 ? 1 : threads);
  }

  bool make_lanes() {
    for (auto& worker : workers_) worker->lanes = LanesOf<T, Pass>::make(blocks_.front().pass);
    return workers_.front()->lanes != nullptr;
  }

  bool make_loops(int threads) {
    for (Block& block : blocks_) {
      block.steps = recurrent_steps<T>(block.pass, {});
      for (auto& worker : workers_) {
        std::unique_ptr<ColumnLoop<T>>& loop = loop_for(block, *worker);
        if (!loop) loop = ColumnLoop<T>::make(block.steps.steps.front().solve, threads);
        if (!loop) return false;
      }
    }
    return true;
  }

  std::unique_ptr<ColumnLoop<T>>& loop_for(const Block& block, Worker& worker) {
    return worker.loops[block.sequences() > fewest_ ? 1 : 0];
  }

  void run(const Block& block, Worker& worker) {
    if (worker.lanes) return worker.lanes->run(block.pass);
    ColumnLoop<T>& loop = *loop_for(block, worker);
    for (const auto& step : block.steps.steps) {
      execute(step.before, worker.scratch);
      loop.move_to(step.solve);
      loop.run();
    }
    execute(block.steps.after, worker.scratch);
  }

  CpuBackend& backend_;
  VectorView<std::int32_t> active_;
  Sequence at_first_;
  index_t steps_;
  index_t fewest_ = 0;  ///< sequences in a block
  std::vector<Block> blocks_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace

template <class T>
std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend& backend, const Recurrence<T>& pass,
                                                  int threads) {
  return RecurrentBlocks<T, Recurrence<T>>::make(backend, pass, threads);
}
template <class T>
std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend& backend,
                                                  const RecurrenceAdjoint<T>& pass, int threads) {
  return RecurrentBlocks<T, RecurrenceAdjoint<T>>::make(backend, pass, threads);
}

template std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend&, const Recurrence<float>&,
                                                           int);
template std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend&, const Recurrence<double>&,
                                                           int);
template std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend&,
                                                           const RecurrenceAdjoint<float>&, int);
template std::unique_ptr<Program> compile_recurrent_blocks(CpuBackend&,
                                                           const RecurrenceAdjoint<double>&, int);

}  // namespace idl::cpu
