// SPDX-License-Identifier: MIT
#include "kernels/cuda/runtime/steps.hpp"

#include <variant>

#include "kernels/cuda/runtime/launchers.hpp"

namespace idl::cuda {
namespace {

constexpr std::size_t k_alignment = 256;

/// Whether a Gemm goes to the library.
template <class T>
bool is_for_library(const Gemm<T>& g) {
  const index_t inner = g.transpose_A ? g.A.rows : g.A.cols;
  return !g.batch_invariant && inner > 0 && g.C.rows > 0 && g.C.cols > 0;
}

template <class T>
bool needs_transposed(const Spmm<T>& s) {
  return s.transpose_A && s.C.rows > 0 && s.C.cols > 0;
}

struct ScratchBytes {
  template <class T>
  std::size_t operator()(const Spmm<T>& s) const {
    return needs_transposed(s) ? transposed_pattern_bytes(pattern_of(s.A)) : 0;
  }
  template <class T>
  std::size_t operator()(const SampleUpdate<T>& u) const {
    return sample_update_bytes(u);
  }
  template <class T>
  std::size_t operator()(const PicardUpdate<T>& u) const {
    return picard_update_bytes(u);
  }
  template <class P>
  std::size_t operator()(const P&) const {
    return 0;
  }
};

struct Prepare {
  const StepResources& place;

  template <class T>
  void operator()(const Gemm<T>& g) const {
    if (is_for_library(g)) place.products.prepare(g);
  }
  void operator()(const LowGemm& g) const { place.products.prepare(g); }
  template <class P>
  void operator()(const P&) const {}
};

struct PlanProduct {
  const StepResources& place;

  template <class T>
  SpmmPlan operator()(const SampleSpmm<T>& s) const {
    return place.sparse_products.prepare(s);
  }
  template <class P>
  SpmmPlan operator()(const P&) const {
    return {};
  }
};

/// One overload per primitive; a forgotten one does not compile.
struct Enqueue {
  void* scratch;
  bool scratch_is_filled;
  const SpmmPlan& plan;
  const StepResources& place;
  cudaStream_t stream;

  template <class T>
  void operator()(const Gemm<T>& g) const {
    is_for_library(g) ? place.products.run(g, stream) : gemm_in_fixed_order(g, stream);
  }
  template <class T>
  void operator()(const Spmm<T>& s) const {
    if (!needs_transposed(s)) return spmm(s, {}, stream);
    const Pattern pattern = pattern_of(s.A);
    if (!scratch_is_filled) transpose_pattern(pattern, scratch, stream);
    spmm(s, transposed_pattern_in(scratch, pattern), stream);
  }
  template <class T>
  void operator()(const SampleSpmm<T>& s) const {
    place.sparse_products.run(s, plan, stream);
  }
  template <class T>
  void operator()(const SampleUpdate<T>& u) const {
    sample_update(u, scratch, stream);
  }
  template <class T>
  void operator()(const PicardUpdate<T>& u) const {
    picard_update(u, scratch, stream);
  }
  template <class T>
  void operator()(const Reduce<T>& r) const {
    reduce(r, place.reduce_scratch, stream);
  }
  // clang-format off
  template <class T> void operator()(const Sddmm<T>& p) const { sddmm(p, stream); }
  template <class T> void operator()(const ActivationDerivative<T>& p) const {
    activation_derivative(p, stream);
  }
  template <class T> void operator()(const AdjointUpdate<T>& p) const { adjoint_update(p, stream); }
  template <class T> void operator()(const Substitute<T>& p) const { substitute(p, stream); }
  template <class T> void operator()(const SubstituteByLevels<T>& p) const {
    substitute_by_levels(p, stream);
  }
  template <class T> void operator()(const ResetStatus<T>& p) const { reset_status(p, stream); }
  template <class T> void operator()(const UpdateStatus<T>& p) const { update_status(p, stream); }
  template <class T> void operator()(const AndersonMix<T>& p) const { anderson_mix(p, stream); }
  void operator()(const LowGemm& g) const { place.products.run(g, stream); }
  void operator()(const RoundToBFloat16& p) const { round_to_bfloat16(p, stream); }
  void operator()(const BeginRefinement& p) const { begin_refinement(p, stream); }
  void operator()(const UpdateRefinement& p) const { update_refinement(p, stream); }
  void operator()(const ListRunning& p) const { list_running(p, stream); }
  template <class T> void operator()(const MoveStatus<T>& p) const { move_status(p, stream); }
  template <class T> void operator()(const CopyStep<T>& p) const { copy_step(p, stream); }
  template <class T> void operator()(const GatherColumns<T>& p) const { gather_columns(p, stream); }
  template <class T> void operator()(const ScatterColumns<T>& p) const {
    scatter_columns(p, stream);
  }
  template <class T> void operator()(const SoftmaxCrossEntropy<T>& p) const {
    softmax_cross_entropy(p, stream);
  }
  template <class T> void operator()(const SquaredError<T>& p) const { squared_error(p, stream); }
  template <class T> void operator()(const StoreValues<T>& p) const { store_values(p, stream); }
  template <class T> void operator()(const AdamUpdate<T>& p) const { adam_update(p, stream); }
  template <class T> void operator()(const SgdUpdate<T>& p) const { sgd_update(p, stream); }
  template <class T> void operator()(const ProjectRowsL1<T>& p) const {
    project_rows_l1(p, stream);
  }
  template <class T> void operator()(const ProjectCsrRowsL1<T>& p) const {
    project_csr_rows_l1(p, stream);
  }
  template <class T> void operator()(const MaskStrictlyUpper<T>& p) const {
    mask_strictly_upper(p, stream);
  }
  template <class T> void operator()(const UpdateParameters<T>& p) const {
    update_parameters(p, stream);
  }
  template <class T> void operator()(const RowAbsSums<T>& p) const { row_abs_sums(p, stream); }
  template <class T> void operator()(const AbsProduct<T>& p) const { abs_product(p, stream); }
  template <class T> void operator()(const CsrRowAbsSums<T>& p) const {
    csr_row_abs_sums(p, stream);
  }
  template <class T> void operator()(const GatherElements<T>& p) const {
    gather_elements(p, stream);
  }
  template <class T> void operator()(const ColumnNorms<T>& p) const { column_norms(p, stream); }
  template <class T> void operator()(const AddScaled<T>& p) const { add_scaled(p, stream); }
  template <class T> void operator()(const CopyMatrix<T>& p) const { copy_matrix(p, stream); }
  template <class T> void operator()(const Transpose<T>& p) const { transpose(p, stream); }
  template <class T> void operator()(const Fill<T>& p) const { fill(p, stream); }
  template <class T> void operator()(const Convert<T>& p) const { convert(p, stream); }
  template <class T> void operator()(const DenseToCsr<T>& p) const { dense_to_csr(p, stream); }
  template <class T> void operator()(const CsrToDense<T>& p) const { csr_to_dense(p, stream); }
  template <class T> void operator()(const FillRandom<T>& p) const { fill_random(p, stream); }
  template <class T> void operator()(const ArgmaxColumns<T>& p) const { argmax_columns(p, stream); }
  // clang-format on
};

/// Whether the scratch of a step holds the same in every run of a loop.
struct StaysTheSame {
  template <class T>
  bool operator()(const Spmm<T>& s) const {
    return s.fixed_pattern && needs_transposed(s);
  }
  template <class P>
  bool operator()(const P&) const {
    return false;
  }
};

struct FillScratch {
  void* scratch;
  cudaStream_t stream;

