// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/sparse_loop.hpp"

#include <algorithm>
#include <vector>

#include "kernels/cpu/loop/sample_lanes.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

/// The first-level cache of a core and a little more: the states, whose rows are read in any order,
/// and the next ones should stay there.
constexpr index_t k_state_bytes = 52 * 1024;
constexpr index_t k_state_panels = 2;
/// What a panel of one line may take, of which a thread has some.
constexpr index_t k_most_panel_bytes = index_t(64) << 20;
/// With fewer columns a thread, lanes are left empty: products with more entries than this are made
/// by all threads together, step by step.
constexpr index_t k_entries_for_few = 100000;

/// Cache lines in a row of a panel: more of them share the reading of A, and two bring most of
/// that.
template <class T>
index_t lines_for(index_t rows, index_t columns) {
  const index_t most =
      std::clamp<index_t>(k_state_bytes / (rows * k_state_panels * 64), 2, k_most_lines);
  return std::clamp<index_t>((columns + k_line_lanes<T> - 1) / k_line_lanes<T>, 1, most);
}

template <class T, class Update>
class SparseLoop final : public ColumnLoop {
 public:
  SparseLoop(const ColumnSteps<T, Update>& steps, ConstCsrView<T> A, index_t samples, int threads)
      : steps_(steps), A_(A), samples_(samples), order_(A.rows) {
    const index_t most = std::min<index_t>(threads, samples);
    const index_t lines = lines_for<T>(A.rows, (samples + most - 1) / most);
    for (index_t thread = 0; thread < most; ++thread)
      lanes_.push_back(std::make_unique<SampleLanes<T, Update>>(steps, A, order_, lines));
  }

  void run() override {
    std::int32_t& active = *steps_.decision.columns.active.data;
    if (!steps_.from_zero && (active == 0 || steps_.decision.max_iterations == 0)) return;
    const int threads = std::min(static_cast<int>(lanes_.size()), worthwhile_threads());
    if (lanes_.front()->follows_order()) order_.sort(A_.row_offsets, A_.col_indices);
    WorkQueue queue(samples_, threads, samples_);
    run_together(threads,
                 [&](int thread) { lanes_[static_cast<std::size_t>(thread)]->run(queue, thread); });
    active = 0;
  }

 private:
  /// A solve that is done in a few microseconds takes one thread.
  int worthwhile_threads() const {
    constexpr index_t k_iterations = 8;  // or more
    constexpr index_t k_passes = 8;      // over the entries of a state beside the product
    const index_t entries = A_.row_offsets[A_.rows] - A_.row_offsets[0];
    return threads_for(samples_, k_iterations * (entries / k_line_lanes<T> + k_passes * A_.rows));
  }

  ColumnSteps<T, Update> steps_;
  ConstCsrView<T> A_;
  index_t samples_;
  RowOrder order_;
  std::vector<std::unique_ptr<SampleLanes<T, Update>>> lanes_;  ///< of each thread
};

}  // namespace

template <class T, class Update>
std::unique_ptr<ColumnLoop> make_sparse_loop(const ColumnSteps<T, Update>& steps, ConstCsrView<T> A,
                                             int threads) {
  const index_t samples = steps.decision.columns.status.size;
  if (A.rows == 0 || A.rows * 64 > k_most_panel_bytes) return nullptr;
  if (samples < threads * k_line_lanes<T> / 2 && A.nnz > k_entries_for_few) return nullptr;
  return std::make_unique<SparseLoop<T, Update>>(steps, A, samples, threads);
}

template std::unique_ptr<ColumnLoop> make_sparse_loop(
    const ColumnSteps<float, PicardUpdate<float>>&, ConstCsrView<float>, int);
template std::unique_ptr<ColumnLoop> make_sparse_loop(
    const ColumnSteps<float, AdjointUpdate<float>>&, ConstCsrView<float>, int);
template std::unique_ptr<ColumnLoop> make_sparse_loop(
    const ColumnSteps<double, PicardUpdate<double>>&, ConstCsrView<double>, int);
template std::unique_ptr<ColumnLoop> make_sparse_loop(
    const ColumnSteps<double, AdjointUpdate<double>>&, ConstCsrView<double>, int);

}  // namespace idl::cpu
