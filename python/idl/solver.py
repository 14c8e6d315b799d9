# SPDX-License-Identifier: MIT
"""When a solve stops, and what it says of each sample."""
import dataclasses
from typing import Optional

import numpy as np

from idl import _library as c

LARGEST = float(np.finfo(np.float32).max)  # tolerance, in models of float64 too
STATUS = {1: "converged", 2: "stagnated", 3: "max_iterations", 4: "diverged"}

#: idl_sample_report, entry by entry.
REPORT = np.dtype({"names": ["status", "iterations", "step", "residual", "error_bound", "fallbacks",
                             "low_precision_iterations"],
                   "formats": ["i4", "i4", "f8", "f8", "f8", "i4", "i4"]}, align=True)


@dataclasses.dataclass(frozen=True)
class SolverOptions:
    """When both fixed-point iterations stop. None stands for the library's default.

    A sample stops when its step ‖x_k − x_{k−1}‖∞ is at most
    absolute_tolerance + relative_tolerance·‖x_k‖∞, or with `certified` when the bound of its error
    is.

    A layer's backward pass divides dY by a power of two, 64 to 128 times the largest |dY| of the
    batch: that is the unit of absolute_tolerance there. With batch_invariant too the last bits of
    dU then depend on it.
    """

    max_iterations: Optional[int] = None  #: applications of the map at most; 300
    absolute_tolerance: Optional[float] = None  #: in the units of the state; 3e-6
    relative_tolerance: Optional[float] = None  #: times the norm of the iterate; 0
    certified: bool = False  #: stop by the bound of the error
    batch_invariant: bool = False  #: the same bits for a sample in whatever batch
    anderson: Optional[bool] = None  #: Anderson acceleration; by itself
    gauss_seidel: Optional[bool] = None  #: block Gauss-Seidel sweeps; by itself
    automatic_precision: bool = False  #: bfloat16 inside, where a GPU gains by it

    def to_c(self):
        """The struct of the C interface. Its zeroes are defaults, so a zero of the caller's is
        refused where it would be taken for one."""
        given = {name: value for name, value in vars(self).items() if value is not None}
        if "max_iterations" in given:
            c.whole("max_iterations", self.max_iterations, 1, 2**31 - 1)
        for name, above in (("absolute_tolerance", True), ("relative_tolerance", False)):
            if name in given:
                value = c.real(name, given[name])
                if not 0 <= value <= LARGEST or (above and value == 0):
                    raise c.InvalidArgument(f"{name} is {given[name]!r}, expected a number in "
                                            f"{'(' if above else '['}0, {LARGEST:.8g}]")
        return c.SolverOptions(**given)


def solver_to_c(solver):
    """The struct of these options; None: all defaults."""
    if solver is None:
        return _DEFAULTS
    if not isinstance(solver, SolverOptions):
        raise c.InvalidArgument(f"solver is {solver!r}, expected idl.SolverOptions or None")
    return solver.to_c()


_DEFAULTS = SolverOptions().to_c()


class Report:
    """The certificate of a solve, one entry per sample."""

    def __init__(self, entries):
        self.entries = entries  #: NumPy array of the type REPORT

    def __len__(self):
        return len(self.entries)

    @property
    def status(self):
        """"converged", "stagnated", "max_iterations" or "diverged" of each sample."""
        return [STATUS[code] for code in self.entries["status"].tolist()]

    @property
    def converged(self):
        """Whether each sample met its stopping rule."""
        return self.entries["status"] == 1

    @property
    def iterations(self):
        """Applications of the map for each sample."""
        return self.entries["iterations"]

    @property
    def step(self):
        """‖x_k − x_{k−1}‖∞ of the last iteration."""
        return self.entries["step"]

    @property
    def residual(self):
        """Upper bound of ‖φ(Ax + Bu) − x‖∞."""
        return self.entries["residual"]

    @property
    def error_bound(self):
        """Upper bound of ‖x − x*‖∞, rounding included; inf where none is known."""
        return self.entries["error_bound"]

    def __repr__(self):
        if len(self) == 0:
            return "Report of no samples"
        return (f"Report of {len(self)} samples: {int(self.converged.sum())} converged, at most "
                f"{self.iterations.max()} iterations, error bound at most "
                f"{self.error_bound.max():.3g}")
