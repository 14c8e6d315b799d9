// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <variant>
#include <vector>

#include "idl/activation.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/matrix.hpp"
#include "idl/solver.hpp"
#include "kernels/loop_primitives.hpp"

/// The operations that every backend has, as plain structs that name their operands.
///
/// All matrices are column-major with any ld >= rows; m is the number of columns (samples). Unless
/// a text says otherwise, operands must not overlap, outputs are overwritten, and sizes of zero
/// are allowed and do nothing. Shapes are checked by validate() for both backends. Each is there
/// for float and double. A vector operand marked "optional" may have size 0: it is then not used.
namespace idl {

/// C <- alpha op(A) op(B) + beta C, op(A) r×k, op(B) k×m, C r×m. With beta == 0 C is not read.
template <class T>
struct Gemm {
  ConstMatrixView<T> A;
  ConstMatrixView<T> B;
  MatrixView<T> C;
  bool transpose_A = false;
  bool transpose_B = false;
  T alpha = T(1);
  T beta = T(0);
  /// Column j of C gets the same bits whatever the number of columns and the place of j. Needs
  /// transpose_B == false.
  bool batch_invariant = false;
};

/// C <- A B + beta C with sparse A (r×k), B k×m, C r×m; with `transpose_A`: C <- Aᵀ B + beta C.
template <class T>
struct Spmm {
  ConstCsrView<T> A;
  ConstMatrixView<T> B;
  MatrixView<T> C;
  bool transpose_A = false;
  T beta = T(0);
  /// The pattern of A stays the same while a loop with this step runs: with `transpose_A` a loop
  /// may then look at it once per launch. Nobody checks it.
  bool fixed_pattern = false;
};

/// values of P <- (V Xᵀ) at the pattern of P; V r×m, X k×m, P r×k with its pattern given.
template <class T>
struct Sddmm {
  ConstMatrixView<T> V;
  ConstMatrixView<T> X;
  CsrView<T> P;  ///< row_offsets and col_indices are read, values written; capacity is nnz
};

/// Y q×m, labels m. losses_j = log Σ_i exp(Y_ij) − Y_{labels_j, j}; dY = scale·(softmax(Y) −
/// onehot). correct_j (optional) is 1 where the largest Y_ij (the first of equals) is finite and at
/// labels_j, else 0: a column that holds NaN or +inf is never right. A label outside [0, q) makes
/// the loss and its column of dY NaN. dY may have zero columns: then only losses are computed.
template <class T>
struct SoftmaxCrossEntropy {
  ConstMatrixView<T> Y;
  VectorView<const std::int32_t> labels;
  MatrixView<T> dY;
  VectorView<T> losses;
  VectorView<T> correct{};
  T scale = T(1);
};

/// Y, target and dY q×m. losses_j = (1/q) Σ_i (Y−target)²; dY = scale·(2/q)·(Y−target). dY may have
/// zero columns: then only losses are computed.
template <class T>
struct SquaredError {
  ConstMatrixView<T> Y;
  ConstMatrixView<T> target;
  MatrixView<T> dY;
  VectorView<T> losses;
  T scale = T(1);
};

/// One step t >= 1 of Adam as PyTorch defines it (Kingma & Ba 2015), all matrices of one shape:
///   g = dM + weight_decay·M (plain)     or   M <- M − lr·weight_decay·M (decoupled, AdamW)
///   m1 <- β1 m1 + (1−β1) g;  m2 <- β2 m2 + (1−β2) g²
///   M <- M − lr/(1−β1ᵗ) · m1 / (sqrt(m2)/sqrt(1−β2ᵗ) + ε)
/// Where an entry of dM is not finite, M, m1 and m2 keep theirs.
template <class T>
struct AdamUpdate {
  MatrixView<T> M;
  ConstMatrixView<T> dM;
  MatrixView<T> m1;
  MatrixView<T> m2;
  double learning_rate = 0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  bool decoupled = false;
  std::int64_t step = 1;
  /// Optional, 3 elements, on the device: lr/(1−β1ᵗ), 1/sqrt(1−β2ᵗ) and the factor of M in front
  /// (1 − lr·weight_decay if decoupled, else 1), which change from step to step; learning_rate and
  /// step are then not looked at.
  VectorView<const T> schedule{};
  /// Optional, 1 element: becomes 1 where some entry of dM is not finite, else stays as it is.
  VectorView<std::int32_t> left_out{};
};

/// g = dM + weight_decay·M;  velocity <- momentum·velocity + g;  M <- M − lr·velocity (PyTorch's
/// SGD with dampening 0; `nesterov`: M <- M − lr·(g + momentum·velocity)). Where an entry of dM is
/// not finite, M and velocity keep theirs.
template <class T>
struct SgdUpdate {
  MatrixView<T> M;
  ConstMatrixView<T> dM;
  MatrixView<T> velocity;
  double learning_rate = 0;
  double momentum = 0;
  double weight_decay = 0;
  bool nesterov = false;
  VectorView<const T> schedule{};  ///< optional, 1 element, on the device: lr, instead of the above
  VectorView<std::int32_t> left_out{};  ///< as that of AdamUpdate
};

/// to_k <- values_k. The values travel with the call: nothing on the host has to stay unchanged.
template <class T>
struct StoreValues {
  VectorView<T> to;  ///< at most values.size() elements
  std::array<T, 4> values{};
};

/// Each row a of A becomes its Euclidean projection onto {‖a‖₁ <= radius}: unchanged, bit for bit,
/// where Σ|a_i| (summed in double) <= radius, else sign(a_i)·max(|a_i|−θ, 0) with
/// Σ max(|a_i|−θ, 0) = radius up to rounding, rounded so that the sum, in any order of summation
/// in double, never exceeds radius: projecting twice changes nothing, on either device.
/// Rows with a non-finite entry stay as they are. zeros_i (optional) counts entries equal to 0.
/// With a threshold λ > 0 what is projected is sign(a_i)·max(|a_i|−λ, 0): the row becomes the
/// proximal operator of λ‖a‖₁ in the ball, and its sum does not exceed radius either.
template <class T>
struct ProjectRowsL1 {
  MatrixView<T> A;
  T radius = T(0);
  VectorView<std::int32_t> zeros{};
  T threshold = T(0);
  VectorView<const T> schedule{};  ///< optional, 1 element, on the device: the threshold instead
};

/// The same for rows of which only some entries are stored; the others are 0 and stay so.
template <class T>
struct ProjectCsrRowsL1 {
  CsrView<T> A;  ///< row_offsets are read, values written, columns may lack; capacity is nnz
  T radius = T(0);
  VectorView<std::int32_t> zeros{};  ///< of the stored entries
  T threshold = T(0);
  VectorView<const T> schedule{};
};

/// A_ij <- 0 for i >= j.
template <class T>
struct MaskStrictlyUpper {
  MatrixView<T> A;
};

/// What brings A back into its set: rows onto the ℓ1 ball, zeros on and below the diagonal, or
/// nothing, where every A is allowed.
template <class T>
using Projection =
    std::variant<std::monostate, ProjectRowsL1<T>, MaskStrictlyUpper<T>, ProjectCsrRowsL1<T>>;

/// A step of an optimiser on M, then the projection of A. A is the leading block of M: it begins at
/// M_00 and has the ld of M. In compressed rows, its values lie within a column of M. The bits are
/// those of one after the other. What the projection reads and writes beside A is apart from the
/// operands of the update.
template <class T>
struct UpdateParameters {
  std::variant<AdamUpdate<T>, SgdUpdate<T>> update;
  Projection<T> projection{};
};

/// sums_i = Σ_j |A_ij w_j|; w is 1 without weights.
template <class T>
struct RowAbsSums {
  ConstMatrixView<T> A;
  VectorView<T> sums;
  VectorView<const T> weights{};  ///< optional, one for each column
};

/// sums_i = Σ_j |A_ij| over the stored entries, summed in double.
template <class T>
struct CsrRowAbsSums {
  ConstCsrView<T> A;
  VectorView<T> sums;
};

/// y_i = Σ_j |A_ij| v_j in double, whatever T is. A is dense, or compressed rows, whose entries
/// that are not stored count as 0. Subnormal entries may, too.
template <class T>
struct AbsProduct {
  std::variant<ConstMatrixView<T>, ConstCsrView<T>> A;
  VectorView<const double> v;
  VectorView<double> y;
};

/// to_k <- from[indices_k], the indices in [0, from.size).
template <class T>
struct GatherElements {
  VectorView<const T> from;
  VectorView<const std::int64_t> indices;
  VectorView<T> to;
};

enum class NormKind : std::uint8_t { one, inf };

/// norms_j = Σ_i |w_i X_ij| or max_i |w_i X_ij|; NaN if the column holds a NaN. w is 1 without
/// weights.
template <class T>
struct ColumnNorms {
  ConstMatrixView<T> X;
  VectorView<T> norms;
  NormKind kind = NormKind::inf;
  VectorView<const T> weights{};  ///< optional, one for each row
};

enum class ReduceKind : std::uint8_t { sum, max };

/// result[0] = scale·Σ x_i or scale·max x_i (NaN if any is NaN; 0 for no elements). The order of
/// summation depends on the size alone; sums are taken in double.
template <class T>
struct Reduce {
  VectorView<const T> x;
  VectorView<T> result;
  ReduceKind kind = ReduceKind::sum;
  T scale = T(1);
};

/// Y <- Y + alpha X, one shape.
template <class T>
struct AddScaled {
  ConstMatrixView<T> X;
  MatrixView<T> Y;
  T alpha = T(1);
};

/// Y <- X, one shape.
template <class T>
struct CopyMatrix {
  ConstMatrixView<T> X;
  MatrixView<T> Y;
};

/// Y <- Xᵀ, Y of as many rows as X has columns.
template <class T>
struct Transpose {
  ConstMatrixView<T> X;
  MatrixView<T> Y;
};

/// Y <- value everywhere.
template <class T>
struct Fill {
  MatrixView<T> Y;
  T value = T(0);
};

/// Y <- X in the other precision, rounded to nearest. T is the type of X.
template <class T>
struct Convert {
  using Other = std::conditional_t<std::is_same_v<T, float>, double, float>;
  ConstMatrixView<T> X;
  MatrixView<Other> Y;
};

/// P <- the nonzero entries of A. nnz[0] = their number; where it exceeds P.capacity only
/// row_offsets is valid.
template <class T>
struct DenseToCsr {
  ConstMatrixView<T> A;
  CsrView<T> P;
  VectorView<std::int64_t> nnz;
};

/// A <- P, zero elsewhere.
template <class T>
struct CsrToDense {
  ConstCsrView<T> P;
  MatrixView<T> A;
};

/// A_ij <- scale·g(seed, sequence, i + j·rows) with g standard normal by Philox4x32-10 (Salmon et
/// al. 2011) and the inverse normal distribution in correctly rounded operations only, computed in
/// double: the same bits on every device and, up to the rounding to float, in both precisions.
template <class T>
struct FillRandom {
  MatrixView<T> A;
  std::uint64_t seed = 0;
  std::uint64_t sequence = 0;
  double scale = 1.0;
};

/// indices_j = the row of the largest X_ij, the first of equals; -1 where the column holds a NaN,
/// which has no largest entry.
template <class T>
struct ArgmaxColumns {
  ConstMatrixView<T> X;
  VectorView<std::int32_t> indices;
};

/// Any one of P<float>..., P<double>... and Others....
template <template <class> class... P>
struct InBothPrecisions {
  template <class... Others>
  using Or = std::variant<P<float>..., P<double>..., Others...>;
};

/// Any one primitive. Every primitive is listed here, once; where the validation or a backend lacks
/// one, it does not compile.
using Primitive = InBothPrecisions<
    Gemm, Spmm, Sddmm, PicardUpdate, ActivationDerivative, AdjointUpdate, Substitute,
    SubstituteByLevels, SampleSpmm, SampleUpdate, ResetStatus, CopyStep, UpdateStatus, AndersonMix,
    MoveStatus, GatherColumns, ScatterColumns, SoftmaxCrossEntropy, SquaredError, StoreValues,
    AdamUpdate, SgdUpdate, ProjectRowsL1, ProjectCsrRowsL1, MaskStrictlyUpper, UpdateParameters,
    RowAbsSums, CsrRowAbsSums, AbsProduct, GatherElements, ColumnNorms, Reduce, AddScaled,
    CopyMatrix, Transpose, Fill, Convert, DenseToCsr, CsrToDense, FillRandom,
    ArgmaxColumns>::Or<RoundToBFloat16, LowGemm, BeginRefinement, UpdateRefinement, ListRunning>;

/// A program as data: primitives in order.
using Sequence = std::vector<Primitive>;

/// For sequences, and for programs and whatever else stands in a row.
template <class E>
void append(std::vector<E>& row, const std::type_identity_t<std::vector<E>>& tail) {
  row.insert(row.end(), tail.begin(), tail.end());
}

}  // namespace idl
