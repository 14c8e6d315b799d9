// SPDX-License-Identifier: MIT
#pragma once

#include <span>

#include "kernels/cpu/runtime/scratch.hpp"
#include "kernels/cpu/steps/norm_lanes.hpp"
#include "kernels/primitives.hpp"

/// The primitives on the CPU, each in the file of its name. Operands have been validated. T is
/// float or double. Results do not depend on the number of threads.
namespace idl::cpu {

template <class T>
void execute(const Gemm<T>& gemm, Scratch& scratch);
template <class T>
void execute(const Spmm<T>& spmm, Scratch& scratch);
template <class T>
void execute(const Sddmm<T>& sddmm, Scratch& scratch);
template <class T>
void execute(const PicardUpdate<T>& update, Scratch& scratch);
template <class T>
void execute(const ActivationDerivative<T>& derivative, Scratch& scratch);
template <class T>
void execute(const AdjointUpdate<T>& update, Scratch& scratch);
template <class T>
void execute(const Substitute<T>& substitute, Scratch& scratch);
template <class T>
void execute(const SampleSpmm<T>& spmm, Scratch& scratch);
template <class T>
void execute(const SampleUpdate<T>& update, Scratch& scratch);
template <class T>
void execute(const SubstituteByLevels<T>& substitute, Scratch& scratch);
template <class T>
void execute(const ResetStatus<T>& reset, Scratch& scratch);
template <class T>
void execute(const UpdateStatus<T>& update, Scratch& scratch);
template <class T>
void execute(const AndersonMix<T>& mix, Scratch& scratch);
void execute(const RoundToBFloat16& round, Scratch& scratch);
void execute(const LowGemm& gemm, Scratch& scratch);
void execute(const BeginRefinement& begin, Scratch& scratch);
void execute(const UpdateRefinement& update, Scratch& scratch);
void execute(const ListRunning& list, Scratch& scratch);
template <class T>
void execute(const MoveStatus<T>& move, Scratch& scratch);
template <class T>
void execute(const CopyStep<T>& copy, Scratch& scratch);
template <class T>
void execute(const GatherColumns<T>& gather, Scratch& scratch);
template <class T>
void execute(const ScatterColumns<T>& scatter, Scratch& scratch);
template <class T>
void execute(const SoftmaxCrossEntropy<T>& loss, Scratch& scratch);
template <class T>
void execute(const SquaredError<T>& loss, Scratch& scratch);
template <class T>
void execute(const StoreValues<T>& store, Scratch& scratch);
template <class T>
void execute(const AdamUpdate<T>& update, Scratch& scratch);
template <class T>
void execute(const SgdUpdate<T>& update, Scratch& scratch);
template <class T>
void execute(const ProjectRowsL1<T>& projection, Scratch& scratch);
template <class T>
void execute(const ProjectCsrRowsL1<T>& projection, Scratch& scratch);
template <class T>
void execute(const MaskStrictlyUpper<T>& mask, Scratch& scratch);
template <class T>
void execute(const UpdateParameters<T>& step, Scratch& scratch);
template <class T>
void execute(const RowAbsSums<T>& row_sums, Scratch& scratch);
template <class T>
void execute(const CsrRowAbsSums<T>& row_sums, Scratch& scratch);
template <class T>
void execute(const AbsProduct<T>& product, Scratch& scratch);
template <class T>
void execute(const GatherElements<T>& gather, Scratch& scratch);
template <class T>
void execute(const ColumnNorms<T>& norms, Scratch& scratch);
template <class T>
void execute(const Reduce<T>& reduce, Scratch& scratch);
template <class T>
void execute(const AddScaled<T>& add, Scratch& scratch);
template <class T>
void execute(const CopyMatrix<T>& copy, Scratch& scratch);
template <class T>
void execute(const Transpose<T>& transpose, Scratch& scratch);
template <class T>
void execute(const Fill<T>& fill, Scratch& scratch);
template <class T>
void execute(const Convert<T>& convert, Scratch& scratch);
template <class T>
void execute(const DenseToCsr<T>& conversion, Scratch& scratch);
template <class T>
void execute(const CsrToDense<T>& conversion, Scratch& scratch);
template <class T>
void execute(const FillRandom<T>& fill, Scratch& scratch);
template <class T>
void execute(const ArgmaxColumns<T>& argmax, Scratch& scratch);

/// Each step after the other.
void execute(const Sequence& sequence, Scratch& scratch);

/// The update of these columns, which are all running, in the calling thread. They are whole cache
/// lines; after the entries of a state come zeros, which stay zeros. The norms of a PicardUpdate
/// are joined in `norms`, and are those of the columns when they have been settled.
template <class T>
void update_columns(const PicardUpdate<T>& update, std::span<const index_t> columns,
                    std::span<NormLanes<T>> norms);
template <class T>
void settle_norms(const PicardUpdate<T>& update, std::span<const index_t> columns,
                  std::span<const NormLanes<T>> norms);
/// Those of an AdjointUpdate are sums, in the order of its blocks.
template <class T>
void update_columns(const AdjointUpdate<T>& update, std::span<const index_t> columns);

}  // namespace idl::cpu
