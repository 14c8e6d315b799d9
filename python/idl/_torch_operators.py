# SPDX-License-Identifier: MIT
"""The operators idl::solve and idl::adjoint of PyTorch, on the memory of its tensors.

What PyTorch traces it is to see as operators of torch.library. What it runs at once goes by an
autograd.Function, which takes a quarter of their time. Both are the same two functions.

Operators take no structs: what a layer is, is one text of JSON. Each thread has a context a device,
and in it the models that borrow parameters, with a pass for each of the last numbers of samples.
"""
import collections
import ctypes
import functools
import itertools
import json
import math
import threading
from typing import Tuple

import torch
from torch.autograd import forward_ad

from idl import _handles
from idl import _library as c
from idl._library import library
from idl.solver import REPORT, SolverOptions

PRECISIONS = {torch.float32: c.FLOAT32, torch.float64: c.FLOAT64}
#: Integers of the same size, how far the bits of the exponent are shifted in them, and its bias.
EXPONENTS = {torch.float32: (torch.int32, 23, 127), torch.float64: (torch.int64, 52, 1023)}
SCALED_BY = 7  # the largest |dY| comes to 2^-7 and more, below 2^-6
#: Bits of `gradient`: what a backward pass will be asked for.
OF_PARAMETERS, OF_INPUTS = 1, 2
MOST_MODELS = 64  # of a thread and device
MOST_SETTINGS = 1024  # of layers, that are kept as read
MOST_PASSES = 3  # of a model: training, the last batch of an epoch, evaluation

_thread = threading.local()
_serials = itertools.count(1)


@functools.lru_cache(maxsize=MOST_SETTINGS)
def _read(settings):
    """Model keywords, sizes and solver options that a layer's text holds."""
    model = json.loads(settings)
    options = SolverOptions(**model.pop("solver")).to_c()
    return model, (model["n"], model["p"], model["q"]), options


@functools.lru_cache(maxsize=MOST_SETTINGS)
def shape_of(settings):
    """That of M."""
    model, (n, p, q), _ = _read(settings)
    rows, rank = p + model["bias"], model["rank"]
    if rank is None:
        return n + rows, n + q
    return (2 * n * rank + n * rows + q * n + (0 if model["no_D"] else q * rows),)


def check(M):
    """Refuses parameters of a type, or in a place, that layers do not have."""
    if M.dtype not in PRECISIONS:
        raise TypeError(f"ImplicitLayer: the parameters are {M.dtype}, they may be float32 or "
                        "float64")
    if M.device.type not in ("cpu", "cuda"):
        raise NotImplementedError(f"ImplicitLayer: it runs on cpu and cuda, not on {M.device}")


class _BorrowedModel:
    """The model whose M is a tensor's memory."""

    def __init__(self, context, M, settings):
        model, (self.n, self.p, self.q), self.options = _read(settings)
        memory = c.DEVICE if M.is_cuda else c.HOST
        self.handle = _handles.ModelHandle.borrow(
            context, _handles.model_settings(**model, precision=PRECISIONS[M.dtype]), M.data_ptr(),
            M.shape[-1], memory)
        self.memory = memory
        self.passes = collections.OrderedDict()

    def pass_of(self, samples, gradient):
        key = samples, gradient & OF_INPUTS
        found = self.passes.get(key)
        if found is None:
            if len(self.passes) >= MOST_PASSES:
                self.passes.popitem(last=False)
            found = _handles.Pass(self.handle, samples, self.options, gradient & OF_INPUTS)
            found.serial = 0
            self.passes[key] = found
        self.passes.move_to_end(key)
        return found


class _Place:
    """A device as one thread uses it."""

    def __init__(self, device):
        # A context's own stream, ordered with PyTorch's by events: that is the legacy default stream
        # as a rule, which a context does not take.
        self.context = _handles.Context(str(device))
        self.models = collections.OrderedDict()

    def model(self, M, settings):
        key = settings, M.data_ptr(), M.dtype
        found = self.models.get(key)
        if found is None:
            if len(self.models) >= MOST_MODELS:
                self.models.popitem(last=False)
            found = self.models[key] = _BorrowedModel(self.context, M, settings)
        self.models.move_to_end(key)
        return found


