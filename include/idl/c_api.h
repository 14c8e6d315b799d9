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
 * batch-first, row-major array of shape (m, p), as NumPy and PyTorch hold it. Their elements are of
 * the model's precision, and all arrays of a call lie where its `memory` says; on the CPU both
 * places are the same. Structs that begin with struct_size may grow (c_types.h).
 */

#include "idl/c_types.h"
#include "idl/version.h"

#if defined(__GNUC__)
#define IDL_C_EXPORT __attribute__((visibility("default")))
#else
#define IDL_C_EXPORT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** "0.1.0": of the library. */
IDL_C_EXPORT const char* idl_version(void);
/** The same as IDL_VERSION_NUMBER of the headers with which the library was built. */
IDL_C_EXPORT int32_t idl_version_number(void);
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
/** A context as `settings` say. @param settings  NULL: all zeroes */
IDL_C_EXPORT idl_status idl_context_create_with(const idl_context_settings* settings,
                                                idl_context** context);
/** NULL is allowed. Passes and trainers made with the context are destroyed before it. */
IDL_C_EXPORT void idl_context_destroy(idl_context* context);
/** 1 if the context works on a GPU, else 0. */
IDL_C_EXPORT int32_t idl_context_is_cuda(const idl_context* context);
/** Waits for all work given so far. */
IDL_C_EXPORT idl_status idl_context_synchronize(idl_context* context);
/**
 * Work given to the context from now on starts after what was given to the CUDA stream so far.
 * @param stream  a cudaStream_t of the same device; NULL: CUDA's legacy default stream. No-op on
 *                the CPU
 */
IDL_C_EXPORT idl_status idl_context_wait_for(idl_context* context, void* stream);
/** Work given to the CUDA stream from now on starts after what was given to the context so far. */
IDL_C_EXPORT idl_status idl_context_record_for(idl_context* context, void* stream);
/**
 * Memory that the context and what was made with it hold now, and how often they have asked for
 * some; any of the pointers may be NULL.
 */
IDL_C_EXPORT idl_status idl_context_memory(const idl_context* context, int64_t* bytes,
                                           int64_t* allocations);

/**
 * A model with parameters from N(0,1)/n by `seed`, then projected.
 * @param activation  "relu", "tanh", ... (activation.hpp)
 * @param kappa       ‖A‖∞ <= kappa, in (0, 1); 0: A is not constrained
 */
IDL_C_EXPORT idl_status idl_model_create(idl_context* context, idl_precision precision,
                                         int64_t states, int64_t inputs, int64_t outputs,
                                         const char* activation, double kappa, int32_t bias,
                                         uint64_t seed, idl_model** model);
/**
 * A model with parameters from N(0,1)/n by settings->seed, the same bits on every device, then
 * projected.
 */
IDL_C_EXPORT idl_status idl_model_create_with(idl_context* context,
                                              const idl_model_settings* settings,
                                              idl_model** model);
/**
 * A model whose parameters are the caller's memory. Of a dense model that is M = [A B; C D],
 * (n+q)×(n+p'), p' = p, or p+1 with bias, column-major; as a row-major array of shape (n+p', n+q)
 * its transpose. With settings->rank it is one column: L, R, B, C and, unless no_D, D, each
 * column-major, one after the other. There is none in compressed rows. Nothing is copied and
 * nothing projected. The memory outlives the model, its passes and trainers. Values may change in
 * place: every call reads them anew. Whoever changed them calls idl_model_project() where A is to
 * stay in its set, and on a GPU orders that work by idl_context_wait_for().
 * @param M       on the context's device: IDL_MEMORY_HOST on the CPU, IDL_MEMORY_DEVICE on a GPU
 * @param ld      elements from one column to the next, >= the rows of M
 */
IDL_C_EXPORT idl_status idl_model_borrow(idl_context* context, const idl_model_settings* settings,
                                         void* M, int64_t ld, idl_memory memory, idl_model** model);
