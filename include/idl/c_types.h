/* SPDX-License-Identifier: MIT */
#ifndef IDL_C_TYPES_H
#define IDL_C_TYPES_H

/**
 * @file
 * The types of the C interface; its functions are in idl/c_api.h.
 *
 * Structs whose first member is struct_size may grow in later versions. The caller sets it to the
 * size of the struct that it was compiled with. A library that knows more members takes those
 * beyond struct_size as zero, and leaves them alone where it writes. A struct that is larger than
 * what the library knows is IDL_STATUS_INVALID_ARGUMENT, since members would be overlooked. In all
 * structs zero is the default of a member, unless its text says otherwise.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What every call that can fail returns. */
typedef enum idl_status {
  IDL_STATUS_OK = 0,
  IDL_STATUS_INVALID_ARGUMENT = 1, /**< impossible sizes, names, null pointers */
  IDL_STATUS_NOT_SUPPORTED = 2,    /**< no such device, or not in this build */
  IDL_STATUS_DEVICE_ERROR = 3,     /**< CUDA or one of its libraries failed */
  IDL_STATUS_OUT_OF_MEMORY = 4,    /**< on the host or on the device */
  IDL_STATUS_IO_ERROR = 5,         /**< a file cannot be read, written or understood */
  IDL_STATUS_ERROR = 6,            /**< anything else */
  IDL_STATUS_NOT_CONVERGED = 7,    /**< the answers are there, but some sample did not converge or
                                        has outputs that are not finite, and no reports were asked
                                        for that would tell which */
  IDL_STATUS_NOT_FINITE = 8        /**< a training step met numbers that are not finite and left
                                        them out, or a model that holds some was not written */
} idl_status;

/** The element type of a model and of all its arrays. */
typedef enum idl_precision {
  IDL_FLOAT32 = 0,
  IDL_FLOAT64 = 1,
  IDL_PRECISION_MAX_ENUM = 0x7FFFFFFF /**< no precision: makes the enumeration an int's size */
} idl_precision;

/** Where the caller's arrays lie. */
typedef enum idl_memory {
  IDL_MEMORY_HOST = 0,
  IDL_MEMORY_DEVICE = 1,           /**< on the context's device; used without a copy to the host */
  IDL_MEMORY_MAX_ENUM = 0x7FFFFFFF /**< no place: makes the enumeration an int's size */
} idl_memory;

/** How much a message matters. */
typedef enum idl_severity {
  IDL_SEVERITY_INFO = 0,
  IDL_SEVERITY_WARNING = 1,
  IDL_SEVERITY_ERROR = 2
} idl_severity;

/** Why the iteration of one sample ended. */
typedef enum idl_solve_status {
  IDL_SOLVE_CONVERGED = 1,
  IDL_SOLVE_STAGNATED = 2, /**< at the level of rounding: no better answer in this precision */
  IDL_SOLVE_MAX_ITERATIONS = 3,
  IDL_SOLVE_DIVERGED = 4 /**< an infinite or NaN entry appeared */
} idl_solve_status;

/** What training makes small. */
typedef enum idl_loss {
  IDL_LOSS_SOFTMAX_CROSS_ENTROPY = 0, /**< mean over samples of log Σ_i exp(Y_i) − Y_label */
  IDL_LOSS_SQUARED_ERROR = 1 /**< mean over all entries of (Y − target)², PyTorch's MSELoss */
} idl_loss;

/** How the entries of a tensor lie. */
typedef enum idl_tensor_kind {
  IDL_TENSOR_DENSE = 0,     /**< a matrix with all of its entries */
  IDL_TENSOR_CSR_VALUES = 1 /**< what a matrix in compressed rows stores, one column; the pattern:
                                 idl_model_read_pattern() */
} idl_tensor_kind;

/** The certificate of one sample. */
typedef struct idl_sample_report {
  int32_t status;     /**< idl_solve_status */
  int32_t iterations; /**< applications of the map X -> φ(AX + BU) */
  double step;        /**< ‖X_k − X_{k−1}‖∞ of the last iteration */
  double residual;    /**< upper bound of ‖φ(AX + BU) − X‖∞ */
  double error_bound; /**< upper bound of ‖X − X*‖∞, rounding included; +inf where none is known */
  int32_t fallbacks;                /**< iterates that the acceleration had to throw away */
  int32_t low_precision_iterations; /**< applications in bfloat16, beside `iterations` */
} idl_sample_report;

/**
 * When a solve stops; zeroes mean the library's defaults (300 iterations, 3e-6, 0). Numbers that
 * are negative, not finite or not among those named are IDL_STATUS_INVALID_ARGUMENT.
 */
