# SPDX-License-Identifier: MIT
"""The C interface of libidl_cuda (idl/c_api.h, idl/c_types.h) by ctypes: structs, functions, errors."""
import ctypes
import operator
import os
import pathlib
from ctypes import POINTER, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p

FLOAT32, FLOAT64 = 0, 1  # idl_precision
HOST, DEVICE = 0, 1  # idl_memory
CROSS_ENTROPY, SQUARED_ERROR = 0, 1  # idl_loss
MOST = 2**40  # of a model's sizes, as the library has it


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


class Flag(c_int32):
    """Nonzero: yes. Given as True or False."""


class Choice(c_int32):
    """1: yes, -1: no, 0: not said. Given as True, False or None."""


RANGES = {c_int32: (-2**31, 2**31 - 1), c_int64: (-2**63, 2**63 - 1), c_uint64: (0, 2**64 - 1),
          c_size_t: (0, 2**64 - 1)}
CHOICES = {Flag: {False: 0, True: 1}, Choice: {None: 0, True: 1, False: -1}}


def whole(name, value, least, most=2**63 - 1):
    """The whole number, where it lies between these."""
    try:
        # NumPy's numbers as Python's: its bool is no index.
        value = operator.index(value.item() if hasattr(value, "item") else value)
        if least <= value <= most:
            return value
    except (TypeError, ValueError, RuntimeError):  # an array of several has no item()
        pass
    raise InvalidArgument(f"{name} is {value!r}, expected a whole number in [{least}, {most}]")


def real(name, value):
    """The number, as a double."""
    try:
        return c_double(value).value
    except (TypeError, OverflowError):
        raise InvalidArgument(f"{name} is {value!r}, expected a number") from None


def encoded(name, text):
    """The text or path as C takes it: what follows a NUL would be cut off."""
    try:
        found = os.fsencode(text)
        if b"\0" not in found:
            return found
    except (TypeError, UnicodeEncodeError):
        pass
    raise InvalidArgument(f"{name} is {text!r}, expected a text that holds no NUL")


def member(name, value, kind):
    """The value for a member of this type, into which ctypes would squeeze any number or text."""
    if kind in RANGES:
        return whole(name, value, *RANGES[kind])
    if kind in CHOICES:
        try:
            return CHOICES[kind][value]
        except (KeyError, TypeError):
            raise InvalidArgument(f"{name} is {value!r}, expected "
                                  + " or ".join(map(str, CHOICES[kind]))) from None
    if kind is c_double:
        return real(name, value)
    if value is not None and kind is c_char_p:
        if not isinstance(value, str):
            raise InvalidArgument(f"{name} is {value!r}, expected a text")
        return encoded(name, value)
    if value is not None and kind in (POINTER(c_double), POINTER(c_int64)):
        return ctypes.pointer(kind._type_(member(name, value, kind._type_)))
    return value


class Struct(ctypes.Structure):
    """A struct of c_types.h. Members that may be left out are None."""

    def __init_subclass__(cls):
        cls._kinds = dict(getattr(cls, "_fields_", ()))

    def __setattr__(self, name, value):
        super().__setattr__(name, member(name, value, self._kinds[name]))


class Sized(Struct):
    """One that begins with its size, and may grow."""

    def __init__(self, **members):
        super().__init__(struct_size=ctypes.sizeof(self), **members)


class SolverOptions(Struct):
    _fields_ = [("max_iterations", c_int32), ("absolute_tolerance", c_double),
                ("relative_tolerance", c_double), ("certified", Flag), ("batch_invariant", Flag),
                ("anderson", Choice), ("automatic_precision", Flag), ("gauss_seidel", Choice)]


class LoadOptions(Struct):
    _fields_ = [("activation", c_char_p), ("alpha", POINTER(c_double)),
                ("well_posedness", c_char_p), ("kappa", POINTER(c_double)), ("bias", Choice),
                ("no_D", Choice), ("prefix", c_char_p), ("override_metadata", Flag),
                ("project", Flag), ("allow_unproven", Flag)]


class ContextSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("device", c_char_p), ("stream", c_void_p),
                ("log", LogCallback), ("log_data", c_void_p), ("threads", c_int32),
                ("batch_invariant", Flag), ("every_solve_warning", c_int64)]


class ModelSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("states", c_int64), ("inputs", c_int64),
                ("outputs", c_int64), ("activation", c_char_p), ("alpha", POINTER(c_double)),
                ("well_posedness", c_char_p), ("kappa", c_double), ("seed", c_uint64),
                ("precision", c_int32), ("bias", Flag), ("no_D", Flag), ("allow_unproven", Flag),
                ("rank", POINTER(c_int64))]


class SparsifySettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("target", c_char_p), ("by", c_char_p),
                ("density", POINTER(c_double)), ("threshold", c_double), ("seed", c_uint64)]


class PassSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("solver", POINTER(SolverOptions)),
                ("adjoint", POINTER(SolverOptions)), ("forward_only", Flag),
                ("input_gradient", Flag)]


class TrainerSettings(Sized):
    _fields_ = [("struct_size", c_size_t), ("samples", c_int64),
                ("solver", POINTER(SolverOptions)), ("adjoint", POINTER(SolverOptions)),
                ("optimizer", c_char_p), ("learning_rate", POINTER(c_double)),
                ("beta1", POINTER(c_double)), ("beta2", POINTER(c_double)),
                ("epsilon", POINTER(c_double)), ("weight_decay", c_double),
                ("momentum", c_double), ("prox", c_double), ("nesterov", Flag),
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
    "idl_model_scaling": [_handle, c_int32, POINTER(c_int32), c_void_p, c_void_p],
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