def _rows(name, tensor, columns, M):
    """The tensor as the library reads it: a matrix of so many columns, of the type of M beside it."""
    if tensor.dim() != 2 or tensor.shape[1] != columns:
        raise ValueError(f"ImplicitLayer: {name} has the shape {tuple(tensor.shape)}, expected "
                         f"(samples, {columns})")
    if (tensor.dtype, tensor.device) != (M.dtype, M.device):
        raise TypeError(f"ImplicitLayer: {name} is {tensor.dtype} on {tensor.device}, the parameters "
                        f"{M.dtype} on {M.device}")
    tensor = tensor.resolve_neg().contiguous()
    # Memory that is not PyTorch's may lie anywhere.
    return tensor if tensor.data_ptr() % tensor.itemsize == 0 else tensor.clone()


def _place(device):
    places = getattr(_thread, "places", None)
    if places is None:
        places = _thread.places = {}
    if device not in places:
        places[device] = _Place(device)
    return places[device]


class _Ordered:
    """The model on these parameters, its work ordered between what PyTorch's current stream has
    before and after."""

    def __init__(self, M, settings):
        check(M)
        if M.shape != shape_of(settings):
            raise c.InvalidArgument(f"M has the shape {tuple(M.shape)}, expected {shape_of(settings)}")
        if not M.is_contiguous() or M.is_neg():
            raise c.InvalidArgument(f"M has the strides {M.stride()}"
                                    + ", and is a negative of its memory" * M.is_neg()
                                    + "; it must be contiguous")
        self.device, self.place = M.device, _place(M.device)
        self.stream = torch.cuda.current_stream(M.device).cuda_stream if M.is_cuda else None
        if M.is_cuda:
            library.idl_context_wait_for(self.place.context.handle, self.stream)
        self.model = self.place.model(M, settings)

    def __enter__(self):
        return self.model

    def __exit__(self, *_):
        if self.device.type == "cuda":
            library.idl_context_record_for(self.place.context.handle, self.stream)


def release_memory():
    """Frees what this thread keeps for layers: their passes' buffers and contexts."""
    _thread.places = {}


def project_(M, settings):
    with _Ordered(M, settings) as model:
        model.handle.project()
    torch.autograd.graph.increment_version(M)


def adam_step(M, settings, dM, first, second, step, learning_rate, rule, kept):
    """A step of Adam on M and its projection; `rule` are the fields of idl_trainer_settings that say
    which. Returns the optimiser, for the next call's `kept`, and whether entries of dM were not
    finite and left out, None on a GPU, which is not waited for."""
    with _Ordered(M, settings) as model:
        memory = (first.data_ptr(), second.data_ptr())
        if kept is None or kept.key != (model, memory, rule):
            for moment in (first, second):
                if (moment.shape, moment.dtype, moment.device) != (M.shape, M.dtype, M.device):
                    raise c.InvalidArgument(
                        f"Adam: a moment is {moment.dtype} of the shape {tuple(moment.shape)} on "
                        f"{moment.device}, the parameters {M.dtype} of {tuple(M.shape)} on {M.device}")
            optimizer, beta1, beta2, epsilon, weight_decay, prox = rule
            kept = _handles.Optimizer(model.handle, c.TrainerSettings(
                optimizer=optimizer, beta1=beta1, beta2=beta2, epsilon=epsilon,
                weight_decay=weight_decay, prox=prox), *memory, M.shape[-1])
            kept.key = model, memory, rule
        left_out = None if M.is_cuda else ctypes.c_int32()
        library.idl_optimizer_step(kept.handle, dM.data_ptr(), M.shape[-1], model.memory,
                                   learning_rate, step, left_out)
    torch.autograd.graph.increment_version(M)
    return kept, left_out is not None and left_out.value != 0


def report_bytes(samples):
    """Bytes of the reports of so many samples, and of the number of the forward pass after them."""
    return samples * REPORT.itemsize + ctypes.sizeof(ctypes.c_int64)


def _serial(report, samples):
    """Where the number of the forward pass lies in its report."""
    return ctypes.c_int64.from_address(report.data_ptr() + samples * REPORT.itemsize)