typedef struct idl_solver_options {
  int32_t max_iterations;      /**< applications of the map at most */
  double absolute_tolerance;   /**< in the units of the state; of an adjoint in those of dY */
  double relative_tolerance;   /**< times the norm of the iterate */
  int32_t certified;           /**< nonzero: stop by kappa/(1-kappa) times the step (solver.hpp) */
  int32_t batch_invariant;     /**< nonzero: the same bits for a sample in whatever batch */
  int32_t anderson;            /**< Anderson acceleration (solver.hpp): 1 yes, -1 no, 0 automatic */
  int32_t automatic_precision; /**< nonzero: Precision::automatic for both loops (solver.hpp) */
  int32_t gauss_seidel;        /**< Gauss-Seidel sweeps (solver.hpp): 1 yes, -1 no, 0 automatic */
} idl_solver_options;

/**
 * What the caller knows of a model file: completes what its metadata say (LoadOptions of
 * model.hpp). Zeroes mean that nothing is said; of what neither says the library assumes relu, ‖A‖∞
 * <= 0.95 (or strictly upper triangular, where A is and lies outside that ball) and no bias, and
 * one warning tells so.
 */
typedef struct idl_load_options {
  const char* activation;     /**< "relu", "tanh", ... (activation.hpp) */
  const double* alpha;        /**< slope of leaky_relu below zero, scale of elu */
  const char* well_posedness; /**< "inf_norm_ball", "strictly_upper_triangular", "none" */
  const double* kappa;        /**< ‖A‖∞ <= kappa, in (0, 1); says inf_norm_ball too */
  int32_t bias;               /**< whether the last columns of B and D are a bias: 1 yes, -1 no */
  int32_t no_D;               /**< whether the model has no D: 1 yes, -1 no */
  const char* prefix;         /**< what precedes A, B, C and D in the tensors' names: "module." */
  int32_t override_metadata;  /**< nonzero: this holds where the file says something else */
  int32_t project;            /**< nonzero: an A outside its constraint is projected, not refused */
  int32_t allow_unproven;     /**< nonzero: an activation with L_φκ >= 1 is accepted */
} idl_load_options;

/**
 * Receives what the library has to say, on the thread that uses the context. It must not call back
 * into that context, nor throw or jump out. `text` lives until it returns.
 */
typedef void (*idl_log_callback)(void* data, idl_severity severity, const char* text);

/** How a context is made. */
typedef struct idl_context_settings {
  size_t struct_size; /**< sizeof(idl_context_settings) */
  const char* device; /**< "cpu", "cuda" or "cuda:K"; NULL or "auto": a GPU where there is one */
  void* stream; /**< a cudaStream_t that orders the work and outlives the context; NULL: one of
                     its own (idl_context_wait_for() orders it with others) */
  idl_log_callback log;    /**< NULL: warnings and errors go to standard error */
  void* log_data;          /**< the first argument of `log` */
  int32_t threads;         /**< on the CPU at most, the caller's among them; <= 256; 0: by itself */
  int32_t batch_invariant; /**< nonzero: for all solves with this context, whatever their options */
  /** nonzero: every solve that does not converge is warned of, not the 1st, 10th, 100th, ... */
  int64_t every_solve_warning;
} idl_context_settings;

/** What a model is beside its parameters. */
typedef struct idl_model_settings {
  size_t struct_size;         /**< sizeof(idl_model_settings) */
  int64_t states;             /**< n >= 1 */
  int64_t inputs;             /**< p >= 1, without the bias */
  int64_t outputs;            /**< q >= 1 */
  const char* activation;     /**< "relu", "tanh", ... (activation.hpp); NULL: relu */
  const double* alpha;        /**< slope of leaky_relu below zero, scale of elu; NULL: its own */
  const char* well_posedness; /**< "inf_norm_ball", "strictly_upper_triangular", "none"; NULL: the
                                   first */
  double kappa;               /**< of inf_norm_ball: ‖A‖∞ <= kappa, in (0, 1); 0: 0.95 */
  uint64_t seed;              /**< of the parameters where they are drawn */
  int32_t precision;          /**< idl_precision */
  int32_t bias;               /**< nonzero: B and D get a last column, the bias */
  int32_t no_D;               /**< nonzero: D is zero and stays zero */
  int32_t allow_unproven;     /**< nonzero: an activation with L_φκ >= 1 is accepted */
  const int64_t* rank; /**< r >= 0 of A = LRᵀ, whose n×r factors L and R are the parameters; NULL: A
                            itself is */
} idl_model_settings;

/** A matrix of the caller's on the host: with all of its entries, in compressed rows, or LRᵀ. */
typedef struct idl_matrix {
  size_t struct_size; /**< sizeof(idl_matrix) */
  int64_t rows;       /**< >= 0 */
  int64_t cols;       /**< >= 0 */
  const void* values; /**< column-major entries, or those of the rows one after the other */
  int64_t ld;         /**< elements from one column to the next, >= rows; 0: rows. Not of rows */
  const int64_t* row_offsets; /**< rows+1, from 0 to the number of entries; NULL: all are stored */
  const int32_t* col_indices; /**< one an entry, in [0, cols), ascending within a row */
  /** R, with as many columns: the matrix is LRᵀ, which A alone may be, and all above is L. NULL:
      none */
  const struct idl_matrix* right;
} idl_matrix;