/**
 * A model of copies of the caller's matrices, A projected. Where one of them is in compressed rows
 * the model is sparse: only what is stored is a parameter, also in training. Where A is LRᵀ
 * (idl_matrix::right) its factors are.
 * @param settings  states, inputs, outputs and rank have to be those of the matrices, or 0 and
 *                  NULL; the seed counts for nothing
 * @param A         n×n, or L, n×r, with R, n×r, on its right
 * @param B         n×p'
 * @param C         q×n
 * @param D         q×p'; NULL with no_D
 */
IDL_C_EXPORT idl_status idl_model_create_of(idl_context* context,
                                            const idl_model_settings* settings, const idl_matrix* A,
                                            const idl_matrix* B, const idl_matrix* C,
                                            const idl_matrix* D, idl_model** model);
/**
 * Loads a safetensors file: ours, or a state_dict of the original PyTorch package. A recurrent
 * model is IDL_STATUS_INVALID_ARGUMENT.
 */
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
/** The same with what the file is to say beside the model. @param settings  NULL: all zeroes */
IDL_C_EXPORT idl_status idl_model_save_with(idl_context* context, const idl_model* model,
                                            const char* path, const idl_save_settings* settings);
/** NULL is allowed. Passes and trainers of the model are destroyed before it. */
IDL_C_EXPORT void idl_model_destroy(idl_model* model);
/** Any of the pointers may be NULL. */
IDL_C_EXPORT idl_status idl_model_sizes(const idl_model* model, int64_t* states, int64_t* inputs,
                                        int64_t* outputs, idl_precision* precision);
/**
 * What the model is, into *settings, whose struct_size the caller sets; the seed is not known and
 * 0, kappa is 0 where the constraint has none. Its texts live as long as the library, alpha and
 * rank as the model.
 */
IDL_C_EXPORT idl_status idl_model_describe(const idl_model* model, idl_model_settings* settings);
/** The shape of M and dM: (n+q)×(n+p') of a dense model, one column of any other. */
IDL_C_EXPORT idl_status idl_model_parameters(const idl_model* model, int64_t* rows, int64_t* cols);
/**
 * How the data of a file's model were scaled (`idl train --standardise`): it takes inputs, and
 * gives targets, as (value − mean)/scale. Saved with the model, and kept by those made of it.
 * @param of_targets  0: of the p inputs; else of the q targets
 * @param scaled      <- whether there is a scaling, or NULL
 * @param mean        like scale p or q numbers on the host, untouched where there is none, or NULL
 */
IDL_C_EXPORT idl_status idl_model_scaling(const idl_model* model, int32_t of_targets,
                                          int32_t* scaled, double* mean, double* scale);
/** How many named tensors the model has. */
IDL_C_EXPORT idl_status idl_model_tensor_count(const idl_model* model, int64_t* count);
/** Number `index`, from 0, into *tensor, whose struct_size the caller sets. */
IDL_C_EXPORT idl_status idl_model_tensor(const idl_model* model, int64_t index, idl_tensor* tensor);
/**
 * values <- the tensor of this name, or all parameters by the name "M". Waits.
 * @param values  column-major with the tensor's rows and columns, leading dimension ld >= rows
 */
IDL_C_EXPORT idl_status idl_model_read(idl_context* context, const idl_model* model,
                                       const char* name, void* values, int64_t ld,
                                       idl_memory memory);
/** The tensor of this name, or "M", <- values. Only idl_model_project() projects A. Waits. */
IDL_C_EXPORT idl_status idl_model_write(idl_context* context, idl_model* model, const char* name,
                                        const void* values, int64_t ld, idl_memory memory);
/**
 * Which entries of "A", "B", "C" or "D" are stored.
 * @param entries      how many, or NULL
 * @param row_offsets  on the host, rows+1 of them, or NULL
 * @param col_indices  on the host, as many as entries, or NULL
 */
