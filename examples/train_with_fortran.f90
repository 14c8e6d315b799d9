! SPDX-License-Identifier: MIT
! Learns y = sin(u1) + u2^2 from 200 points by squared error, saves the model, loads it, predicts
! with the certificate of each sample, and leaves out the smaller half of its entries.
!
!   gfortran idl_cuda_types.f90 idl_cuda.f90 train_with_fortran.f90 -lidl_cuda
program train_with_fortran
  use idl_cuda
  implicit none
  integer(c_int64_t), parameter :: states = 20, inputs = 2, outputs = 1, samples = 200
  character(*, c_char), parameter :: path = "fortran_model.safetensors" // c_null_char
  type(c_ptr) :: context, model, trainer, sparse
  type(idl_context_settings) :: context_settings
  type(idl_model_settings) :: settings
  type(idl_trainer_settings) :: trainer_settings
  type(idl_sparsify_settings) :: sparsify_settings
  type(idl_sample_report) :: reports(samples)
  character(kind=c_char), target :: activation(5) = ["t", "a", "n", "h", c_null_char]
  real(c_double), target :: learning_rate = 0.02d0, density = 0.5d0
  ! Column-major, one sample a column.
  real(c_double) :: U(inputs, samples), target(outputs, samples), Y(outputs, samples)
  real(c_double) :: loss, first_loss, moves(samples)
  integer :: step

  call random_seed(put=spread(1, 1, 64))
  call random_number(U)
  U = 2*U - 1
  target(1, :) = sin(U(1, :)) + U(2, :)**2

  context_settings%struct_size = c_sizeof(context_settings)
  context_settings%threads = 1
  call check(idl_context_create_with(context_settings, context))
  settings%struct_size = c_sizeof(settings)
  settings%states = states
  settings%inputs = inputs
  settings%outputs = outputs
  settings%precision = int(idl_float64, c_int32_t)
  settings%activation = c_loc(activation)
  settings%bias = 1
  call check(idl_model_create_with(context, settings, model))

  trainer_settings%struct_size = c_sizeof(trainer_settings)
  trainer_settings%samples = samples
  trainer_settings%loss = idl_loss_squared_error
  trainer_settings%learning_rate = c_loc(learning_rate)
  call check(idl_trainer_create_with(context, model, trainer_settings, trainer))
  do step = 1, 200
    if (step > 100) call check(idl_trainer_set_learning_rate(trainer, 0.005d0))
    call check(idl_trainer_step_towards(trainer, U, inputs, target, outputs, idl_memory_host, loss))
    if (step == 1) first_loss = loss
  end do
  print "(a, es9.2, a, es9.2)", "mean squared error", first_loss, " ->", loss

  call check(idl_model_save(context, model, path))
  call idl_trainer_destroy(trainer)
  call idl_model_destroy(model)
  call check(idl_model_load(context, path, idl_float64, model))
  call check(idl_model_predict(context, model, samples, U, inputs, Y, outputs, &
      memory=idl_memory_host, ldx=0_c_int64_t, reports=reports))
  print "(a, i0, a, i0, a, es9.2)", "converged: ", count(reports%status == idl_solve_converged), &
      " of ", samples, ", |x - x*| <= ", maxval(reports%error_bound)
  if (maxval(abs(Y - target)) > 0.5d0 .or. loss > 0.05d0*first_loss) error stop "it has not learnt"

  sparsify_settings%struct_size = c_sizeof(sparsify_settings)
  sparsify_settings%density = c_loc(density)
  call check(idl_model_sparsify(context, model, sparsify_settings, sparse))
  call check(idl_model_pruning_bound(context, model, sparse, samples, U, inputs, idl_memory_host, &
      output=moves))
  print "(a, es9.2)", "with half of its entries no output moves by more than", maxval(moves)
  call idl_model_destroy(sparse)
  call idl_model_destroy(model)
  call idl_context_destroy(context)

contains

  subroutine check(status)
    integer(c_int), intent(in) :: status
    if (status == idl_status_ok) return
    print "(2a)", "libidl_cuda: ", idl_error_text()
    error stop 1
  end subroutine

end program train_with_fortran
