/* SPDX-License-Identifier: MIT */
#ifndef IDL_C_API_H
#define IDL_C_API_H

/**
 * @file
 * The C interface of libidl_cuda, for C, Fortran, Julia, Python's ctypes and whoever else speaks C.
 *
 * Handles are opaque and belong to the caller, who destroys them. Every function that can fail
 * returns an idl_status; the text of the last failure on the calling thread is idl_last_error().
 * No C++ exception leaves these functions. A context and what was made with it are used by one
 * thread at a time; several threads use a context each.
 *
 * Matrices are column-major with one column per sample: a p×m matrix U is byte for byte the
 * batch-first, row-major array of shape (m, p), as NumPy and PyTorch hold it.
 */

#include <stdint.h>

#if defined(__GNUC__)
#define IDL_C_EXPORT __attribute__((visibility("default")))
#else
#define IDL_C_EXPORT
#endif

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

/** Why the iteration of one sample ended. */
typedef enum idl_solve_status {
  IDL_SOLVE_CONVERGED = 1,
  IDL_SOLVE_STAGNATED = 2, /**< at the level of rounding: no better answer in this precision */
  IDL_SOLVE_MAX_ITERATIONS = 3,
  IDL_SOLVE_DIVERGED = 4 /**< an infinite or NaN entry appeared */
} idl_solve_status;

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
  double absolute_tolerance;   /**< in the units of the state */
  double relative_tolerance;   /**< times the norm of the iterate */
  int32_t certified;           /**< nonzero: stop by the error bound instead of the step */
  int32_t batch_invariant;     /**< nonzero: the same bits for a sample in whatever batch */
  int32_t anderson;            /**< Anderson acceleration (solver.hpp): 1 yes, -1 no, 0 automatic */
  int32_t automatic_precision; /**< nonzero: Precision::automatic for both loops (solver.hpp) */
  int32_t gauss_seidel;        /**< Gauss-Seidel sweeps (solver.hpp): 1 yes, -1 no, 0 automatic */
} idl_solver_options;

/**
 * What the caller knows of a model file: completes what its metadata say (LoadOptions of
 * model.hpp). Zeroes mean that nothing is said; of what neither says the library assumes relu, ‖A‖∞
 * <= 0.95 (or strictly upper triangular, where A is and lies outside that ball) and no bias, and
 * one warning on standard error tells so.
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

/** One ordered place of work: a device and a stream (context.hpp). */
typedef struct idl_context idl_context;
/** An implicit model on the device of the context that made it (model.hpp). */
typedef struct idl_model idl_model;
/** A model's training state: buffers for one batch size, and Adam's moments. */
typedef struct idl_trainer idl_trainer;

/** "0.1.0". */
IDL_C_EXPORT const char* idl_version(void);
/** The text of the last failure on this thread; "" if there was none. Valid until the next call. */
IDL_C_EXPORT const char* idl_last_error(void);

/**
 * @param device  "auto", "cpu", "cuda" or "cuda:K"
 * @param stream  a cudaStream_t that orders the work, or NULL for a stream of its own (not CUDA's
 *                default stream, with which that is not ordered)
 */
IDL_C_EXPORT idl_status idl_context_create(const char* device, void* stream, idl_context** context);
/**
 * As idl_context_create, with at most so many threads on the CPU.
 * @param threads  the caller's among them, at most 256; 0: by itself (context.hpp)
 */
IDL_C_EXPORT idl_status idl_context_create_with_threads(const char* device, void* stream,
                                                        int32_t threads, idl_context** context);
/** NULL is allowed. Trainers made with the context are destroyed before it. */
IDL_C_EXPORT void idl_context_destroy(idl_context* context);
/** 1 if the context works on a GPU, else 0. */
IDL_C_EXPORT int32_t idl_context_is_cuda(const idl_context* context);
/** Waits for all work given so far. */
IDL_C_EXPORT idl_status idl_context_synchronize(idl_context* context);

