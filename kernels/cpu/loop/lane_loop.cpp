// SPDX-License-Identifier: MIT
#include "kernels/cpu/loop/lane_loop.hpp"

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

/// Products with a larger dense A take as long column by column: on an AMD EPYC from 100 rows on,
/// on an Intel Xeon, in float, a fifth less at 100. So do the sums that acceleration and the norms
/// of an adjoint add for each column, from fewer rows on.
template <class T>
constexpr index_t k_most_dense_rows = sizeof(T) == 4 ? 64 : 100;
template <class T>
constexpr index_t k_most_mixed_rows = sizeof(T) == 4 ? 40 : 64;
constexpr index_t k_most_summed_rows = 64;

/// Cache lines in a row of a panel: more of them share the reading of A, and two bring most of
/// that.
template <class T>
index_t lines_for(index_t rows, index_t columns) {
  const index_t most =
      std::clamp<index_t>(k_state_bytes / (rows * k_state_panels * 64), 2, k_most_lines);
  return std::clamp<index_t>((columns + k_line_lanes<T> - 1) / k_line_lanes<T>, 1, most);
}

template <class T>
index_t entries_in(const ConstCsrView<T>& A) {
  return A.row_offsets[A.rows] - A.row_offsets[0];
}
template <class T>
index_t entries_in(const ConstMatrixView<T>& A) {
  return A.rows * A.cols;
}

template <class T, class Update, class Factor>
class LaneLoop final : public ColumnLoop<T> {
 public:
  LaneLoop(const ColumnSteps<T, Update>& steps, const Factor& A, int threads)
      : steps_(steps), A_(A), order_(steps.rows()) {
    const index_t most = std::min<index_t>(threads, steps_.samples());
    const index_t lines = lines_for<T>(steps.rows(), (steps_.samples() + most - 1) / most);
    for (index_t thread = 0; thread < most; ++thread)
      lanes_.push_back(std::make_unique<SampleLanes<T, Update, Factor>>(steps, A, order_, lines));
  }

  void move_to(const FixedPoint<T>& solve) override {
    steps_.move_to(solve);
    for (auto& lanes : lanes_) lanes->move_to(steps_);
  }

  void run() override {
    if (!steps_.has_work()) return;
    const int threads = std::min(static_cast<int>(lanes_.size()), worthwhile_threads());
    if constexpr (Iteration::k_is_sparse)
      if (Iteration::updates_in_registers(steps_)) order_.sort(A_.row_offsets, A_.col_indices);
    WorkQueue queue(steps_.samples(), threads, steps_.samples());
    run_together(threads,
                 [&](int thread) { lanes_[static_cast<std::size_t>(thread)]->run(queue, thread); });
    *steps_.decision.columns.active.data = 0;
  }

 private:
  using Iteration = LaneIteration<T, Update, Factor>;

  /// A solve that is done in a few microseconds takes one thread.
  int worthwhile_threads() const {
    constexpr index_t k_iterations = 8;  // or more
    constexpr index_t k_passes = 8;      // over the entries of a state beside the product
    const index_t work = entries_in(A_) / k_line_lanes<T> + k_passes * steps_.rows();
    return threads_for(steps_.samples(), k_iterations * work);
  }

  ColumnSteps<T, Update> steps_;
  Factor A_;
  RowOrder order_;
  std::vector<std::unique_ptr<SampleLanes<T, Update, Factor>>> lanes_;  ///< of each thread
};

}  // namespace

template <class T, class Update>
std::unique_ptr<ColumnLoop<T>> make_lane_loop(const ColumnSteps<T, Update>& steps,
                                              const ConstCsrView<T>& A, int threads) {
  if (A.rows == 0 || A.rows * 64 > k_most_panel_bytes) return nullptr;
  if (steps.samples() < threads * k_line_lanes<T> / 2 && A.nnz > k_entries_for_few) return nullptr;
  return std::make_unique<LaneLoop<T, Update, ConstCsrView<T>>>(steps, A, threads);
}

template <class T, class Update>
bool fills_lanes(const ColumnSteps<T, Update>& steps, const ConstMatrixView<T>& A) {
  const bool sums = std::is_same_v<Update, AdjointUpdate<T>>;
  const index_t most = steps.mix ? k_most_mixed_rows<T>
                       : sums    ? k_most_summed_rows
                                 : k_most_dense_rows<T>;
  return A.rows > 0 && A.rows <= most && steps.samples() >= k_line_lanes<T>;
}

template <class T>
std::unique_ptr<ColumnLoop<T>> make_lane_loop(const ColumnSteps<T, PicardUpdate<T>>& steps,
                                              const ConstMatrixView<T>& A, int threads) {
  if (!fills_lanes(steps, A)) return nullptr;
  return std::make_unique<LaneLoop<T, PicardUpdate<T>, ConstMatrixView<T>>>(steps, A, threads);
}

template bool fills_lanes(const ColumnSteps<float, PicardUpdate<float>>&,
                          const ConstMatrixView<float>&);
template bool fills_lanes(const ColumnSteps<double, PicardUpdate<double>>&,
                          const ConstMatrixView<double>&);
template bool fills_lanes(const ColumnSteps<float, AdjointUpdate<float>>&,
                          const ConstMatrixView<float>&);
template bool fills_lanes(const ColumnSteps<double, AdjointUpdate<double>>&,
                          const ConstMatrixView<double>&);
template std::unique_ptr<ColumnLoop<float>> make_lane_loop(
    const ColumnSteps<float, PicardUpdate<float>>&, const ConstCsrView<float>&, int);
template std::unique_ptr<ColumnLoop<float>> make_lane_loop(
    const ColumnSteps<float, AdjointUpdate<float>>&, const ConstCsrView<float>&, int);
template std::unique_ptr<ColumnLoop<float>> make_lane_loop(
    const ColumnSteps<float, PicardUpdate<float>>&, const ConstMatrixView<float>&, int);
template std::unique_ptr<ColumnLoop<double>> make_lane_loop(
    const ColumnSteps<double, PicardUpdate<double>>&, const ConstCsrView<double>&, int);
template std::unique_ptr<ColumnLoop<double>> make_lane_loop(
    const ColumnSteps<double, AdjointUpdate<double>>&, const ConstCsrView<double>&, int);
template std::unique_ptr<ColumnLoop<double>> make_lane_loop(
    const ColumnSteps<double, PicardUpdate<double>>&, const ConstMatrixView<double>&, int);

}  // namespace idl::cpu
