// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "idl/activation.hpp"
#include "idl/context.hpp"
#include "idl/csr_matrix.hpp"
#include "idl/data_format.hpp"
#include "idl/export.hpp"
#include "idl/matrix.hpp"
#include "idl/parameters.hpp"
#include "idl/solver.hpp"
#include "idl/well_posedness.hpp"

namespace idl {

/// Sizes: n states, p inputs, q outputs.
struct ModelShape {
  index_t states = 0;   ///< n >= 1
  index_t inputs = 0;   ///< p >= 1, without the bias
  index_t outputs = 0;  ///< q >= 1

  /// The same n, p and q.
  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

/// What a model is beside its sizes and parameters.
struct ModelOptions {
  Activation activation{};         ///< φ; relu unless said otherwise
  WellPosedness well_posedness{};  ///< the constraint on A; ‖A‖∞ <= 0.95 unless said otherwise
  /// A row of ones is appended to U: B and D get one more column, the last.
  bool bias = false;
  /// D (with its bias column) is zero and stays zero; Y = CX.
  bool no_D = false;
  /// Accept an activation and κ with L_φκ >= 1, where the iteration is not proved to converge.
  bool allow_unproven = false;
  /// A = LRᵀ, whose n×r factors L and R are the parameters: this r. None: A itself is. The
  /// constraint is ‖L‖∞ <= √κ and ‖Rᵀ‖∞ <= √κ, which make ‖A‖∞ <= κ; A is free with `none`, and
  /// not strictly upper triangular.
  std::optional<index_t> rank{};

  /// All the same.
  friend bool operator==(const ModelOptions&, const ModelOptions&) = default;
};

/// A prediction with its certificate.
template <class T>
struct Prediction {
  Matrix<T> Y;         ///< q×m
  Matrix<T> X;         ///< n×m, the state
  SolveReport report;  ///< one entry per sample
};

/// LRᵀ, whose entries are never made.
template <class T>
struct LowRankMatrix {
  Matrix<T> L;  ///< rows×r
  Matrix<T> R;  ///< cols×r

  /// Those of L.
  index_t rows() const { return L.rows(); }
  /// The rows of R.
  index_t cols() const { return R.rows(); }
  /// Where the factors lie.
  Device device() const { return L.device(); }
};

/// A matrix of a model: with all of its entries, in compressed rows, or, which A alone may be, LRᵀ.
template <class T>
using ModelMatrix = std::variant<Matrix<T>, CsrMatrix<T>, LowRankMatrix<T>>;

/// What a model may be made of.
template <class T>
struct ModelMatrices {
  ModelMatrix<T> A;                   ///< n×n
  ModelMatrix<T> B;                   ///< n×p', p' = p, or p+1 with bias
  ModelMatrix<T> C;                   ///< q×n
  std::optional<ModelMatrix<T>> D{};  ///< q×p'; none with no_D
};

/// An implicit model X = φ(AX + BU), Ŷ = CX + DU (El Ghaoui, Gu, Travacca, Askari, Tsai, "Implicit
/// Deep Learning", SIAM J. Math. Data Sci. 3(3), 2021).
///
/// All parameters are one matrix M. Of a dense model it is [A B; C D], (n+q)×(n+p'), p' = p, or p+1
/// with bias. Of a sparse model, in which some of A, B, C and D are in compressed rows, and of a
/// low-rank model, A = LRᵀ, it is one column of what they store, and no array of n² elements is
/// ever made. Reading is thread-safe; each thread uses a Context of its own on the device of the
/// model. A model that has been made is complete for all of them; one that was moved from may only
/// be destroyed or assigned to.
template <class T>
class IDL_EXPORT ImplicitModel {
 public:
  /// Dense, or with options.rank of low rank. Parameters drawn from N(0,1)/n, those of L from
  /// N(0,1)/r, by `seed` (the same bits on every device), then projected.
  /// @throws InvalidArgument (sizes < 1; κ outside (0,1); L_φκ >= 1 unless allowed), OutOfMemory
  ImplicitModel(Context& context, ModelShape shape, ModelOptions options = {},
                std::uint64_t seed = 0);
  /// Of copies of these matrices on the context's device, A projected; options.no_D says that there
  /// is no D, and options.rank becomes that of A = LRᵀ. Which entries of compressed rows are stored
  /// stays as it is, also where training makes some of them zero.
  /// @throws InvalidArgument (as above; sizes that do not fit each other; another device; an entry
  /// of a sparse A stored on or below the diagonal where A is to be strictly upper triangular;
  /// LRᵀ in the place of B, C or D; another options.rank), OutOfMemory
  ImplicitModel(Context& context, const ModelMatrices<T>& matrices, ModelOptions options = {});
  /// Of the caller's memory for M: dense, or with options.rank one column of L, R, B, C and D, each
  /// column-major. Nothing is copied or projected; with no_D the block of a dense D counts for
  /// nothing. The memory outlives the model and what was made of it. Values may change in place, as
  /// every call reads them anew; whoever changes them calls project() afterwards, and on a GPU
  /// orders the change with the Context. A strictly upper triangular A must be one, which the
  /// certificates suppose. Copies by clone() own their memory.
  /// @throws InvalidArgument (sizes < 1; κ outside (0,1); L_φκ >= 1 unless allowed; M of another
  /// shape, without data or not aligned as T)
  static ImplicitModel borrow(MatrixView<T> M, ModelShape shape, ModelOptions options = {});