IDL_C_EXPORT idl_status idl_model_read_pattern(idl_context* context, const idl_model* model,
                                               const char* matrix, int64_t* entries,
                                               int64_t* row_offsets, int32_t* col_indices);
/** Brings A back into its set, and D to zero with no_D; after the parameters were changed. */
IDL_C_EXPORT idl_status idl_model_project(idl_context* context, idl_model* model);
/**
 * Another radius of the ball in which A is, and A projected into it.
 * @param kappa  in (0, 1), and L_φκ < 1 unless allow_unproven
 */
IDL_C_EXPORT idl_status idl_model_set_kappa(idl_context* context, idl_model* model, double kappa);

/**
 * *sparse <- a model with the chosen entries of the chosen matrices in compressed rows, the others
 * as they are (sparsify() of sparsify.hpp). IDL_STATUS_NOT_FINITE where an entry is.
 * @param settings  NULL: all zeroes
 */
IDL_C_EXPORT idl_status idl_model_sparsify(idl_context* context, const idl_model* model,
                                           const idl_sparsify_settings* settings,
                                           idl_model** sparse);
/** *compacted <- the model without the stored entries of compressed rows that are zero. */
IDL_C_EXPORT idl_status idl_model_compact(idl_context* context, const idl_model* model,
                                          idl_model** compacted);
/**
 * *reduced <- the model without states and inputs on which no output depends (remove_dead() of
 * sparsify.hpp). Its inputs are the rows kept_inputs of U.
 * @param kept_states  as many as the reduced model has states, at most those of the model: of each
 *                     its number in the model, ascending; or NULL
 * @param kept_inputs  the same of inputs, or NULL
 */
IDL_C_EXPORT idl_status idl_model_remove_dead(idl_context* context, const idl_model* model,
                                              idl_model** reduced, int64_t* kept_states,
                                              int64_t* kept_inputs);
/**
 * Upper bounds of the difference between the exact answers of a model (x, y) and of its pruned
 * form, of the same precision, to the columns of U (pruning_bound() of sparsify.hpp); +inf where
 * nothing is known.
 * @param U       p×m, ldu >= p
 * @param state   on the host, m bounds of ‖x − x̃‖∞, or NULL
 * @param output  on the host, m bounds of ‖y − ỹ‖∞, or NULL
 */
IDL_C_EXPORT idl_status idl_model_pruning_bound(idl_context* context, const idl_model* model,
                                                const idl_model* pruned, int64_t m, const void* U,
                                                int64_t ldu, idl_memory memory, double* state,
                                                double* output);
/**
 * *low_rank <- the model with LRᵀ in the place of A (low_rank_approximation() of sparsify.hpp).
 * @param rank        r >= 0 of LRᵀ
 * @param truncation  upper bound of ‖A − A_r‖∞, A_r a best approximation of this rank, or NULL
 * @param error       upper bound of ‖A − LRᵀ‖∞, the constraint kept, or NULL
 */
IDL_C_EXPORT idl_status idl_model_low_rank(idl_context* context, const idl_model* model,
                                           int64_t rank, idl_model** low_rank, double* truncation,
                                           double* error);

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
 * Prepares forward and backward passes of m samples. The model and the context must outlive the
 * pass, which sees parameters that change.
 * @param m         >= 1
 * @param settings  NULL: all zeroes
 */
IDL_C_EXPORT idl_status idl_pass_create(idl_context* context, const idl_model* model, int64_t m,
                                        const idl_pass_settings* settings, idl_pass** pass);
/** NULL is allowed. Neither the model nor the context is destroyed. */
IDL_C_EXPORT void idl_pass_destroy(idl_pass* pass);
/**
 * X = φ(AX + BU) by iteration from X0; Y = CX + DU. Waits for the result. A second call like the
 * first allocates nothing. Samples that do not converge are told as by idl_model_predict().
 * @param U        p×m, ldu >= p
 * @param X0       n×m, ldx0 >= n, or NULL: from zero
 * @param Y        q×m, ldy >= q, or NULL
 * @param X        n×m, ldx >= n, or NULL
 * @param reports  m entries on the host, or NULL
 */