def _solve(M: torch.Tensor, U: torch.Tensor, settings: str,
           gradient: int) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """X = φ(AX + BU), Y = CX + DU: Y (m, q), X (m, n) and the reports' bytes, on the host."""
    U, m = _rows("the input", U, _read(settings)[1][1], M), len(U)
    with _Ordered(M, settings) as model:
        n, p, q = model.n, model.p, model.q
        Y, X = U.new_empty((m, q)), U.new_empty((m, n))
        # On the host, whatever torch.set_default_device() says.
        report = torch.zeros(report_bytes(m), dtype=torch.uint8, device="cpu")
        if m > 0 and gradient == 0:
            library.idl_model_predict(
                model.handle.context.handle, model.handle.handle, m, U.data_ptr(), p, Y.data_ptr(),
                q, X.data_ptr(), n, model.memory, model.options, report.data_ptr())
        elif m > 0:
            passing = model.pass_of(m, gradient)
            passing.serial = 0
            library.idl_pass_forward(passing.handle, U.data_ptr(), p, None, 0, Y.data_ptr(), q,
                                     X.data_ptr(), n, model.memory, report.data_ptr())
            passing.serial = _serial(report, m).value = next(_serials)
    return Y, X, report


def _fake_solve(M, U, settings, gradient):
    _, (n, _, q), _ = _read(settings)
    m = U.shape[0]
    return (U.new_empty((m, q)), U.new_empty((m, n)),
            torch.empty(report_bytes(m), dtype=torch.uint8, device="cpu"))


def _scale(dY):
    """The power of two by which dY is divided, so that the tolerances mean the same whatever the
    loss is multiplied by: they are made for a mean over some hundred samples. None: 1.

    It is a normal number, and what is not finite has no part in it. On the CPU it takes few
    operations, each of which costs 10 µs amid other work.
    """
    if dY.is_cuda:
        return _scale_there(dY)
    low, high = (bound.item() for bound in dY.aminmax())
    largest = max(-low, high)
    if not math.isfinite(largest):
        return _scale_there(dY).item()
    bias = EXPONENTS[dY.dtype][2]
    exponent = min(max(math.frexp(largest)[1] - 1, 1 - bias) + SCALED_BY, bias)
    return 2.0 ** exponent if exponent != 0 else None


def _scale_there(dY):
    """The same by tensor operations alone, which do not wait for a GPU."""
    integer, shift, bias = EXPONENTS[dY.dtype]
    bits = dY.nan_to_num(0.0, 0.0, 0.0).abs_().amax().view(integer)
    bits.bitwise_right_shift_(shift).clamp_(1, 2 * bias - SCALED_BY).add_(SCALED_BY)
    return bits.bitwise_left_shift_(shift).view(dY.dtype)


