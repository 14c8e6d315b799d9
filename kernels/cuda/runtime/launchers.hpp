// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "idl/context.hpp"
#include "kernels/primitives.hpp"

/// The primitives as work on a stream, each in the .cu file of its name. Operands have been
/// validated; sizes of zero launch nothing. Every launcher is asynchronous, allocates nothing and
/// may be captured into a graph. T is float or double.
namespace idl::cuda {

/// Aᵀ in compressed rows: row_offsets[cols + 1]; the e-th entry has its column in col_indices and
/// its place among the entries of A in entries. Filled by transpose_pattern.
struct TransposedPattern {
  std::int64_t* row_offsets = nullptr;
  std::int32_t* col_indices = nullptr;
  std::int64_t* entries = nullptr;
};

/// Working memory of reduce, in doubles; 16-byte aligned.
inline constexpr index_t k_reduce_scratch = 1024;

/// The batch-invariant form of Gemm; also right for k = 0, and for all that the library refuses.
template <class T>
void gemm_in_fixed_order(const Gemm<T>& gemm, CUstream_st* stream);
void gemm_in_fixed_order(const LowGemm& gemm, CUstream_st* stream);
/// `transposed` is used, and needed, with transpose_A only.
template <class T>
void spmm(const Spmm<T>& spmm, const TransposedPattern& transposed, CUstream_st* stream);
template <class T>
void sddmm(const Sddmm<T>& sddmm, CUstream_st* stream);
/// Bytes of the working memory of picard_update.
template <class T>
std::size_t picard_update_bytes(const PicardUpdate<T>& update);
template <class T>
void picard_update(const PicardUpdate<T>& update, void* scratch, CUstream_st* stream);
template <class T>
void activation_derivative(const ActivationDerivative<T>& derivative, CUstream_st* stream);
template <class T>
void adjoint_update(const AdjointUpdate<T>& update, CUstream_st* stream);
template <class T>
void substitute(const Substitute<T>& substitute, CUstream_st* stream);
/// In the place of the library: also right where that is not found, or refuses.
template <class T>
void sample_spmm_in_fixed_order(const SampleSpmm<T>& spmm, CUstream_st* stream);
/// narrow[i] <- row_offsets[i] − row_offsets[0], for `count` of them.
void narrow_offsets(const std::int64_t* row_offsets, std::int32_t* narrow, index_t count,
                    CUstream_st* stream);
/// Bytes of the working memory of sample_update.
template <class T>
std::size_t sample_update_bytes(const SampleUpdate<T>& update);
template <class T>
void sample_update(const SampleUpdate<T>& update, void* scratch, CUstream_st* stream);
template <class T>
void substitute_by_levels(const SubstituteByLevels<T>& substitute, CUstream_st* stream);
template <class T>
void reset_status(const ResetStatus<T>& reset, CUstream_st* stream);
template <class T>
void update_status(const UpdateStatus<T>& update, CUstream_st* stream);
template <class T>
void anderson_mix(const AndersonMix<T>& mix, CUstream_st* stream);
void round_to_bfloat16(const RoundToBFloat16& round, CUstream_st* stream);
void begin_refinement(const BeginRefinement& begin, CUstream_st* stream);
void update_refinement(const UpdateRefinement& update, CUstream_st* stream);
void list_running(const ListRunning& list, CUstream_st* stream);
template <class T>
void move_status(const MoveStatus<T>& move, CUstream_st* stream);
template <class T>
void copy_step(const CopyStep<T>& copy, CUstream_st* stream);
template <class T>
void gather_columns(const GatherColumns<T>& gather, CUstream_st* stream);
template <class T>
void scatter_columns(const ScatterColumns<T>& scatter, CUstream_st* stream);
template <class T>
void softmax_cross_entropy(const SoftmaxCrossEntropy<T>& loss, CUstream_st* stream);
template <class T>
void squared_error(const SquaredError<T>& loss, CUstream_st* stream);
template <class T>
void store_values(const StoreValues<T>& store, CUstream_st* stream);
template <class T>
void adam_update(const AdamUpdate<T>& update, CUstream_st* stream);
template <class T>
void sgd_update(const SgdUpdate<T>& update, CUstream_st* stream);
template <class T>
void project_rows_l1(const ProjectRowsL1<T>& projection, CUstream_st* stream);
template <class T>
void project_csr_rows_l1(const ProjectCsrRowsL1<T>& projection, CUstream_st* stream);
template <class T>
void mask_strictly_upper(const MaskStrictlyUpper<T>& mask, CUstream_st* stream);
template <class T>
void update_parameters(const UpdateParameters<T>& step, CUstream_st* stream);
template <class T>
void row_abs_sums(const RowAbsSums<T>& row_sums, CUstream_st* stream);
template <class T>
void csr_row_abs_sums(const CsrRowAbsSums<T>& row_sums, CUstream_st* stream);
template <class T>
void abs_product(const AbsProduct<T>& product, CUstream_st* stream);
template <class T>
void gather_elements(const GatherElements<T>& gather, CUstream_st* stream);
template <class T>
void column_norms(const ColumnNorms<T>& norms, CUstream_st* stream);
/// `scratch` has k_reduce_scratch elements.
template <class T>
void reduce(const Reduce<T>& reduce, double* scratch, CUstream_st* stream);
template <class T>
void add_scaled(const AddScaled<T>& add, CUstream_st* stream);
template <class T>
void copy_matrix(const CopyMatrix<T>& copy, CUstream_st* stream);
template <class T>
void transpose(const Transpose<T>& transpose, CUstream_st* stream);
template <class T>
void fill(const Fill<T>& fill, CUstream_st* stream);
template <class T>
void convert(const Convert<T>& convert, CUstream_st* stream);
template <class T>
void dense_to_csr(const DenseToCsr<T>& conversion, CUstream_st* stream);
template <class T>
void csr_to_dense(const CsrToDense<T>& conversion, CUstream_st* stream);
template <class T>
void fill_random(const FillRandom<T>& fill, CUstream_st* stream);
template <class T>
void argmax_columns(const ArgmaxColumns<T>& argmax, CUstream_st* stream);

}  // namespace idl::cuda