IDL_C_EXPORT idl_status idl_pass_forward(idl_pass* pass, const void* U, int64_t ldu, const void* X0,
                                         int64_t ldx0, void* Y, int64_t ldy, void* X, int64_t ldx,
                                         idl_memory memory, idl_sample_report* reports);
/**
 * Puts back a state X that forward gave for U with the same parameters, without a solve: the next
 * backward is taken there, as for a pass that served other samples meanwhile.
 */
IDL_C_EXPORT idl_status idl_pass_restore(idl_pass* pass, const void* U, int64_t ldu, const void* X,
                                         int64_t ldx, idl_memory memory);
/**
 * The gradients of a loss with respect to M and U at the state of the last forward or restore, by
 * V = Ψ∘(AᵀV + CᵀdY), Ψ = φ'(AX + BU). Waits for the result. A second call allocates nothing.
 * Reports and status as in forward, of V, in ‖·‖₁. V has the units of dY, and so has the absolute
 * tolerance: where dY is that of a mean over many hundred samples, or of a loss with a small
 * weight, `adjoint` of the settings must have a smaller one in proportion, or a relative one beside
 * an absolute one of 1e-30. Otherwise dM is off by much, though each sample has converged.
 * @param dY       q×m, lddy >= q: the gradient with respect to Y
 * @param dM       [V; dY][X; U]ᵀ in the shape of M (idl_model_parameters), lddm >= its rows; or
 * NULL
 * @param dU       BᵀV + DᵀdY, p×m, lddu >= p, where settings had input_gradient; or NULL
 */
IDL_C_EXPORT idl_status idl_pass_backward(idl_pass* pass, const void* dY, int64_t lddy, void* dM,
                                          int64_t lddm, void* dU, int64_t lddu, idl_memory memory,
                                          idl_sample_report* reports);

/**
 * An optimiser by itself, for gradients that a pass or the caller has computed. The model and the
 * context must outlive it.
 * @param settings  NULL: Adam. samples, solver, adjoint, learning_rate and loss are not looked at
 * @param first     the first moment (velocity of sgd), of M's shape, ldm >= its rows, on the
 *                  context's device, which stays the caller's and which steps change; or NULL, and
 *                  second too: moments of the optimiser's own, zero at first
 * @param second    the second moment likewise; NULL for sgd
 */
IDL_C_EXPORT idl_status idl_optimizer_create(idl_context* context, idl_model* model,
                                             const idl_trainer_settings* settings, void* first,
                                             void* second, int64_t ldm, idl_optimizer** optimizer);
/** NULL is allowed. Neither the model, the context nor the caller's moments are destroyed. */
IDL_C_EXPORT void idl_optimizer_destroy(idl_optimizer* optimizer);
/**
 * One step by dM, and the projection of the model after it. Entries of dM that are not finite are
 * left out: those of M and of the moments stay what they were.
 * @param dM             of M's shape, lddm >= its rows
 * @param learning_rate  >= 0 and finite
 * @param step           t >= 1 of the bias corrections 1 − βᵗ
 * @param left_out       1 where an entry was left out since it was last told, else 0; NULL: the
 *                       call does not wait for the step
 */
IDL_C_EXPORT idl_status idl_optimizer_step(idl_optimizer* optimizer, const void* dM, int64_t lddm,
                                           idl_memory memory, double learning_rate, int64_t step,
                                           int32_t* left_out);

/**
 * Prepares training with Adam on batches of m samples. The model and the context must outlive the
 * trainer.
 * @param m              >= 1
 * @param learning_rate  >= 0 and finite
 */
IDL_C_EXPORT idl_status idl_trainer_create(idl_context* context, idl_model* model, int64_t m,
                                           double learning_rate, const idl_solver_options* options,
                                           idl_trainer** trainer);