  template <class T>
  void operator()(const Spmm<T>& s) const {
    transpose_pattern(pattern_of(s.A), scratch, stream);
  }
  template <class P>
  void operator()(const P&) const {}
};

}  // namespace

std::size_t scratch_bytes(const Primitive& step) { return std::visit(ScratchBytes{}, step); }

void prepare(const Primitive& step, const StepResources& place) {
  std::visit(Prepare{place}, step);
}

SpmmPlan plan_of(const Primitive& step, const StepResources& place) {
  return std::visit(PlanProduct{place}, step);
}

void enqueue(const Primitive& step, void* scratch, const SpmmPlan& plan, const StepResources& place,
             cudaStream_t stream) {
  std::visit(Enqueue{scratch, false, plan, place, stream}, step);
}

Steps::Steps(const Sequence& sequence, Repetition repetition, MemoryPool& pool,
             const StepResources& place)
    : sequence_(sequence), place_(place) {
  std::vector<std::size_t> offsets;
  std::size_t total = 0;
  place.products.begin_preparation();
  for (const Primitive& step : sequence) {
    prepare(step, place);
    plans_.push_back(plan_of(step, place));
    offsets.push_back(total);
    total += (scratch_bytes(step) + k_alignment - 1) / k_alignment * k_alignment;
  }
  if (total > 0) memory_ = PoolMemory(pool, total);
  for (std::size_t i = 0; i < sequence.size(); ++i) {
    Scratch scratch;
    if (total > 0) scratch.data = static_cast<std::byte*>(memory_.data()) + offsets[i];
    scratch.filled_by_prelude =
        repetition == Repetition::loop && std::visit(StaysTheSame{}, sequence[i]);
    scratch_.push_back(scratch);
  }
}

bool Steps::has_prelude() const {
  for (const Scratch& scratch : scratch_) {
    if (scratch.filled_by_prelude) return true;
  }
  return false;
}

void Steps::enqueue_prelude(cudaStream_t stream) const {
  for (std::size_t i = 0; i < sequence_.size(); ++i) {
    if (!scratch_[i].filled_by_prelude) continue;
    std::visit(FillScratch{scratch_[i].data, stream}, sequence_[i]);
  }
}

void Steps::enqueue(cudaStream_t stream) const {
  for (std::size_t i = 0; i < sequence_.size(); ++i) {
    std::visit(Enqueue{scratch_[i].data, scratch_[i].filled_by_prelude, plans_[i], place_, stream},
               sequence_[i]);
  }
}

}  // namespace idl::cuda