  /// n, p, q.
  const ModelShape& shape() const { return shape_; }
  /// Activation, constraint and the rest.
  const ModelOptions& options() const { return options_; }
  /// Where the parameters lie.
  Device device() const { return M_.device; }
  /// p' = inputs, plus one with bias.
  index_t input_rows() const { return shape_.inputs + (options_.bias ? 1 : 0); }
  /// The tensors that the model's file has, and where they lie in M: A, B, C and (unless no_D) D,
  /// or "A.values", ... of those in compressed rows, or L and R in the place of A.
  const ParameterLayout& layout() const;
  /// Whether this one of "A", "B", "C" and "D" is in compressed rows.
  bool is_sparse(std::string_view matrix) const;

  /// All parameters. Whoever changes them calls project() afterwards.
  MatrixView<T> M() { return M_; }
  /// n×n. @throws InvalidArgument where it is in compressed rows or LRᵀ
  MatrixView<T> A() { return dense("A").of(M()); }
  /// n×p'. @throws InvalidArgument where it is in compressed rows
  MatrixView<T> B() { return dense("B").of(M()); }
  /// q×n. @throws InvalidArgument where it is in compressed rows
  MatrixView<T> C() { return dense("C").of(M()); }
  /// q×p'. @throws InvalidArgument where it is in compressed rows, or a sparse model has none
  MatrixView<T> D() { return dense("D").of(M()); }
  /// n×r. @throws InvalidArgument where A is not LRᵀ
  MatrixView<T> L() { return dense("L").of(M()); }
  /// n×r. @throws InvalidArgument where A is not LRᵀ
  MatrixView<T> R() { return dense("R").of(M()); }
  /// All parameters, read-only.
  ConstMatrixView<T> M() const { return M_; }
  /// As A(), read-only.
  ConstMatrixView<T> A() const { return dense("A").of(M()); }
  /// As B(), read-only.
  ConstMatrixView<T> B() const { return dense("B").of(M()); }
  /// As C(), read-only.
  ConstMatrixView<T> C() const { return dense("C").of(M()); }
  /// As D(), read-only.
  ConstMatrixView<T> D() const { return dense("D").of(M()); }
  /// As L(), read-only.
  ConstMatrixView<T> L() const { return dense("L").of(M()); }
  /// As R(), read-only.
  ConstMatrixView<T> R() const { return dense("R").of(M()); }
  /// "A", "B", "C" or "D" in compressed rows; its values are a part of M.
  /// @throws InvalidArgument where it is not in compressed rows
  ConstCsrView<T> csr(std::string_view matrix) const;

  /// Brings A back into the set of options().well_posedness (and D to zero with no_D). Needed after
  /// the parameters were changed from outside; training does it after every step.
  void project(Context& context);
  /// Makes κ the radius of the ball in which A is, and projects. Passes go on with the model, and
  /// so does a Trainer, which projects onto the new ball from its next step on.
  /// @throws InvalidArgument (a model that is in no ball; κ outside (0,1); L_φκ >= 1 unless
  /// allowed)
  void set_kappa(Context& context, double kappa);

