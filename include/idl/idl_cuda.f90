! SPDX-License-Identifier: MIT
!
! The C interface of libidl_cuda (idl/c_api.h, whose text says what each function does) for Fortran
! 2018. Compile it with your own compiler and link libidl_cuda:
!
!   gfortran idl_cuda_types.f90 idl_cuda.f90 program.f90 -lidl_cuda
!
! Matrices are Fortran arrays as they are: column-major, one column a sample, on the host or on the
! device, in either precision. An optional argument that is left out is C's NULL. Texts end with
! c_null_char.
module idl_cuda
  use idl_cuda_types
  implicit none
  public

  interface
    function idl_version() bind(c) result(value)
      import
      type(c_ptr) :: value
    end function
    function idl_version_number() bind(c) result(value)
      import
      integer(c_int32_t) :: value
    end function
    function idl_context_create(device, stream, context) bind(c) result(status)
      import
      character(kind=c_char), intent(in) :: device(*)
      type(c_ptr), value :: stream
      type(c_ptr), intent(out) :: context
      integer(c_int) :: status
    end function
    function idl_context_create_with_threads(device, stream, threads, context) &
        bind(c) result(status)
      import
      character(kind=c_char), intent(in) :: device(*)
      type(c_ptr), value :: stream
      integer(c_int32_t), value :: threads
      type(c_ptr), intent(out) :: context
      integer(c_int) :: status
    end function
    function idl_context_create_with(settings, context) bind(c) result(status)
      import
      type(idl_context_settings), intent(in), optional :: settings
      type(c_ptr), intent(out) :: context
      integer(c_int) :: status
    end function
    subroutine idl_context_destroy(context) bind(c)
      import
      type(c_ptr), value :: context
    end subroutine
    function idl_context_is_cuda(context) bind(c) result(value)
      import
      type(c_ptr), value :: context
      integer(c_int32_t) :: value
    end function
    function idl_context_synchronize(context) bind(c) result(status)
      import
      type(c_ptr), value :: context
      integer(c_int) :: status
    end function
    function idl_context_wait_for(context, stream) bind(c) result(status)
      import
      type(c_ptr), value :: context, stream
      integer(c_int) :: status
    end function
    function idl_context_record_for(context, stream) bind(c) result(status)
      import
      type(c_ptr), value :: context, stream
      integer(c_int) :: status
    end function
    function idl_context_memory(context, bytes, allocations) bind(c) result(status)
      import
      type(c_ptr), value :: context
      integer(c_int64_t), intent(out), optional :: bytes, allocations
      integer(c_int) :: status
    end function
    function idl_model_create(context, precision, states, inputs, outputs, activation, kappa, &
        bias, seed, model) bind(c) result(status)
      import
      type(c_ptr), value :: context
      integer(c_int), value :: precision
      integer(c_int64_t), value :: states, inputs, outputs, seed
      character(kind=c_char), intent(in) :: activation(*)
      real(c_double), value :: kappa
      integer(c_int32_t), value :: bias
      type(c_ptr), intent(out) :: model
      integer(c_int) :: status
    end function
    function idl_model_create_with(context, settings, model) bind(c) result(status)
      import
      type(c_ptr), value :: context
      type(idl_model_settings), intent(in) :: settings
      type(c_ptr), intent(out) :: model
      integer(c_int) :: status
    end function
    function idl_model_borrow(context, settings, M, ld, memory, model) bind(c) result(status)
      import
      type(c_ptr), value :: context
      type(idl_model_settings), intent(in) :: settings
      type(*), intent(inout), target :: M(*)
      integer(c_int64_t), value :: ld
      integer(c_int), value :: memory
      type(c_ptr), intent(out) :: model
      integer(c_int) :: status
    end function
    function idl_model_create_of(context, settings, A, B, C, D, model) bind(c) result(status)
      import
      type(c_ptr), value :: context
      type(idl_model_settings), intent(in) :: settings
      type(idl_matrix), intent(in) :: A, B, C
      type(idl_matrix), intent(in), optional :: D
      type(c_ptr), intent(out) :: model
      integer(c_int) :: status
    end function
    function idl_model_load(context, path, precision, model) bind(c) result(status)
      import
      type(c_ptr), value :: context
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int), value :: precision
      type(c_ptr), intent(out) :: model
      integer(c_int) :: status
    end function
    function idl_model_load_with(context, path, precision, options, model) bind(c) result(status)
      import
      type(c_ptr), value :: context
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int), value :: precision
      type(idl_load_options), intent(in), optional :: options
      type(c_ptr), intent(out) :: model
      integer(c_int) :: status
    end function
    function idl_model_save(context, model, path) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int) :: status
    end function
    function idl_model_save_with(context, model, path, settings) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      character(kind=c_char), intent(in) :: path(*)
      type(idl_save_settings), intent(in), optional :: settings
      integer(c_int) :: status
    end function
    subroutine idl_model_destroy(model) bind(c)
      import
      type(c_ptr), value :: model
    end subroutine
    function idl_model_sizes(model, states, inputs, outputs, precision) bind(c) result(status)
      import
      type(c_ptr), value :: model
      integer(c_int64_t), intent(out), optional :: states, inputs, outputs
      integer(c_int), intent(out), optional :: precision
      integer(c_int) :: status
    end function
    function idl_model_describe(model, settings) bind(c) result(status)
      import
      type(c_ptr), value :: model
      type(idl_model_settings), intent(inout) :: settings
      integer(c_int) :: status
    end function
    function idl_model_parameters(model, rows, cols) bind(c) result(status)
      import
      type(c_ptr), value :: model
      integer(c_int64_t), intent(out), optional :: rows, cols
      integer(c_int) :: status
    end function
    function idl_model_tensor_count(model, count) bind(c) result(status)
      import
      type(c_ptr), value :: model
      integer(c_int64_t), intent(out) :: count
      integer(c_int) :: status
    end function
    function idl_model_tensor(model, index, tensor) bind(c) result(status)
      import
      type(c_ptr), value :: model
      integer(c_int64_t), value :: index
      type(idl_tensor), intent(inout) :: tensor
      integer(c_int) :: status
    end function
    function idl_model_read(context, model, name, values, ld, memory) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      character(kind=c_char), intent(in) :: name(*)
      type(*), intent(inout) :: values(*)
      integer(c_int64_t), value :: ld
      integer(c_int), value :: memory
      integer(c_int) :: status
    end function
    function idl_model_write(context, model, name, values, ld, memory) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      character(kind=c_char), intent(in) :: name(*)
      type(*), intent(in) :: values(*)
      integer(c_int64_t), value :: ld
      integer(c_int), value :: memory
      integer(c_int) :: status
    end function
    function idl_model_read_pattern(context, model, matrix, entries, row_offsets, col_indices) &
        bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      character(kind=c_char), intent(in) :: matrix(*)
      integer(c_int64_t), intent(out), optional :: entries
      integer(c_int64_t), intent(inout), optional :: row_offsets(*)
      integer(c_int32_t), intent(inout), optional :: col_indices(*)
      integer(c_int) :: status
    end function
    function idl_model_project(context, model) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      integer(c_int) :: status
    end function
    function idl_model_scaling(model, of_targets, scaled, mean, scale) bind(c) result(status)
      import
      type(c_ptr), value :: model
      integer(c_int32_t), value :: of_targets
      integer(c_int32_t), intent(out), optional :: scaled
      real(c_double), intent(inout), optional :: mean(*), scale(*)
      integer(c_int) :: status
    end function
    function idl_model_set_kappa(context, model, kappa) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      real(c_double), value :: kappa
      integer(c_int) :: status
    end function
    function idl_model_sparsify(context, model, settings, sparse) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      type(idl_sparsify_settings), intent(in), optional :: settings
      type(c_ptr), intent(out) :: sparse
      integer(c_int) :: status
    end function
    function idl_model_compact(context, model, compacted) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      type(c_ptr), intent(out) :: compacted
      integer(c_int) :: status
    end function
    function idl_model_remove_dead(context, model, reduced, kept_states, kept_inputs) &
        bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      type(c_ptr), intent(out) :: reduced
      integer(c_int64_t), intent(inout), optional :: kept_states(*), kept_inputs(*)
      integer(c_int) :: status
    end function
    function idl_model_pruning_bound(context, model, pruned, m, U, ldu, memory, state, output) &
        bind(c) result(status)
      import
      type(c_ptr), value :: context, model, pruned
      integer(c_int64_t), value :: m, ldu
      type(*), intent(in) :: U(*)
      integer(c_int), value :: memory
      real(c_double), intent(inout), optional :: state(*), output(*)
      integer(c_int) :: status
    end function
    function idl_model_low_rank(context, model, rank, low_rank, truncation, error) &
        bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      integer(c_int64_t), value :: rank
      type(c_ptr), intent(out) :: low_rank
      real(c_double), intent(out), optional :: truncation, error
      integer(c_int) :: status
    end function
    function idl_model_predict(context, model, m, U, ldu, Y, ldy, X, ldx, memory, options, &
        reports) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      integer(c_int64_t), value :: m, ldu, ldy, ldx
      type(*), intent(in) :: U(*)
      type(*), intent(inout) :: Y(*)
      type(*), intent(inout), optional :: X(*)
      integer(c_int), value :: memory
      type(idl_solver_options), intent(in), optional :: options
      type(idl_sample_report), intent(inout), optional :: reports(*)
      integer(c_int) :: status
    end function
    function idl_pass_create(context, model, m, settings, pass) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      integer(c_int64_t), value :: m
      type(idl_pass_settings), intent(in), optional :: settings
      type(c_ptr), intent(out) :: pass
      integer(c_int) :: status
    end function
    subroutine idl_pass_destroy(pass) bind(c)
      import
      type(c_ptr), value :: pass
    end subroutine
    function idl_pass_forward(pass, U, ldu, X0, ldx0, Y, ldy, X, ldx, memory, reports) &
        bind(c) result(status)
      import
      type(c_ptr), value :: pass
      type(*), intent(in) :: U(*)
      type(*), intent(in), optional :: X0(*)
      type(*), intent(inout), optional :: Y(*), X(*)
      integer(c_int64_t), value :: ldu, ldx0, ldy, ldx
      integer(c_int), value :: memory
      type(idl_sample_report), intent(inout), optional :: reports(*)
      integer(c_int) :: status
    end function
    function idl_pass_restore(pass, U, ldu, X, ldx, memory) bind(c) result(status)
      import
      type(c_ptr), value :: pass
      type(*), intent(in) :: U(*), X(*)
      integer(c_int64_t), value :: ldu, ldx
      integer(c_int), value :: memory
      integer(c_int) :: status
    end function
    function idl_pass_backward(pass, dY, lddy, dM, lddm, dU, lddu, memory, reports) &
        bind(c) result(status)
      import
      type(c_ptr), value :: pass
      type(*), intent(in) :: dY(*)
      type(*), intent(inout), optional :: dM(*), dU(*)
      integer(c_int64_t), value :: lddy, lddm, lddu
      integer(c_int), value :: memory
      type(idl_sample_report), intent(inout), optional :: reports(*)
      integer(c_int) :: status
    end function
    function idl_optimizer_create(context, model, settings, first, second, ldm, optimizer) &
        bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      type(idl_trainer_settings), intent(in), optional :: settings
      type(*), optional :: first(*), second(*)
      integer(c_int64_t), value :: ldm
      type(c_ptr), intent(out) :: optimizer
      integer(c_int) :: status
    end function
    subroutine idl_optimizer_destroy(optimizer) bind(c)
      import
      type(c_ptr), value :: optimizer
    end subroutine
    function idl_optimizer_step(optimizer, dM, lddm, memory, learning_rate, step, left_out) &
        bind(c) result(status)
      import
      type(c_ptr), value :: optimizer
      type(*), intent(in) :: dM(*)
      integer(c_int64_t), value :: lddm, step
      integer(c_int), value :: memory
      real(c_double), value :: learning_rate
      integer(c_int32_t), intent(out), optional :: left_out
      integer(c_int) :: status
    end function
    function idl_trainer_create(context, model, m, learning_rate, options, trainer) &
        bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      integer(c_int64_t), value :: m
      real(c_double), value :: learning_rate
      type(idl_solver_options), intent(in), optional :: options
      type(c_ptr), intent(out) :: trainer
      integer(c_int) :: status
    end function
    function idl_trainer_create_with(context, model, settings, trainer) bind(c) result(status)
      import
      type(c_ptr), value :: context, model
      type(idl_trainer_settings), intent(in) :: settings
      type(c_ptr), intent(out) :: trainer
      integer(c_int) :: status
    end function
    subroutine idl_trainer_destroy(trainer) bind(c)
      import
      type(c_ptr), value :: trainer
    end subroutine
    function idl_trainer_step(trainer, U, ldu, labels, memory, loss, accuracy) &
        bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      type(*), intent(in) :: U(*)
      integer(c_int64_t), value :: ldu
      integer(c_int32_t), intent(in) :: labels(*)
      integer(c_int), value :: memory
      real(c_double), intent(out), optional :: loss, accuracy
      integer(c_int) :: status
    end function
    function idl_trainer_step_towards(trainer, U, ldu, target, ldt, memory, loss) &
        bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      type(*), intent(in) :: U(*), target(*)
      integer(c_int64_t), value :: ldu, ldt
      integer(c_int), value :: memory
      real(c_double), intent(out), optional :: loss
      integer(c_int) :: status
    end function
    function idl_trainer_figures(trainer, figures) bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      type(idl_step_figures), intent(inout) :: figures
      integer(c_int) :: status
    end function
    function idl_trainer_set_learning_rate(trainer, learning_rate) bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      real(c_double), value :: learning_rate
      integer(c_int) :: status
    end function
    function idl_trainer_set_samples(trainer, m) bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      integer(c_int64_t), value :: m
      integer(c_int) :: status
    end function
    function idl_trainer_prune(trainer, target, density) bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(in), optional :: target(*)
      real(c_double), value :: density
      integer(c_int) :: status
    end function
    function idl_trainer_save(trainer, path) bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int) :: status
    end function
    function idl_trainer_load(trainer, path) bind(c) result(status)
      import
      type(c_ptr), value :: trainer
      character(kind=c_char), intent(in) :: path(*)
      integer(c_int) :: status
    end function
  end interface

end module idl_cuda
