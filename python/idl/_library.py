# SPDX-License-Identifier: MIT
"""The C interface of libidl_cuda (idl/c_api.h, idl/c_types.h) by ctypes: structs, functions, errors."""
import ctypes
import os
import pathlib
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p

FLOAT32, FLOAT64 = 0, 1  # idl_precision
HOST, DEVICE = 0, 1  # idl_memory
CROSS_ENTROPY, SQUARED_ERROR = 0, 1  # idl_loss


class Error(RuntimeError):
    """A call failed; the text is the library's own."""


class InvalidArgument(Error, ValueError):
    """Impossible sizes, names or numbers."""


class NotSupported(Error):
    """No such device, or not in this build."""


class DeviceError(Error):
    """CUDA or one of its libraries failed."""


class OutOfMemory(Error, MemoryError):
    """On the host or on the device."""


class IoError(Error, OSError):
    """A file cannot be read, written or understood."""


class NotConverged(Error):
    """Some sample did not converge, and nobody asked for the reports that would tell which."""


class NotFinite(Error, ArithmeticError):
    """A training step met numbers that are not finite, or a model holds some."""


ERRORS = {1: InvalidArgument, 2: NotSupported, 3: DeviceError, 4: OutOfMemory, 5: IoError, 6: Error,
          7: NotConverged, 8: NotFinite}

LogCallback = ctypes.CFUNCTYPE(None, c_void_p, c_int32, c_char_p)


class Sized(ctypes.Structure):
    """A struct of c_types.h that begins with its size, and may grow."""

    def __init__(self, **members):
        super().__init__(struct_size=ctypes.sizeof(self), **members)


class SolverOptions(ctypes.Structure):
    _fields_ = [("max_iterations", c_int32), ("absolute_tolerance", c_double),
                ("relative_tolerance", c_double), ("certified", c_int32),
                ("batch_invariant", c_int32), ("anderson", c_int32),
                ("automatic_precision", c_int32), ("gauss_seidel", c_int32)]


class LoadOptions(ctypes.Structure):
    _fields_ = [("activation", c_char_p), ("alpha", POINTER(c_double)),
                ("well_posedness", c_char_p), ("kappa", POINTER(c_double)), ("bias", c_int32),
                ("no_D", c_int32), ("prefix", c_char_p), ("override_metadata", c_int32),
                ("project", c_int32), ("allow_unproven", c_int32)]


class ContextSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("device", c_char_p), ("stream", c_void_p),
                ("log", LogCallback), ("log_data", c_void_p), ("threads", c_int32),
                ("batch_invariant", c_int32), ("every_solve_warning", c_int64)]


class ModelSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("states", c_int64), ("inputs", c_int64),
                ("outputs", c_int64), ("activation", c_char_p), ("alpha", POINTER(c_double)),
                ("well_posedness", c_char_p), ("kappa", c_double), ("seed", c_uint64),
                ("precision", c_int32), ("bias", c_int32), ("no_D", c_int32),
                ("allow_unproven", c_int32), ("rank", POINTER(c_int64))]


class SparsifySettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("target", c_char_p), ("by", c_char_p),
                ("density", POINTER(c_double)), ("threshold", c_double), ("seed", c_uint64)]


class PassSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("solver", POINTER(SolverOptions)),
                ("adjoint", POINTER(SolverOptions)), ("forward_only", c_int32),
                ("input_gradient", c_int32)]


class TrainerSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("samples", c_int64),
                ("solver", POINTER(SolverOptions)), ("adjoint", POINTER(SolverOptions)),
                ("optimizer", c_char_p), ("learning_rate", POINTER(c_double)),
                ("beta1", POINTER(c_double)), ("beta2", POINTER(c_double)),
                ("epsilon", POINTER(c_double)), ("weight_decay", c_double),
                ("momentum", c_double), ("prox", c_double), ("nesterov", c_int32),
                ("loss", c_int32), ("frozen", c_char_p)]


class Tensor(Sized):
    _fields_ = [("struct_size", c_size_t), ("name", c_char_p), ("rows", c_int64),
                ("cols", c_int64), ("offset", c_int64), ("ld", c_int64), ("kind", c_int32),
                ("reserved", c_int32)]


STRUCTS = {"idl_solver_options": SolverOptions, "idl_load_options": LoadOptions,
           "idl_context_settings": ContextSettings, "idl_model_settings": ModelSettings,
           "idl_sparsify_settings": SparsifySettings, "idl_pass_settings": PassSettings,
           "idl_trainer_settings": TrainerSettings, "idl_tensor": Tensor}

