! SPDX-License-Identifier: MIT
!
! The types of idl/c_types.h, whose text says what each member means, for idl_cuda.f90, and the
! library's texts. Members are zero unless the program sets them; struct_size is to be c_sizeof of
! the struct.
module idl_cuda_types
  use, intrinsic :: iso_c_binding
  implicit none
  public

  ! idl_status
  integer(c_int), parameter :: idl_status_ok = 0, idl_status_invalid_argument = 1, &
      idl_status_not_supported = 2, idl_status_device_error = 3, idl_status_out_of_memory = 4, &
      idl_status_io_error = 5, idl_status_error = 6, idl_status_not_converged = 7, &
      idl_status_not_finite = 8
  ! idl_precision, idl_memory, idl_severity, idl_solve_status, idl_loss, idl_tensor_kind
  integer(c_int), parameter :: idl_float32 = 0, idl_float64 = 1
  integer(c_int), parameter :: idl_memory_host = 0, idl_memory_device = 1
  integer(c_int), parameter :: idl_severity_info = 0, idl_severity_warning = 1, &
      idl_severity_error = 2
  integer(c_int32_t), parameter :: idl_solve_converged = 1, idl_solve_stagnated = 2, &
      idl_solve_max_iterations = 3, idl_solve_diverged = 4
  integer(c_int32_t), parameter :: idl_loss_softmax_cross_entropy = 0, idl_loss_squared_error = 1
  integer(c_int32_t), parameter :: idl_tensor_dense = 0, idl_tensor_csr_values = 1

  type, bind(c) :: idl_sample_report
    integer(c_int32_t) :: status = 0, iterations = 0
    real(c_double) :: step = 0, residual = 0, error_bound = 0
    integer(c_int32_t) :: fallbacks = 0, low_precision_iterations = 0
  end type

  type, bind(c) :: idl_solver_options
    integer(c_int32_t) :: max_iterations = 0
    real(c_double) :: absolute_tolerance = 0, relative_tolerance = 0
    integer(c_int32_t) :: certified = 0, batch_invariant = 0, anderson = 0, &
        automatic_precision = 0, gauss_seidel = 0
  end type

  type, bind(c) :: idl_load_options
    type(c_ptr) :: activation = c_null_ptr, alpha = c_null_ptr, well_posedness = c_null_ptr, &
        kappa = c_null_ptr
    integer(c_int32_t) :: bias = 0, no_D = 0
    type(c_ptr) :: prefix = c_null_ptr
    integer(c_int32_t) :: override_metadata = 0, project = 0, allow_unproven = 0
  end type

  type, bind(c) :: idl_context_settings
    integer(c_size_t) :: struct_size = 0
    type(c_ptr) :: device = c_null_ptr, stream = c_null_ptr
    type(c_funptr) :: log = c_null_funptr
    type(c_ptr) :: log_data = c_null_ptr
    integer(c_int32_t) :: threads = 0, batch_invariant = 0
    integer(c_int64_t) :: every_solve_warning = 0
  end type

  type, bind(c) :: idl_model_settings
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: states = 0, inputs = 0, outputs = 0
    type(c_ptr) :: activation = c_null_ptr, alpha = c_null_ptr, well_posedness = c_null_ptr
    real(c_double) :: kappa = 0
    integer(c_int64_t) :: seed = 0
    integer(c_int32_t) :: precision = idl_float32, bias = 0, no_D = 0, allow_unproven = 0
    type(c_ptr) :: rank = c_null_ptr
  end type

  type, bind(c) :: idl_matrix
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: rows = 0, cols = 0
    type(c_ptr) :: values = c_null_ptr
    integer(c_int64_t) :: ld = 0
    type(c_ptr) :: row_offsets = c_null_ptr, col_indices = c_null_ptr, right = c_null_ptr
  end type

  type, bind(c) :: idl_tensor
    integer(c_size_t) :: struct_size = 0
    type(c_ptr) :: name = c_null_ptr
    integer(c_int64_t) :: rows = 0, cols = 0, offset = 0, ld = 0
    integer(c_int32_t) :: kind = 0, reserved = 0
  end type

  type, bind(c) :: idl_save_settings
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: step = 0
  end type

  type, bind(c) :: idl_sparsify_settings
    integer(c_size_t) :: struct_size = 0
    type(c_ptr) :: target = c_null_ptr, by = c_null_ptr, density = c_null_ptr
    real(c_double) :: threshold = 0
    integer(c_int64_t) :: seed = 0
  end type

  type, bind(c) :: idl_pass_settings
    integer(c_size_t) :: struct_size = 0
    type(c_ptr) :: solver = c_null_ptr, adjoint = c_null_ptr
    integer(c_int32_t) :: forward_only = 0, input_gradient = 0
  end type

  type, bind(c) :: idl_trainer_settings
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: samples = 0
    type(c_ptr) :: solver = c_null_ptr, adjoint = c_null_ptr, optimizer = c_null_ptr, &
        learning_rate = c_null_ptr, beta1 = c_null_ptr, beta2 = c_null_ptr, epsilon = c_null_ptr
    real(c_double) :: weight_decay = 0, momentum = 0, prox = 0
    integer(c_int32_t) :: nesterov = 0, loss = idl_loss_softmax_cross_entropy
    type(c_ptr) :: frozen = c_null_ptr
  end type

  type, bind(c) :: idl_step_figures
    integer(c_size_t) :: struct_size = 0
    integer(c_int64_t) :: steps = 0
    real(c_double) :: loss = 0, accuracy = 0, forward_iterations = 0, adjoint_iterations = 0
    integer(c_int64_t) :: not_converged = 0
  end type

  interface
    function idl_last_error() bind(c) result(value)
      import
      type(c_ptr) :: value
    end function
  end interface

contains

  !> The text of the last failure on this thread.
  function idl_error_text() result(text)
    character(:), allocatable :: text
    text = idl_text(idl_last_error())
  end function

  !> What C's text says.
  function idl_text(c_text) result(text)
    type(c_ptr), intent(in) :: c_text
    character(:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: length, i
    interface
      function c_strlen(s) bind(c, name="strlen") result(length)
        import
        type(c_ptr), value :: s
        integer(c_size_t) :: length
      end function
    end interface
    length = 0
    if (c_associated(c_text)) length = int(c_strlen(c_text))
    allocate (character(length) :: text)
    if (length > 0) call c_f_pointer(c_text, letters, [length])
    do i = 1, length
      text(i:i) = letters(i)
    end do
  end function

end module idl_cuda_types
