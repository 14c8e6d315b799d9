# SPDX-License-Identifier: MIT
"""An implicit layer for PyTorch: Y = CX + DU with X = φ(AX + BU), on the CPU and on GPUs.

    layer = idl.torch.ImplicitLayer(n=100, p=784, q=10)
    optimizer = idl.torch.Adam(layer)

or, with another optimiser,

    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    idl.torch.project_after_step(optimizer, layer)
"""
import dataclasses
import json
import warnings

import torch

from idl import _handles
from idl import _torch_operators as operators
from idl._library import InvalidArgument
from idl._torch_adam import Adam
from idl._torch_operators import PRECISIONS, release_memory
from idl.solver import REPORT, Report, SolverOptions, solver_to_c

__all__ = ["Adam", "ImplicitLayer", "project_", "project_after_step", "release_memory"]


class ImplicitLayer(_handles.Fixed, torch.nn.Module):
    """X = φ(AX + BU), Y = CX + DU for each sample: (..., p) -> (..., q).

    n, p, q:     states, inputs, outputs
    kappa:       ‖A‖∞ <= kappa, in (0, 1), by project_(); None: A is not constrained
    activation:  "relu", "leaky_relu", "elu", "tanh", "sigmoid", "softplus", "silu", "gelu",
                 "identity", "mish", "selu", "hardswish", "abs", "sat"; alpha is the slope of
                 leaky_relu below zero, the scale of elu
    bias:        the last column of B and D is a bias
    no_D:        D is zero and stays zero
    rank:        of A = LRᵀ, whose factors L and R, (n, rank), are parameters in the place of A
    solver:      idl.SolverOptions of both fixed-point iterations

    All parameters are one, M of shape (n + p', n + q), p' = p, or p + 1 with bias: its memory is that
    of [A B; C D] column by column; with a rank that of L, R, B, C and D one after the other, in one
    dimension. A (or L and R), B, C and D are views of it, and what state_dict() holds, under the
    names of the original PyTorch package. Parameters are drawn from N(0,1)/n, L from N(0,1)/rank.
    """

    def __init__(self, n, p, q, kappa=0.95, activation="relu", bias=False, *, alpha=None, no_D=False,
                 well_posedness=None, allow_unproven=False, rank=None, solver=None, device=None,
                 dtype=None):
        super().__init__()
        checked = _handles.model_settings(
            n, p, q, activation=activation, alpha=alpha, kappa=kappa, well_posedness=well_posedness,
            bias=bias, no_D=no_D, allow_unproven=allow_unproven, rank=rank)
        solver_to_c(solver)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        if dtype not in PRECISIONS:
            raise InvalidArgument(f"dtype is {dtype}, it may be torch.float32 or torch.float64")
        self._fix(checked, activation)
        self.settings = json.dumps({
            "n": self.n, "p": self.p, "q": self.q, "activation": activation, "alpha": alpha,
            "kappa": self.kappa, "well_posedness": well_posedness, "bias": self.bias,
            "no_D": self.no_D, "allow_unproven": allow_unproven, "rank": self.rank,
            "solver": dataclasses.asdict(solver or SolverOptions())},
            default=lambda number: number.item())  # NumPy's and PyTorch's
        self.M = torch.nn.Parameter(
            torch.empty(operators.shape_of(self.settings), device=device, dtype=dtype))
        self._report = None
        self.reset_parameters()

    def reset_parameters(self):
        """Draws M from N(0,1)/n, L from N(0,1)/rank, by PyTorch's generator and projects A."""
        if self.M.device.type != "meta":
            torch.nn.init.normal_(self.M, std=1 / self.n)
            if self.rank:
                torch.nn.init.normal_(self.L, std=1 / self.rank)
            self.project_()

    def _sizes(self):
        """Rows and columns of the matrices in M, in their order."""
        n, p, q = self.n, self.p + bool(self.bias), self.q
        of_A = {"A": (n, n)} if self.rank is None else {"L": (n, self.rank), "R": (n, self.rank)}
        of_D = {} if self.no_D else {"D": (q, p)}
        return {**of_A, "B": (n, p), "C": (q, n), **of_D}

    def _view(self, name):
        sizes = self._sizes()
        if name not in sizes and (name != "D" or self.rank is not None):
            raise AttributeError(name)
        if self.rank is None:
            down, right = name in "CD", name in "BD"
            rows = slice(self.n, None) if right else slice(self.n)
            return self.M[rows, slice(self.n, None) if down else slice(self.n)].T
        first = 0
        for before, (rows, cols) in sizes.items():
            if before == name:
                return self.M[first:first + rows * cols].view(cols, rows).T
            first += rows * cols

    @property
    def A(self):
        """(n, n), a view of M; none with a rank."""
        return self._view("A")

    @property
    def L(self):
        """(n, rank), a view of M; with a rank alone."""
        return self._view("L")

    @property
    def R(self):
        """(n, rank), a view of M; with a rank alone."""
        return self._view("R")

    @property
    def B(self):
        """(n, p'), a view of M."""
        return self._view("B")

    @property
    def C(self):
        """(q, n), a view of M."""
        return self._view("C")

    @property
    def D(self):
        """(q, p'), a view of M."""
        return self._view("D")

    @property
    def last_report(self):
        """idl.Report of the last forward pass, one entry per sample; None before it."""
        if self._report is None:
            return None
        data = self._report.numpy()
        return Report(data[:len(data) // REPORT.itemsize * REPORT.itemsize].view(REPORT))

    def forward(self, U):
        """(..., p) -> (..., q). In autocast too it runs in the type of the parameters."""
        M = self.M
        if not isinstance(U, torch.Tensor):
            raise TypeError(f"ImplicitLayer: the input is a {type(U).__name__}, expected a tensor")
        if U.layout != torch.strided:
            raise TypeError(f"ImplicitLayer: the input is {U.layout}, expected torch.strided; its "
                            "to_dense() is")
        if U.device != M.device:
            raise ValueError(f"ImplicitLayer: the input is on {U.device}, the layer on {M.device}")
        operators.check(M)
        if torch.is_autocast_enabled(U.device.type):
            U = U.to(M.dtype)
        if U.dtype != M.dtype:
            raise TypeError(f"ImplicitLayer: the input is {U.dtype}, the layer {M.dtype}")
        if U.dim() == 0 or U.shape[-1] != self.p:
            raise ValueError(f"ImplicitLayer: the input has the shape {tuple(U.shape)}, expected "
                             f"(..., {self.p})")
        gradient = 0
        if torch.is_grad_enabled():
            gradient = (operators.OF_PARAMETERS * M.requires_grad
                        + operators.OF_INPUTS * U.requires_grad)
        Y, _, self._report = operators.forward(M, U.reshape(-1, self.p), self.settings, gradient)
        return Y.reshape(*U.shape[:-1], self.q)

    @torch.no_grad()
    def project_(self):
        """Brings A back into its set (and D to zero with no_D), in place."""
        operators.project_(self.M, self.settings)
        return self

    def extra_repr(self):
        return (f"n={self.n}, p={self.p}, q={self.q}, kappa={self.kappa}, "
                f"activation='{self.activation}', bias={self.bias}"
                + ("" if self.rank is None else f", rank={self.rank}"))

    def _matrices(self):
        return {name: self._view(name) for name in self._sizes()}

    def _holds_M(self):
        # Not where a parametrization makes it of parameters of its own.
        return "M" in self._parameters

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        if self._holds_M():
            # Matrices of their own, row by row, as files of tensors want them.
            for name, view in self._matrices().items():
                destination[prefix + name] = (
                    view if keep_vars
                    else view.detach().clone(memory_format=torch.contiguous_format))
        # What a subclass has beside them; M is these matrices.
        super()._save_to_state_dict(destination, prefix, keep_vars)
        destination.pop(prefix + "M", None)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, strict, missing_keys,
                              unexpected_keys, error_msgs):
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing_keys,
                                      unexpected_keys, error_msgs)
        if not self._holds_M():
            return
        keys = {name: prefix + name for name in self._sizes()}
        given = {name: state_dict[key] for name, key in keys.items() if key in state_dict}
        unexpected_keys[:] = [key for key in unexpected_keys if key not in keys.values()]
        missing_keys[:] = [key for key in missing_keys if key != prefix + "M"]
        missing_keys += [key for name, key in keys.items() if name not in given] * strict
        wrong = [f"{keys[name]} is a {type(value).__name__}, expected a tensor"
                 for name, value in given.items() if not isinstance(value, torch.Tensor)]
        assigns = local_metadata.get("assign_to_params_buffers")
        if assigns:
            wrong += [f"{keys[name]} is {value.dtype}, the parameters may be float32 or float64"
                      for name, value in given.items()
                      if not wrong and value.dtype not in PRECISIONS]
        if wrong:
            error_msgs += wrong
            return
        first = next(iter(given.values()), None)
        if assigns and given:
            self._become_like(first)
        elif self.M.is_meta and given and not first.is_meta:
            warnings.warn(f"ImplicitLayer: {prefix}M is on the meta device, where nothing is loaded; "
                          "assign=True takes the place of what is loaded", stacklevel=2)
        with torch.no_grad():
            for name, view in self._matrices().items():
                if name not in given:
                    continue
                value = given[name]
                if value.shape != view.shape:
                    error_msgs.append(f"size mismatch for {keys[name]}: copying a matrix of the "
                                      f"shape {tuple(value.shape)}, the layer's has "
                                      f"{tuple(view.shape)}")
                elif not (view.is_meta or value.is_meta
                          or torch.isfinite(value.to(view.dtype)).all()):
                    error_msgs.append(f"{keys[name]} holds numbers that are not finite in "
                                      f"{view.dtype}")
                else:
                    view.copy_(value)
        if not error_msgs and not self.M.is_meta and not given.keys().isdisjoint("ALR"):
            self._project_loaded(prefix)

    def _become_like(self, loaded):
        """M anew, of the type and in the place of what is loaded, with the values it has had."""
        M = torch.zeros(self.M.shape, dtype=loaded.dtype, device=loaded.device)
        if not self.M.is_meta:
            M.copy_(self.M.detach())
        self.M = torch.nn.Parameter(M, requires_grad=self.M.requires_grad)

    def _project_loaded(self, prefix):
        before = {name: rows.detach().clone() for name, rows in self._constrained().items()}
        self.project_()
        for name, rows in self._constrained().items():
            moved = (rows.detach() - before[name]).abs().sum(dim=1)
            # The projection moves what is on the edge by roundings of its sums.
            if moved.numel() > 0 and moved.max() > 1e-5:
                norm = before[name].abs().sum(dim=1).max().item()
                warnings.warn(f"ImplicitLayer: {prefix}{name[0]} was loaded with ‖{name}‖∞ = "
                              f"{norm:.6g}, outside its set, and was projected", stacklevel=2)

    def _constrained(self):
        """What is projected, row by row."""
        return {"A": self.A} if self.rank is None else {"L": self.L, "Rᵀ": self.R.T}


def _check_module(module):
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module is a {type(module).__name__}, expected a layer or a network")


def project_(module):
    """Projects A of every ImplicitLayer in `module`, itself one or not, and returns `module`."""
    _check_module(module)
    for layer in module.modules():
        if isinstance(layer, ImplicitLayer):
            layer.project_()
    return module


def project_after_step(optimizer, module):
    """From now on each optimizer.step() ends with project_(module). Returns the handle of the hook,
    whose remove() ends it."""
    if not hasattr(optimizer, "register_step_post_hook"):
        raise TypeError(f"optimizer is a {type(optimizer).__name__}, expected one of torch.optim")
    _check_module(module)
    return optimizer.register_step_post_hook(lambda *_: project_(module))