  /// Solves for the state of each column of U (p×m) and evaluates Y. Never changes the model.
  /// Waits for the result. A column that does not converge is told in the report and by a
  /// warning (ContextOptions::every_solve_warning); it harms no other column.
  /// @param X0  start of the iteration, n×m; none: zero
  /// @throws InvalidArgument (shapes, devices), OutOfMemory
  Prediction<T> predict(Context& context, ConstMatrixView<T> U, const SolverOptions& options = {},
                        std::optional<ConstMatrixView<T>> X0 = std::nullopt) const;
  /// The same into the caller's memory: Y q×m, X n×m or none, both apart from what is read, and a
  /// report whose memory is used again. The context keeps what calls of the last shapes need, so
  /// that on the CPU a call with the shapes and options of one of them allocates nothing, unless
  /// its samples take more than 4 MiB.
  /// @throws InvalidArgument (shapes, devices, operands that overlap), OutOfMemory
  void predict_into(Context& context, ConstMatrixView<T> U, MatrixView<T> Y,
                    std::optional<MatrixView<T>> X, SolveReport& report,
                    const SolverOptions& options = {},
                    std::optional<ConstMatrixView<T>> X0 = std::nullopt) const;

  /// A copy on the context's device, which may be another than the model's. @throws OutOfMemory
  ImplicitModel clone(Context& context) const;

 private:
  friend struct detail::Inside<ImplicitModel>;
  ImplicitModel() = default;
  /// Where this matrix lies in M. @throws InvalidArgument where not all of its entries do
  ParameterTensor dense(const char* matrix) const;

  ModelShape shape_;
  ModelOptions options_;
  Matrix<T> memory_;  ///< of M; empty where it is borrowed
  MatrixView<T> M_;
  std::shared_ptr<const detail::Inside<ImplicitModel>> inside_;  ///< what the parameters are
};

extern template class ImplicitModel<float>;
extern template class ImplicitModel<double>;

/// What the caller knows of a model file: it completes what the file's metadata say. The names are
/// those of the metadata keys and of the flags of the program (docs/model_files.md). What is said
/// nowhere is assumed, and told by one warning: relu, ‖A‖∞ <= 0.95 (or strictly upper triangular,
/// where A is and lies outside that ball), no bias.
struct LoadOptions {
  std::optional<ActivationKind> activation{};  ///< φ, one of the library's; a file names its own
  /// Slope of leaky_relu below zero, scale of elu. The kind's own default unless said otherwise.
  std::optional<double> alpha{};
  std::optional<WellPosednessKind> well_posedness{};  ///< the constraint on A
  std::optional<double> kappa{};  ///< ‖A‖∞ <= kappa, in (0, 1); says inf_norm_ball too
  std::optional<bool> bias{};     ///< whether the last columns of B and D are a bias
  std::optional<bool> no_D{};     ///< whether the model has no D; needed where the file has none
  /// What precedes A, B, C and D in the tensors' names ("module."). Found where only one fits.
  std::optional<std::string> prefix{};
  /// These options hold where the metadata say something else, which is an error otherwise.
  bool override_metadata = false;
  /// A is projected onto its constraint where it lies outside by more than rounding, which is an
  /// error otherwise.
  bool project = false;
  bool allow_unproven = false;  ///< as ModelOptions::allow_unproven
  /// load_model takes the cell of a recurrent model, without its head, which is an error otherwise.
  bool cell_alone = false;
};

/// Writes A (n,n), B (n,p'), C (q,n), D (q,p'; absent with no_D) row-major, as the original PyTorch
/// package's ImplicitModel.load_state_dict takes them, with the options as metadata. Atomic. Where
/// A was changed without project() and lies outside its constraint, its projection is written, and
/// one warning tells so.
/// @param step  number of optimiser steps that made these parameters, kept as metadata
/// @param data  what inputs and outputs are, kept as metadata and tensors "data.…"
/// @throws NotFinite (a parameter is NaN or infinite: load_model would refuse the file; what was
///         there before stays), IoError, InvalidArgument (`data` does not fit the model's sizes)
template <class T>
IDL_EXPORT void save_model(Context& context, const ImplicitModel<T>& model,
                           const std::filesystem::path& path, std::int64_t step = 0,
                           const DataFormat& data = {});

/// Reads what save_model wrote, or a state_dict of the original PyTorch package saved with
/// safetensors; float16, bfloat16, float32 and float64 files load into either T. A is what the file
/// holds, up to rounding.
/// @throws IoError (unreadable, tensors missing, shapes that do not fit each other, NaN or
/// infinity, an A outside its constraint), InvalidArgument (options that contradict the metadata or
/// each other; a recurrent model, which load_rnn reads, unless LoadOptions::cell_alone asks for its
/// cell)
template <class T>
IDL_EXPORT ImplicitModel<T> load_model(Context& context, const std::filesystem::path& path,
                                       const LoadOptions& options = {});

}  // namespace idl
