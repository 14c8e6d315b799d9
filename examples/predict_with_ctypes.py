#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Drives libidl_cuda through its C interface (idl/c_api.h) with nothing but ctypes and NumPy.

    predict_with_ctypes.py [--library libidl_cuda.so] [--device auto] [MODEL.safetensors [U.npy]]

Loads a model, predicts for an array of shape (samples, inputs), prints the certificate of each
sample, and takes ten steps of training by one trainer, which keeps Adam's moments. Without a model
it makes a small one, without U.npy it draws one. The library is found as the dynamic loader finds it, or where --library says.
"""
import argparse
import ctypes
import os
import sys
import tempfile
from ctypes import POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint64, c_void_p

import numpy as np

FLOAT32 = 0  # idl_precision
HOST = 0  # idl_memory
SOLVE_STATUS = {1: "converged", 2: "stagnated", 3: "max_iterations", 4: "diverged"}


class SampleReport(ctypes.Structure):
    """idl_sample_report: the certificate of one sample."""

    _fields_ = [
        ("status", c_int32),
        ("iterations", c_int32),
        ("step", c_double),
        ("residual", c_double),
        ("error_bound", c_double),
        ("fallbacks", c_int32),
        ("low_precision_iterations", c_int32),
    ]


class SolverOptions(ctypes.Structure):
    """idl_solver_options: zeroes mean the library's defaults."""

    _fields_ = [
        ("max_iterations", c_int32),
        ("absolute_tolerance", c_double),
        ("relative_tolerance", c_double),
        ("certified", c_int32),
        ("batch_invariant", c_int32),
        ("anderson", c_int32),
        ("automatic_precision", c_int32),
        ("gauss_seidel", c_int32),
    ]


class TrainerSettings(ctypes.Structure):
    """idl_trainer_settings: zeroes mean the library's defaults; struct_size says which members the
    library may read, so that this stays right when later versions have more."""

    _fields_ = [
        ("struct_size", c_size_t),
        ("samples", c_int64),
        ("solver", POINTER(SolverOptions)),
        ("adjoint", POINTER(SolverOptions)),
        ("optimizer", c_char_p),
        ("learning_rate", POINTER(c_double)),
        ("beta1", POINTER(c_double)),
        ("beta2", POINTER(c_double)),
        ("epsilon", POINTER(c_double)),
        ("weight_decay", c_double),
        ("momentum", c_double),
        ("prox", c_double),
        ("nesterov", c_int32),
        ("loss", c_int32),
    ]


class IdlError(RuntimeError):
    """A call failed; the text is the library's own, from idl_last_error()."""


class Library:
    """The functions of idl/c_api.h. Those that return an idl_status raise IdlError on failure."""

    CHECKED = {
        "idl_context_create": [c_char_p, c_void_p, POINTER(c_void_p)],
        "idl_model_create": [c_void_p, c_int32, c_int64, c_int64, c_int64, c_char_p, c_double,
                             c_int32, c_uint64, POINTER(c_void_p)],
        "idl_model_load": [c_void_p, c_char_p, c_int32, POINTER(c_void_p)],
        "idl_model_save": [c_void_p, c_void_p, c_char_p],
        "idl_model_sizes": [c_void_p, POINTER(c_int64), POINTER(c_int64), POINTER(c_int64),
                            POINTER(c_int32)],
        "idl_model_predict": [c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64,
                              c_void_p, c_int64, c_int32, POINTER(SolverOptions),
                              POINTER(SampleReport)],
        "idl_trainer_create_with": [c_void_p, c_void_p, POINTER(TrainerSettings),
                                    POINTER(c_void_p)],
        "idl_trainer_set_learning_rate": [c_void_p, c_double],
        "idl_trainer_set_samples": [c_void_p, c_int64],
        "idl_trainer_step": [c_void_p, c_void_p, c_int64, c_void_p, c_int32, POINTER(c_double),
                             POINTER(c_double)],
    }
    DESTROY = ["idl_context_destroy", "idl_model_destroy", "idl_trainer_destroy"]

    def __init__(self, path):
        self._library = ctypes.CDLL(path)
        self._library.idl_last_error.restype = c_char_p
        self._library.idl_version.restype = c_char_p
        for name, arguments in self.CHECKED.items():
            function = getattr(self._library, name)
            function.argtypes, function.restype = arguments, c_int32
            function.errcheck = self._check
            setattr(self, name[len("idl_"):], function)
        for name in self.DESTROY:
            function = getattr(self._library, name)
            function.argtypes, function.restype = [c_void_p], None
            setattr(self, name[len("idl_"):], function)

    def version(self):
        return self._library.idl_version().decode()

    def _check(self, status, function, arguments):
        if status != 0:
            text = self._library.idl_last_error().decode()
            raise IdlError(f"{function.__name__}: {text} (idl_status {status})")
        return arguments