/**
 * A model with parameters from N(0,1)/n by `seed`, then projected.
 * @param activation  "relu", "tanh", ... (activation.hpp)
 * @param kappa       ‖A‖∞ <= kappa, in (0, 1); 0: A is not constrained
 */
IDL_C_EXPORT idl_status idl_model_create(idl_context* context, idl_precision precision,
                                         int64_t states, int64_t inputs, int64_t outputs,
                                         const char* activation, double kappa, int32_t bias,
                                         uint64_t seed, idl_model** model);
/** Loads a safetensors file: ours, or a state_dict of the original PyTorch package. */
IDL_C_EXPORT idl_status idl_model_load(idl_context* context, const char* path,
                                       idl_precision precision, idl_model** model);
/**
 * The same with what the caller knows of the file.
 * @param options  or NULL, as in idl_model_load
 */
IDL_C_EXPORT idl_status idl_model_load_with(idl_context* context, const char* path,
                                            idl_precision precision,
                                            const idl_load_options* options, idl_model** model);
/**
 * Writes the model as safetensors, atomically. IDL_STATUS_NOT_FINITE, and what was there before
 * stays, where a parameter is NaN or infinite.
 */
IDL_C_EXPORT idl_status idl_model_save(idl_context* context, const idl_model* model,
                                       const char* path);
/** NULL is allowed. */
IDL_C_EXPORT void idl_model_destroy(idl_model* model);
/** Any of the pointers may be NULL. */
IDL_C_EXPORT idl_status idl_model_sizes(const idl_model* model, int64_t* states, int64_t* inputs,
                                        int64_t* outputs, idl_precision* precision);

/**
 * Solves X = φ(AX + BU) for the m columns of U and evaluates Y = CX + DU. Waits for the result.
 * A sample that does not converge is no failure: its report says so, by its status, and the call
 * returns IDL_STATUS_OK. Without reports it returns IDL_STATUS_NOT_CONVERGED where some sample did
 * not converge or has outputs that are not finite; Y and X are written all the same, and
 * idl_last_error() says how many samples and which is the first.
 * @param U        p×m, leading dimension ldu >= p, elements of the model's precision
 * @param Y        q×m, ldy >= q
 * @param X        n×m, ldx >= n, or NULL
 * @param options  or NULL for the defaults
 * @param reports  m entries on the host, or NULL
 */
IDL_C_EXPORT idl_status idl_model_predict(idl_context* context, const idl_model* model, int64_t m,
                                          const void* U, int64_t ldu, void* Y, int64_t ldy, void* X,
                                          int64_t ldx, idl_memory memory,
                                          const idl_solver_options* options,
                                          idl_sample_report* reports);

/**
 * Prepares training with Adam on batches of m samples. The model and the context must outlive the
 * trainer.
 * @param m              >= 1
 * @param learning_rate  >= 0 and finite
 */
IDL_C_EXPORT idl_status idl_trainer_create(idl_context* context, idl_model* model, int64_t m,
                                           double learning_rate, const idl_solver_options* options,
                                           idl_trainer** trainer);
/** NULL is allowed. Neither the model nor the context is destroyed. */
IDL_C_EXPORT void idl_trainer_destroy(idl_trainer* trainer);
/**
 * One step: forward, softmax cross-entropy, adjoint, Adam, projection. Gradients that are not
 * finite (those of a batch in which one sample holds a NaN are, as a rule, all of them) are left
 * out: the parameters stay what they were. The call then returns IDL_STATUS_NOT_FINITE, with *loss
 * and *accuracy written (a sample that is not finite counts as wrong); without loss and accuracy it
 * does not wait, and the next call that does tells.
 * @param U         p×m, leading dimension ldu >= p
 * @param labels    m class numbers in [0, q)
 * @param loss      mean loss before the step, or NULL; asking for it waits for the step
 * @param accuracy  share of samples whose largest output is the label, or NULL
 */
IDL_C_EXPORT idl_status idl_trainer_step(idl_trainer* trainer, const void* U, int64_t ldu,
                                         const int32_t* labels, idl_memory memory, double* loss,
                                         double* accuracy);

#ifdef __cplusplus
}
#endif

#endif