_handle, _out = c_void_p, POINTER(c_void_p)
#: Functions that return an idl_status.
FUNCTIONS = {
    "idl_context_create_with": [POINTER(ContextSettings), _out],
    "idl_context_synchronize": [_handle],
    "idl_context_wait_for": [_handle, c_void_p],
    "idl_context_record_for": [_handle, c_void_p],
    "idl_model_create_with": [_handle, POINTER(ModelSettings), _out],
    "idl_model_borrow": [_handle, POINTER(ModelSettings), c_void_p, c_int64, c_int32, _out],
    "idl_model_load_with": [_handle, c_char_p, c_int32, POINTER(LoadOptions), _out],
    "idl_model_save": [_handle, _handle, c_char_p],
    "idl_model_describe": [_handle, POINTER(ModelSettings)],
    "idl_model_tensor_count": [_handle, POINTER(c_int64)],
    "idl_model_tensor": [_handle, c_int64, POINTER(Tensor)],
    "idl_model_read": [_handle, _handle, c_char_p, c_void_p, c_int64, c_int32],
    "idl_model_write": [_handle, _handle, c_char_p, c_void_p, c_int64, c_int32],
    "idl_model_read_pattern": [_handle, _handle, c_char_p, POINTER(c_int64), c_void_p, c_void_p],
    "idl_model_project": [_handle, _handle],
    "idl_model_sparsify": [_handle, _handle, POINTER(SparsifySettings), _out],
    "idl_model_compact": [_handle, _handle, _out],
    "idl_model_remove_dead": [_handle, _handle, _out, c_void_p, c_void_p],
    "idl_model_pruning_bound": [_handle, _handle, _handle, c_int64, c_void_p, c_int64, c_int32,
                                c_void_p, c_void_p],
    "idl_model_low_rank": [_handle, _handle, c_int64, _out, POINTER(c_double), POINTER(c_double)],
    "idl_model_predict": [_handle, _handle, c_int64, c_void_p, c_int64, c_void_p, c_int64,
                          c_void_p, c_int64, c_int32, POINTER(SolverOptions), c_void_p],
    "idl_pass_create": [_handle, _handle, c_int64, POINTER(PassSettings), _out],
    "idl_pass_forward": [_handle, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64,
                         c_void_p, c_int64, c_int32, c_void_p],
    "idl_pass_restore": [_handle, c_void_p, c_int64, c_void_p, c_int64, c_int32],
    "idl_pass_backward": [_handle, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64,
                          c_int32, c_void_p],
    "idl_optimizer_create": [_handle, _handle, POINTER(TrainerSettings), c_void_p, c_void_p,
                             c_int64, _out],
    "idl_optimizer_step": [_handle, c_void_p, c_int64, c_int32, c_double, c_int64,
                           POINTER(c_int32)],
    "idl_trainer_create_with": [_handle, _handle, POINTER(TrainerSettings), _out],
    "idl_trainer_step": [_handle, c_void_p, c_int64, c_void_p, c_int32, POINTER(c_double),
                         POINTER(c_double)],
    "idl_trainer_step_towards": [_handle, c_void_p, c_int64, c_void_p, c_int64, c_int32,
                                 POINTER(c_double)],
    "idl_trainer_set_samples": [_handle, c_int64],
    "idl_trainer_prune": [_handle, c_char_p, c_double],
}
#: Functions that return nothing.
DESTROY = ["idl_context_destroy", "idl_model_destroy", "idl_pass_destroy", "idl_optimizer_destroy",
           "idl_trainer_destroy"]


def _raise_unless_ok(status, function, arguments):
    if status != 0:
        raise ERRORS.get(status, Error)(library.idl_last_error().decode(errors="replace"))
    return arguments


def _load():
    """The library that $IDL_LIBRARY names, else the package's own, else what the loader finds."""
    packaged = pathlib.Path(__file__).parent / "libidl_cuda.so"
    path = os.environ.get("IDL_LIBRARY") or (str(packaged) if packaged.exists() else "libidl_cuda.so")
    try:
        loaded = ctypes.CDLL(path)
    except OSError as error:
        raise ImportError(f"idl: cannot load {path}: {error}. Wheels hold the library; a checkout "
                          "needs IDL_LIBRARY=build/release/libidl_cuda.so") from error
    loaded.idl_version.restype = loaded.idl_last_error.restype = c_char_p
    loaded.idl_context_is_cuda.argtypes = [c_void_p]
    for name, arguments in FUNCTIONS.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype, function.errcheck = arguments, c_int32, _raise_unless_ok
    for name in DESTROY:
        function = getattr(loaded, name)
        function.argtypes, function.restype = [c_void_p], None
    return loaded


library = _load()
