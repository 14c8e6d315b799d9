# SPDX-License-Identifier: MIT
"""Owners of the C interface's handles. Each keeps alive what it was made with, and frees in order."""
import ctypes
import logging
import os
import weakref
from ctypes import byref, c_double, c_int64, c_void_p

from idl import _library as c
from idl._library import library

LOG = logging.getLogger("idl")
LEVELS = {0: logging.INFO, 1: logging.WARNING, 2: logging.ERROR}


@c.LogCallback
def _log(_data, severity, text):
    LOG.log(LEVELS.get(severity, logging.ERROR), "%s", text.decode(errors="replace"))


def optional(value, kind=c_double):
    """A pointer to a number that may be left out."""
    return None if value is None else ctypes.pointer(kind(value))


def encoded(text):
    return None if text is None else os.fsencode(text)


class _Handle:
    def __init__(self, destroy, create, *arguments, after=()):
        handle = c_void_p()
        create(*arguments, byref(handle), *after)
        self.handle = handle.value
        # In front of the interpreter's end too, and those made last are destroyed first.
        weakref.finalize(self, destroy, c_void_p(self.handle))


class Context(_Handle):
    """A device and an order of work; used by one thread at a time."""

    def __init__(self, device="auto", threads=0):
        settings = c.ContextSettings(device=encoded(device), log=_log, threads=threads)
        super().__init__(library.idl_context_destroy, library.idl_context_create_with,
                         byref(settings))

    @property
    def is_cuda(self):
        return library.idl_context_is_cuda(self.handle) != 0


def model_settings(n=0, p=0, q=0, *, activation=None, alpha=None, kappa=0.0, well_posedness=None,
                   bias=False, no_D=False, allow_unproven=False, rank=None, seed=0,
                   precision=c.FLOAT32):
    """idl_model_settings. kappa None: A is not constrained. rank None: A is not LRᵀ."""
    if kappa is None:
        kappa, well_posedness = 0.0, well_posedness or "none"
    elif kappa == 0:
        raise c.InvalidArgument("kappa is 0, it must be in (0, 1); None: A is not constrained")
    elif well_posedness not in (None, "inf_norm_ball"):
        kappa = 0.0
    return c.ModelSettings(states=n, inputs=p, outputs=q, activation=encoded(activation),
                           alpha=optional(alpha), well_posedness=encoded(well_posedness),
                           kappa=kappa, seed=seed, precision=precision, bias=bias, no_D=no_D,
                           allow_unproven=allow_unproven, rank=optional(rank, c_int64))


class ModelHandle(_Handle):
    """A model, of the library's own memory or of the caller's."""

    def __init__(self, context, create, *arguments, after=()):
        self.context = context
        super().__init__(library.idl_model_destroy, create, context.handle, *arguments, after=after)

    @classmethod
    def create(cls, context, settings):
        return cls(context, library.idl_model_create_with, byref(settings))

    @classmethod
    def borrow(cls, context, settings, pointer, ld, memory):
        return cls(context, library.idl_model_borrow, byref(settings), pointer, ld, memory)

    @classmethod
    def load(cls, context, path, precision, options):
        return cls(context, library.idl_model_load_with, encoded(path), precision, byref(options))

    def describe(self):
        settings = c.ModelSettings()
        library.idl_model_describe(self.handle, byref(settings))
        return settings

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
        settings = c.PassSettings(solver=ctypes.pointer(options), input_gradient=input_gradient)
        super().__init__(library.idl_pass_destroy, library.idl_pass_create, model.context.handle,
                         model.handle, samples, byref(settings))


class Optimizer(_Handle):
    """An optimiser of a model on moments of the caller's."""

    def __init__(self, model, settings, first, second, ld):
        self.model = model
        super().__init__(library.idl_optimizer_destroy, library.idl_optimizer_create,
                         model.context.handle, model.handle, byref(settings), first, second, ld)


class Trainer(_Handle):
    """A model's optimiser with its moments."""

    def __init__(self, model, settings):
        self.model = model
        super().__init__(library.idl_trainer_destroy, library.idl_trainer_create_with,
                         model.context.handle, model.handle, byref(settings))


