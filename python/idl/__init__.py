# SPDX-License-Identifier: MIT
"""Implicit deep learning: X = φ(AX + BU), Y = CX + DU.

`idl.Model` works on NumPy arrays (idl.numpy), `idl.torch.ImplicitLayer` is a layer for PyTorch, and
idl.sklearn has estimators. Arrays are batch-first: U (samples, p), Y (samples, q).
"""
from idl._library import (DeviceError, Error, InvalidArgument, IoError, NotConverged, NotFinite,
                          NotSupported, OutOfMemory, library)
from idl.numpy import Model
from idl.solver import Report, SolverOptions

__version__ = library.idl_version().decode()
__all__ = ["DeviceError", "Error", "InvalidArgument", "IoError", "Model", "NotConverged",
           "NotFinite", "NotSupported", "OutOfMemory", "Report", "SolverOptions"]
