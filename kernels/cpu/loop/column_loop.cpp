// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/column_loop.hpp"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/cpu/loop/column_slots.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

/// An A of this size shares the cache of a core with the columns at work.
constexpr std::size_t k_cached_bytes = std::size_t(1) << 20;
/// Columns that a thread works on at a time: few enough to stay in the cache, and enough for A to
/// be read seldom, which where it comes from farther away takes more of them.
constexpr index_t k_slots = 16;
constexpr index_t k_slots_beside_large = 128;
/// With fewer columns a thread, it takes longer for each of them to read all of a large A than for
/// all to read their part: n = 4096 with 2 columns each took 2.4 times as long.
constexpr index_t k_least_beside_large = 8;

/// What the sequence must be to be taken apart: steps that work column by column, on one batch,
/// and one decision.
struct Inspection {
  std::optional<index_t> samples;
  VectorView<std::int32_t> active;
  bool separable = true;

  void batch_of(index_t count) {
    separable = separable && (!samples || *samples == count);
    samples = count;
  }
  template <class T>
  void operator()(const Gemm<T>& gemm) {
    separable = separable && !gemm.transpose_B;
    batch_of(gemm.C.cols);
  }
  template <class T>
  void operator()(const PicardUpdate<T>& update) {
    batch_of(update.X.cols);
  }
  template <class T>
  void operator()(const AdjointUpdate<T>& update) {
    batch_of(update.V.cols);
  }
  template <class T>
  void operator()(const UpdateStatus<T>& update) {
    separable = separable && active.data == nullptr;
    batch_of(update.step_norms.size);
    active = update.columns.active;
  }
  template <class T>
  void operator()(const AndersonMix<T>& mix) {
    batch_of(mix.X.cols);
  }
  template <class T>
  void operator()(const ActivationDerivative<T>& derivative) {
    batch_of(derivative.Psi.cols);
  }
  template <class Other>
  void operator()(const Other&) {
    separable = false;
  }
};

template <class T>
bool stays_in_cache(const Gemm<T>& product) {
  const ConstMatrixView<T>& A = product.A;
  return static_cast<std::size_t>(A.rows * A.cols) * sizeof(T) <= k_cached_bytes;
}

template <class T, class Update>
class SeparableLoop final : public ColumnLoop {
 public:
  SeparableLoop(const ColumnSteps<T, Update>& steps, index_t samples, int threads)
      : steps_(steps), samples_(samples) {
    const index_t most = std::min<index_t>(threads, samples);
    const index_t slots =
        std::min(stays_in_cache(steps.sweep.product) ? k_slots : k_slots_beside_large,
                 (samples + most - 1) / most);
    for (index_t thread = 0; thread < most; ++thread)
      slots_.push_back(std::make_unique<ColumnSlots<T, Update>>(steps, product_, slots));
  }

  void run(std::int32_t max_iterations) override {
    std::int32_t& active = *steps_.decision.columns.active.data;
    if (!steps_.from_zero && (active == 0 || max_iterations == 0)) return;
    product_.prepare(steps_.sweep.product, samples_);
    const int threads = std::min(static_cast<int>(slots_.size()), worthwhile_threads());
    WorkQueue queue(samples_, threads, samples_);
    std::atomic<index_t> next_panel = 0;
    std::atomic<index_t> packed_panels = 0;
    std::atomic<std::int32_t> running = 0;
    run_together(threads, [&](int thread) {
      const index_t panels = product_.panels();
      for (index_t panel = next_panel++; panel < panels; panel = next_panel++) {
        product_.pack(panel);
        packed_panels.fetch_add(1, std::memory_order_release);
      }
      // Only for those that have begun to pack one, which takes a moment unless they are
      // interrupted.
      constexpr int k_pauses = 1000;
      for (int k = 0; packed_panels.load(std::memory_order_acquire) < panels; ++k) {
        if (k < k_pauses)
          pause_briefly();
        else
          std::this_thread::yield();
      }
      running += slots_[static_cast<std::size_t>(thread)]->run(queue, thread, max_iterations);
    });
    active = running;
  }

 private:
  /// A solve that is done in a few microseconds takes one thread.
  int worthwhile_threads() const {
    constexpr index_t k_iterations = 8;   // or more
    constexpr index_t k_operations = 16;  // multiplications and additions that cost one element
    constexpr index_t k_passes = 8;       // over the entries of a state beside the product
    const Gemm<T>& product = steps_.sweep.product;
    return threads_for(samples_,
                       product.C.rows * k_iterations * (product.B.rows / k_operations + k_passes));
  }

  ColumnSteps<T, Update> steps_;
  index_t samples_;
  PackedGemm<T> product_;
  std::vector<std::unique_ptr<ColumnSlots<T, Update>>> slots_;  ///< one for each thread
};

template <class T, class Update>
std::unique_ptr<ColumnLoop> make_loop(Sequence steps, index_t samples, int threads,
                                      bool from_zero) {
  ColumnSteps<T, Update> loop;
  loop.from_zero = from_zero;
  const auto* derivative = std::get_if<ActivationDerivative<T>>(&steps.front());
  if (from_zero && derivative != nullptr) {
    loop.derivative = *derivative;
    steps.erase(steps.begin());
  }
  auto sweep = leading_sweep<T, Update>(steps);
  if (!sweep || !PackedGemm<T>::fits(sweep->product) ||
      !std::ranges::all_of(sweep->first_rows, PackedGemm<T>::begins_at))
    return nullptr;
  const Gemm<T>& product = sweep->product;
  if (!stays_in_cache(product) && samples < k_least_beside_large * threads) return nullptr;
  if (product.B.data != state_of(sweep->update).data ||
      product.C.data != product_of(sweep->update).data)
    return nullptr;
  const std::size_t next = 2 * sweep->first_rows.size();
  const std::size_t behind = steps.size() - next;
  if (behind != 1 && behind != 2) return nullptr;
  const auto* decision = std::get_if<UpdateStatus<T>>(&steps[next]);
  const auto* mix = behind == 2 ? std::get_if<AndersonMix<T>>(&steps[next + 1]) : nullptr;
  if (decision == nullptr || (behind == 2 && mix == nullptr)) return nullptr;
  loop.sweep = std::move(*sweep);
  loop.decision = *decision;
  if (mix != nullptr) loop.mix = *mix;
  return std::make_unique<SeparableLoop<T, Update>>(loop, samples, threads);
}

}  // namespace

std::unique_ptr<ColumnLoop> ColumnLoop::make(const Sequence& sequence,
                                             VectorView<const std::int32_t> active, int threads,
                                             bool from_zero) {
  Inspection inspection;
  for (const Primitive& step : sequence) std::visit(inspection, step);
  const index_t samples = inspection.samples.value_or(0);
  if (sequence.empty() || !inspection.separable || inspection.active.data != active.data ||
      samples < 1)
    return nullptr;
  const auto made = [&]<class T>(T) {
    auto loop = make_loop<T, PicardUpdate<T>>(sequence, samples, threads, from_zero);
    return loop ? std::move(loop)
                : make_loop<T, AdjointUpdate<T>>(sequence, samples, threads, from_zero);
  };
  auto loop = made(float());
  return loop ? std::move(loop) : made(double());
}

}  // namespace idl::cpu