def _adjoint(M: torch.Tensor, U: torch.Tensor, X: torch.Tensor, report: torch.Tensor,
             dY: torch.Tensor, settings: str, gradient: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """dM and dU of a loss whose gradient in Y is dY, at the X that idl::solve gave for M and U. What
    `gradient` does not ask for is empty."""
    _, (_, p, q), _ = _read(settings)
    U, dY, m = _rows("the input", U, p, M), _rows("the gradient", dY, q, M), len(U)
    dM = torch.empty_like(M) if gradient & OF_PARAMETERS else M.new_empty(0)
    dU = torch.empty_like(U) if gradient & OF_INPUTS else U.new_empty(0)
    if m == 0:
        return dM.zero_(), dU
    scale = _scale(dY)
    dY = dY if scale is None else dY / scale
    with _Ordered(M, settings) as model:
        n = model.n
        passing = model.pass_of(m, gradient)
        serial = _serial(report, m).value
        if passing.serial != serial:  # it has served other samples since, or is another thread's
            passing.serial = 0
            library.idl_pass_restore(passing.handle, U.data_ptr(), p, X.data_ptr(), n, model.memory)
            passing.serial = serial
        certificates = (ctypes.c_char * (m * REPORT.itemsize))()
        library.idl_pass_backward(
            passing.handle, dY.data_ptr(), q, dM.data_ptr() if gradient & OF_PARAMETERS else None,
            M.shape[-1], dU.data_ptr() if gradient & OF_INPUTS else None, p, model.memory, certificates)
    if scale is not None:
        for found in (dM, dU):
            if found.numel() > 0:
                found.mul_(scale)
    return dM, dU


def _fake_adjoint(M, U, X, report, dY, settings, gradient):
    return (torch.empty_like(M) if gradient & OF_PARAMETERS else M.new_empty(0),
            U.new_empty(U.shape) if gradient & OF_INPUTS else U.new_empty(0))


solve = torch.library.custom_op("idl::solve", _solve, mutates_args=())
solve.register_fake(_fake_solve)
adjoint = torch.library.custom_op("idl::adjoint", _adjoint, mutates_args=())
adjoint.register_fake(_fake_adjoint)


def _setup(ctx, inputs, output):
    M, U, ctx.settings, ctx.gradient = inputs
    _, X, report = output
    ctx.save_for_backward(M, U, X, report)
    ctx.mark_non_differentiable(X, report)
    ctx.set_materialize_grads(False)


def _backward(ctx, dY, _dX, _dreport, function=adjoint):
    if dY is None:
        return None, None, None, None
    M, U, X, report = ctx.saved_tensors
    dM, dU = function(M, U, X, report, dY, ctx.settings, ctx.gradient)
    return (dM if ctx.gradient & OF_PARAMETERS else None,
            dU if ctx.gradient & OF_INPUTS else None, None, None)


def _transformed(name):
    """Whether a tensor is of a transform that this function of torch._C._functorch knows, where
    this PyTorch has it."""
    return getattr(getattr(torch._C, "_functorch", None), name, lambda tensor: False)


_of_functorch, _of_batch = map(_transformed, ("is_functorch_wrapped_tensor",
                                              "is_legacy_batchedtensor"))


def _refuse_duals(*tensors):
    """Of the tangents of forward mode nothing would be said, and they would be taken for zero."""
    if any(forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors):
        raise NotImplementedError(
            "ImplicitLayer: derivatives in forward mode (torch.autograd.forward_ad, jvp, jacfwd, "
            "linearize) are not implemented; torch.autograd.grad goes backward")


def _refuse_transformed(*tensors):
    """What transforms hand over has no memory."""
    if any(_of_functorch(tensor) or _of_batch(tensor) for tensor in tensors):
        raise NotImplementedError(
            "ImplicitLayer: transforms of torch.func (vmap, grad, jacrev, functionalize) and batched "
            "gradients (is_grads_batched, vectorize, check_batched_grad) are not implemented; the "
            "layer takes batches of any shape (..., p), and gradients go by a loop over "
            "torch.autograd.grad")


def _no_second_backward(ctx, *_):
    raise NotImplementedError("idl.torch: second derivatives of an implicit layer (double backward, "
                              "create_graph=True) are not implemented")


solve.register_autograd(_backward, setup_context=_setup)
adjoint.register_autograd(_no_second_backward)


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, M, U, settings, gradient):
        output = _solve(M, U, settings, gradient)
        _setup(ctx, (M, U, settings, gradient), output)
        return output

    @staticmethod
    def backward(ctx, dY, dX, dreport):
        if dY is not None:
            _refuse_duals(dY)
            _refuse_transformed(dY)
        # Where a graph of the backward pass is made, it is to hold the operator that refuses.
        function = adjoint if torch.is_grad_enabled() else _adjoint
        return _backward(ctx, dY, dX, dreport, function)


def forward(M, U, settings, gradient):
    """solve, by the shorter way where nobody looks on."""
    if torch.compiler.is_compiling():
        return solve(M, U, settings, gradient)
    _refuse_duals(M, U)
    if torch.jit.is_tracing():  # whose graph serves with and without gradients
        return solve(M, U, settings, OF_PARAMETERS | OF_INPUTS)
    if torch._C._len_torch_dispatch_stack() > 0:
        return solve(M, U, settings, gradient)
    _refuse_transformed(M, U)
    if gradient == 0:
        return _solve(M, U, settings, gradient)
    return _Solve.apply(M, U, settings, gradient)