/** A named tensor of a model, and its place in M and dM. */
typedef struct idl_tensor {
  size_t struct_size; /**< sizeof(idl_tensor) */
  const char* name;   /**< as in model files: "A", ..., or "A.values"; lives as long as the model */
  int64_t rows;       /**< its own */
  int64_t cols;       /**< its own */
  int64_t offset;     /**< of its first entry in M without gaps between columns */
  int64_t ld;         /**< elements from one of its columns to the next there */
  int32_t kind;       /**< idl_tensor_kind */
  int32_t reserved;   /**< 0 */
} idl_tensor;

/** What a model file says beside the model. */
typedef struct idl_save_settings {
  size_t struct_size; /**< sizeof(idl_save_settings) */
  int64_t step;       /**< optimiser steps that made the parameters, >= 0 */
} idl_save_settings;

/** How a model is made sparse (SparsifyOptions of sparsify.hpp). */
typedef struct idl_sparsify_settings {
  size_t struct_size;    /**< sizeof(idl_sparsify_settings) */
  const char* target;    /**< "A" alone, or "M": A, B, C and D, each by itself; NULL: "M" */
  const char* by;        /**< "magnitude", "row-topk", "threshold" or "random"; NULL: the first */
  const double* density; /**< share of the entries that stays, in [0, 1]; NULL: 0.1. Not looked at
                              by threshold */
  double threshold;      /**< >= 0: least magnitude that stays, by threshold */
  uint64_t seed;         /**< by random */
} idl_sparsify_settings;

/**
 * How a pass is made. The absolute tolerance of the adjoint is in the units of dY, the default for
 * gradients of a mean over about a hundred samples: see idl_pass_backward().
 */
typedef struct idl_pass_settings {
  size_t struct_size;               /**< sizeof(idl_pass_settings) */
  const idl_solver_options* solver; /**< of both solves; NULL: the defaults */
  const idl_solver_options*
      adjoint;            /**< whose tolerances are the adjoint's; NULL: those of `solver` */
  int32_t forward_only;   /**< nonzero: there will be no backward pass */
  int32_t input_gradient; /**< nonzero: the backward pass gives dU too */
} idl_pass_settings;

/**
 * How a trainer trains (OptimizerOptions of optimizer.hpp). In batches of m > 100 samples the
 * absolute tolerance of the adjoint is 100/m of what is given.
 */
typedef struct idl_trainer_settings {
  size_t struct_size;               /**< sizeof(idl_trainer_settings) */
  int64_t samples;                  /**< m >= 1 of a batch; idl_trainer_set_samples() changes it */
  const idl_solver_options* solver; /**< of both solves; NULL: the defaults */
  const idl_solver_options*
      adjoint;                 /**< whose tolerances are the adjoint's; NULL: those of `solver` */
  const char* optimizer;       /**< "adam", "adamw" or "sgd"; NULL: adam */
  const double* learning_rate; /**< >= 0; NULL: 1e-3. idl_trainer_set_learning_rate() */
  const double* beta1;         /**< in [0, 1), of adam and adamw; NULL: 0.9 */
  const double* beta2;         /**< in [0, 1), of adam and adamw; NULL: 0.999 */
  const double* epsilon;       /**< >= 0, of adam and adamw; NULL: 1e-8 */
  double weight_decay;         /**< >= 0 */
  double momentum;             /**< in [0, 1), of sgd */
  double prox;                 /**< >= 0, of the proximal operator of the ℓ1 norm of A */
  int32_t nesterov;            /**< nonzero: sgd looks ahead by its momentum */
  int32_t loss;                /**< idl_loss */
  const char* frozen; /**< matrices that stay as they are, "A,D" of A (or L, R), B, C and D; NULL:
                           none */
} idl_trainer_settings;

/** What one step of training told. */
typedef struct idl_step_figures {
  size_t struct_size; /**< sizeof(idl_step_figures) */
  int64_t steps;      /**< optimiser steps taken so far, this one among them */
  double loss;        /**< mean over the batch, before the step */
  double accuracy;    /**< share of samples whose largest output is the label; NaN without labels */
  double forward_iterations; /**< mean per sample */
  double adjoint_iterations; /**< mean per sample */
  int64_t not_converged;     /**< columns of either solve that met no stopping rule */
} idl_step_figures;

/** One ordered place of work: a device and a stream (context.hpp). */
typedef struct idl_context idl_context;
/** An implicit model on the device of the context that made it (model.hpp). */
typedef struct idl_model idl_model;
/** Forward and backward pass for one batch size (batch_pass.hpp). */
typedef struct idl_pass idl_pass;
/** An optimiser by itself, for gradients from elsewhere (optimizer.hpp). */
typedef struct idl_optimizer idl_optimizer;
/** A model's training state: buffers for a batch, and the optimiser's moments. */
typedef struct idl_trainer idl_trainer;

#ifdef __cplusplus
}
#endif

#endif
