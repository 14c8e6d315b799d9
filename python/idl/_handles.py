# SPDX-License-Identifier: MIT
"""Owners of the C interface's handles. Each keeps alive what it was made with, and frees in order."""
import ctypes
import logging
import weakref
from ctypes import byref, c_double, c_int32, c_int64, c_void_p

from idl import _library as c
from idl._library import library

LOG = logging.getLogger("idl")
KAPPA = 0.95  # the default of all that take it
LEVELS = {0: logging.INFO, 1: logging.WARNING, 2: logging.ERROR}


@c.LogCallback
def _log(_data, severity, text):
    LOG.log(LEVELS.get(severity, logging.ERROR), "%s", text.decode(errors="replace"))


def _fixed(name, text):
    return property(lambda self: getattr(self, "_" + name), doc=text)


class Fixed:
    """What a model or a layer keeps as it was made."""

    n = _fixed("n", "States.")
    p = _fixed("p", "Inputs, without the bias.")
    q = _fixed("q", "Outputs.")
    kappa = _fixed("kappa", "‖A‖∞ <= kappa; None: A is not constrained.")
    activation = _fixed("activation", "The name of φ.")
    bias = _fixed("bias", "Whether the last column of B and D is a bias.")
    no_D = _fixed("no_D", "Whether D is zero and stays zero.")
    rank = _fixed("rank", "Of A = LRᵀ; None: A is a parameter itself.")

    def _fix(self, settings, activation):
        """Keeps what idl_model_settings say; `activation` is φ's name in Python."""
        self._n, self._p, self._q = settings.states, settings.inputs, settings.outputs
        self._kappa, self._activation = settings.kappa or None, activation
        self._bias, self._no_D = bool(settings.bias), bool(settings.no_D)
        self._rank = settings.rank[0] if settings.rank else None


def _destroy(destroy, handle, _owner):
    destroy(handle)


class _Handle:
    """`owner` is what it was made with: it lives until this is destroyed, also where both are
    rubbish at the same time."""

    def __init__(self, destroy, create, *arguments, after=(), owner=None):
        handle = c_void_p()
        create(*arguments, byref(handle), *after)
        self.handle = handle.value
        self.close = weakref.finalize(self, _destroy, destroy, c_void_p(self.handle), owner)
        # At the interpreter's end daemon threads may still be inside the library.
        self.close.atexit = False


class Context(_Handle):
    """A device and an order of work; used by one thread at a time."""

    def __init__(self, device="auto", threads=0):
        settings = c.ContextSettings(device=device, log=_log, threads=threads)
        super().__init__(library.idl_context_destroy, library.idl_context_create_with,
                         byref(settings))

    @property
    def is_cuda(self):
        return library.idl_context_is_cuda(self.handle) != 0


def model_settings(n, p, q, *, activation=None, alpha=None, kappa=KAPPA, well_posedness=None,
                   bias=False, no_D=False, allow_unproven=False, rank=None, seed=0,
                   precision=c.FLOAT32):
    """idl_model_settings. kappa None: A is not constrained. rank None: A is not LRᵀ."""
    n, p, q = (c.whole(*size, 1, c.MOST) for size in (("n", n), ("p", p), ("q", q)))
    rank = None if rank is None else c.whole("rank", rank, 0, c.MOST)
    if kappa is None:
        if well_posedness == "inf_norm_ball":
            raise c.InvalidArgument("kappa is None, with well_posedness 'inf_norm_ball' it must be in "
                                    "(0, 1)")
        kappa, well_posedness = 0.0, "none" if well_posedness is None else well_posedness
    elif kappa == 0:
        raise c.InvalidArgument("kappa is 0, it must be in (0, 1); None: A is not constrained")
    elif well_posedness not in (None, "inf_norm_ball"):
        if kappa != KAPPA:  # that may be the default, of which the caller said nothing
            raise c.InvalidArgument(f"kappa is {kappa!r}, with well_posedness {well_posedness!r} it "
                                    "must be None")
        kappa = 0.0
    return c.ModelSettings(states=n, inputs=p, outputs=q, activation=activation, alpha=alpha,
                           well_posedness=well_posedness, kappa=kappa, seed=seed,
                           precision=precision, bias=bias, no_D=no_D, allow_unproven=allow_unproven,
                           rank=rank)


class ModelHandle(_Handle):
    """A model, of the library's own memory or of the caller's."""

    def __init__(self, context, create, *arguments, after=()):
        self.context = context
        super().__init__(library.idl_model_destroy, create, context.handle, *arguments, after=after,
                         owner=context)

    @classmethod
    def create(cls, context, settings):
        return cls(context, library.idl_model_create_with, byref(settings))

    @classmethod
    def borrow(cls, context, settings, pointer, ld, memory):
        return cls(context, library.idl_model_borrow, byref(settings), pointer, ld, memory)

    @classmethod
    def load(cls, context, path, precision, options):
        return cls(context, library.idl_model_load_with, c.encoded("path", path), precision,
                   byref(options))

    def describe(self):
        settings = c.ModelSettings()
        library.idl_model_describe(self.handle, byref(settings))
        return settings

    def scaling(self, of_targets, count):
        """Means and scales of so many numbers, or None."""
        scaled = c_int32()
        mean, scale = (c_double * count)(), (c_double * count)()
        library.idl_model_scaling(self.handle, of_targets, byref(scaled), mean, scale)
        return (list(mean), list(scale)) if scaled.value else None

    def project(self):
        library.idl_model_project(self.context.handle, self.handle)

    def tensors(self):
        """Name -> (rows, columns) of what the model's file has."""
        count = c_int64()
        library.idl_model_tensor_count(self.handle, byref(count))
        found = {}
        for index in range(count.value):
            tensor = c.Tensor()
            library.idl_model_tensor(self.handle, index, byref(tensor))
            found[tensor.name.decode()] = (tensor.rows, tensor.cols)
        return found


class Pass(_Handle):
    """Forward and backward of one model for one number of samples."""

    def __init__(self, model, samples, options, input_gradient):
        self.model = model
        settings = c.PassSettings(solver=ctypes.pointer(options), input_gradient=bool(input_gradient))
        super().__init__(library.idl_pass_destroy, library.idl_pass_create, model.context.handle,
                         model.handle, samples, byref(settings), owner=model)


class Optimizer(_Handle):
    """An optimiser of a model on moments of the caller's."""

    def __init__(self, model, settings, first, second, ld):
        self.model = model
        super().__init__(library.idl_optimizer_destroy, library.idl_optimizer_create,
                         model.context.handle, model.handle, byref(settings), first, second, ld,
                         owner=model)


class Trainer(_Handle):
    """A model's optimiser with its moments."""

    def __init__(self, model, settings):
        self.model = model
        super().__init__(library.idl_trainer_destroy, library.idl_trainer_create_with,
                         model.context.handle, model.handle, byref(settings), owner=model)