class Context:
    """One device; closes with `with`."""

    def __init__(self, library, device):
        self.library = library
        self.handle = c_void_p()
        library.context_create(device.encode(), None, byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.context_destroy(self.handle)


class Model:
    """An implicit model in float32; closes with `with`, before its context."""

    def __init__(self, context, handle):
        self.context, self.library, self.handle = context, context.library, handle
        sizes = [c_int64() for _ in range(3)]
        self.library.model_sizes(handle, *map(byref, sizes), None)
        self.states, self.inputs, self.outputs = (size.value for size in sizes)

    @classmethod
    def create(cls, context, states, inputs, outputs, seed=0):
        handle = c_void_p()
        context.library.model_create(context.handle, FLOAT32, states, inputs, outputs, b"relu",
                                     0.95, 0, seed, byref(handle))
        return cls(context, handle)

    @classmethod
    def load(cls, context, path):
        handle = c_void_p()
        context.library.model_load(context.handle, os.fsencode(path), FLOAT32, byref(handle))
        return cls(context, handle)

    def save(self, path):
        self.library.model_save(self.context.handle, self.handle, os.fsencode(path))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.model_destroy(self.handle)

    def samples(self, U):
        """U as the library reads it: float32, rows without gaps, as wide as the model's inputs."""
        U = np.ascontiguousarray(U, dtype=np.float32)
        if U.ndim != 2 or U.shape[1] != self.inputs:
            raise ValueError(f"U has the shape {U.shape}, expected (samples, {self.inputs})")
        return U

    def predict(self, U, options=None):
        """U (samples, inputs) -> Y (samples, outputs), X (samples, states), reports."""
        U = self.samples(U)
        m = U.shape[0]
        Y = np.empty((m, self.outputs), dtype=np.float32)
        X = np.empty((m, self.states), dtype=np.float32)
        reports = (SampleReport * m)()
        self.library.model_predict(self.context.handle, self.handle, m, U.ctypes.data, self.inputs,
                                   Y.ctypes.data, self.outputs, X.ctypes.data, self.states, HOST,
                                   None if options is None else byref(options), reports)
        return Y, X, reports


class Trainer:
    """Adam on the softmax cross-entropy of a model; closes with `with`, before its model."""

    def __init__(self, model, samples):
        self.model, self.library, self.handle = model, model.library, c_void_p()
        settings = TrainerSettings(struct_size=ctypes.sizeof(TrainerSettings), samples=samples)
        self.library.trainer_create_with(model.context.handle, model.handle, byref(settings),
                                         byref(self.handle))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.trainer_destroy(self.handle)

    def step(self, U, labels, learning_rate=1e-3):
        """One step on a batch of any size; returns loss and accuracy before it."""
        U = self.model.samples(U)
        labels = np.ascontiguousarray(labels, dtype=np.int32)
        if labels.shape != (U.shape[0],):
            raise ValueError(f"labels has the shape {labels.shape}, expected ({U.shape[0]},)")
        loss, accuracy = c_double(), c_double()
        self.library.trainer_set_samples(self.handle, U.shape[0])
        self.library.trainer_set_learning_rate(self.handle, learning_rate)
        self.library.trainer_step(self.handle, U.ctypes.data, self.model.inputs, labels.ctypes.data,
                                  HOST, byref(loss), byref(accuracy))
        return loss.value, accuracy.value


def run(arguments, model_path):
    library = Library(arguments.library)
    with Context(library, arguments.device) as context:
        if arguments.model is None:
            with Model.create(context, states=16, inputs=8, outputs=3) as made:
                made.save(model_path)
        with Model.load(context, model_path) as model:
            if arguments.input is not None:
                U = np.load(arguments.input)
            else:
                U = np.random.default_rng(0).standard_normal((5, model.inputs))
            print(f"libidl_cuda {library.version()}: {model.states} states, {model.inputs} inputs, "
                  f"{model.outputs} outputs")
            Y, _, reports = model.predict(U)
            for j, report in enumerate(reports):
                most_likely = Y[j].argmax() if np.isfinite(Y[j]).all() else "unknown"
                print(f"sample {j}: {SOLVE_STATUS[report.status]} after {report.iterations} "
                      f"iterations, |x - x*| <= {report.error_bound:.3g}, class {most_likely}")
            bad = [j for j, report in enumerate(reports)
                   if SOLVE_STATUS[report.status] != "converged"]
            if bad:
                sys.exit(f"predict_with_ctypes: {len(bad)} of {len(U)} samples did not converge, "
                         f"the first is sample {bad[0]}")
            labels = np.arange(len(U)) % model.outputs
            with Trainer(model, len(U)) as trainer:
                steps = [trainer.step(U, labels) for _ in range(10)]
            print(f"ten steps of training: loss {steps[0][0]:.6f} -> {steps[-1][0]:.6f}, "
                  f"accuracy {steps[-1][1]:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", nargs="?", help="a safetensors file")
    parser.add_argument("input", nargs="?", help="a .npy file of shape (samples, inputs)")
    parser.add_argument("--library", default="libidl_cuda.so")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:K")
    arguments = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory() as folder:
            run(arguments, arguments.model or os.path.join(folder, "model.safetensors"))
    except (IdlError, OSError, ValueError) as error:
        sys.exit(f"predict_with_ctypes: {error}")


if __name__ == "__main__":
    main()