/** A trainer as `settings` say. */
IDL_C_EXPORT idl_status idl_trainer_create_with(idl_context* context, idl_model* model,
                                                const idl_trainer_settings* settings,
                                                idl_trainer** trainer);
/** NULL is allowed. Neither the model nor the context is destroyed. */
IDL_C_EXPORT void idl_trainer_destroy(idl_trainer* trainer);
/**
 * One step: forward, softmax cross-entropy, adjoint, optimiser, projection. Gradients that are not
 * finite (those of a batch in which one sample holds a NaN are, as a rule, all of them) are left
 * out: those parameters stay what they were, and of the others the step is taken. The call then
 * returns IDL_STATUS_NOT_FINITE, with *loss and *accuracy written (a sample that is not finite
 * counts as wrong); without loss and accuracy it does not wait, and the next call that does tells.
 * @param U         p×m, leading dimension ldu >= p
 * @param labels    m class numbers in [0, q)
 * @param loss      mean loss before the step, or NULL; asking for it waits for the step
 * @param accuracy  share of samples whose largest output is the label, or NULL
 */
IDL_C_EXPORT idl_status idl_trainer_step(idl_trainer* trainer, const void* U, int64_t ldu,
                                         const int32_t* labels, idl_memory memory, double* loss,
                                         double* accuracy);
/**
 * The same for a trainer whose loss is the squared error.
 * @param target  q×m, leading dimension ldt >= q, where `memory` says
 * @param loss    mean over all entries of (Y − target)² before the step, or NULL
 */
IDL_C_EXPORT idl_status idl_trainer_step_towards(idl_trainer* trainer, const void* U, int64_t ldu,
                                                 const void* target, int64_t ldt, idl_memory memory,
                                                 double* loss);
/** What the last step told, into *figures, whose struct_size the caller sets. Waits for the step.
 */
IDL_C_EXPORT idl_status idl_trainer_figures(idl_trainer* trainer, idl_step_figures* figures);
/** That of the steps to come. @param learning_rate  >= 0 and finite */
IDL_C_EXPORT idl_status idl_trainer_set_learning_rate(idl_trainer* trainer, double learning_rate);
/**
 * The steps to come have m samples, as the last batch of a data set may be smaller. Moments stay;
 * the buffers of a size are made once, here; where there is no room for them it fails, and m stays.
 */
IDL_C_EXPORT idl_status idl_trainer_set_samples(idl_trainer* trainer, int64_t m);
/**
 * Chooses the entries of largest magnitude: the model holds no others in the steps to come, and the
 * trainer the moments of these alone. Called every few steps with a density that falls it prunes
 * while it trains. The model's memory is another after it, also of a borrowed one: its passes and
 * other trainers may only be destroyed then. IDL_STATUS_NOT_FINITE where an entry is, or where the
 * last step left gradients out and nobody was told yet. Where it fails, nothing was pruned.
 * @param target   as in idl_sparsify_settings
 * @param density  share of the entries that stays, in [0, 1]
 */
IDL_C_EXPORT idl_status idl_trainer_prune(idl_trainer* trainer, const char* target, double density);
/**
 * Writes parameters, moments and the number of steps as safetensors, atomically: a model file too.
 * IDL_STATUS_NOT_FINITE where one of them is, and what was there before stays.
 */
IDL_C_EXPORT idl_status idl_trainer_save(idl_trainer* trainer, const char* path);
/**
 * Puts back what idl_trainer_save() wrote: steps then give the bits of a training that was not
 * interrupted. IDL_STATUS_INVALID_ARGUMENT, and trainer and model stay as they were, where the file
 * is of another model or optimiser; the learning rate is the caller's.
 */
IDL_C_EXPORT idl_status idl_trainer_load(idl_trainer* trainer, const char* path);

#ifdef __cplusplus
}
#endif

#endif
