# SPDX-License-Identifier: MIT
"""Implicit models on NumPy arrays: load, predict, train."""
import os
import pathlib
import tempfile
import threading
import weakref
from ctypes import byref, c_double, c_int64, pointer

import numpy as np

from idl import _handles
from idl import _library as c
from idl._library import library
from idl.solver import REPORT, Report, solver_to_c

PRECISIONS = {np.dtype(np.float32): c.FLOAT32, np.dtype(np.float64): c.FLOAT64}
CLASSES = "iub"  # kinds of types of class numbers
REALS = "f" + CLASSES
LOSSES = {"softmax_cross_entropy": c.CROSS_ENTROPY, "squared_error": c.SQUARED_ERROR}


def _precision(dtype):
    try:
        return PRECISIONS[np.dtype(np.float32 if dtype is None else dtype)]
    except (KeyError, TypeError):
        name = getattr(dtype, "__name__", dtype)
        raise c.InvalidArgument(f"dtype is {name}, it may be float32 or float64") from None


#: Those that live, whose locks a forked child needs anew: a thread that the child does not have may
#: hold them.
_models = weakref.WeakSet()


def _unlock_in_child():
    for model in _models:
        model._lock = threading.RLock()


os.register_at_fork(after_in_child=_unlock_in_child)


class Model(_handles.Fixed):
    """An implicit model X = φ(AX + BU), Y = CX + DU with n states, p inputs and q outputs.

    Parameters are drawn from N(0,1)/n by `seed`, and A is projected onto ‖A‖∞ <= kappa (None: A is
    not constrained). With `bias` the last column of B and D is a bias. With `rank` A is LRᵀ, whose
    factors L and R, (n, rank), are the parameters. Several threads may use one model; its calls wait
    for each other. So may a forked child.
    """

    def __init__(self, n, p, q, *, kappa=0.95, activation="relu", alpha=None, bias=False, no_D=False,
                 well_posedness=None, allow_unproven=False, rank=None, dtype=np.float32, seed=0,
                 device="auto", threads=0):
        settings = _handles.model_settings(
            n, p, q, activation=activation, alpha=alpha, kappa=kappa, bias=bias, no_D=no_D,
            well_posedness=well_posedness, allow_unproven=allow_unproven, rank=rank, seed=seed,
            precision=_precision(dtype))
        self._take(_handles.ModelHandle.create(_handles.Context(device, threads), settings),
                   (device, threads))

    @property
    def dtype(self):
        """np.float32 or np.float64, as a NumPy dtype."""
        return self._dtype

    @property
    def feature_scaling(self):
        """(mean, scale) of the inputs that a model of `idl train --standardise` was trained on: it
        takes (U − mean)/scale. None where the file of the model told of no scaling."""
        return self._scaling(of_targets=False, count=self.p)

    @property
    def target_scaling(self):
        """(mean, scale) of the targets: what the model gives stands for mean + scale·Y. Or None."""
        return self._scaling(of_targets=True, count=self.q)

    def _scaling(self, of_targets, count):
        with self._lock:
            scaling = self._handle.scaling(of_targets, count)
        return scaling and tuple(np.array(numbers) for numbers in scaling)

    def _take(self, handle, place):
        settings = handle.describe()
        self._handle, self._place, self._lock = handle, place, threading.RLock()
        self._trainers = weakref.WeakSet()
        _models.add(self)
        self._fix(settings, settings.activation.decode())
        self._dtype = np.dtype(np.float64 if settings.precision == c.FLOAT64 else np.float32)
        self.last_report = None  #: Report of the last prediction
        self._own = {*vars(self), "_own"}  # the other attributes are a subclass's or a user's

    @classmethod
    def load(cls, path, *, dtype=np.float32, device="auto", threads=0, activation=None, alpha=None,
             kappa=None, well_posedness=None, bias=None, no_D=None, prefix=None,
             override_metadata=False, project=False, allow_unproven=False):
        """Of a safetensors file: the library's own, or a state_dict of the original PyTorch package.

        What is said here completes what the file's metadata say, as the flags of `idl` do.
        """
        options = c.LoadOptions(activation=activation, alpha=alpha, well_posedness=well_posedness,
                                kappa=kappa, bias=bias, no_D=no_D, prefix=prefix,
                                override_metadata=override_metadata, project=project,
                                allow_unproven=allow_unproven)
        model = cls.__new__(cls)
        model._take(_handles.ModelHandle.load(_handles.Context(device, threads), path,
                                              _precision(dtype), options), (device, threads))
        return model

    def save(self, path):
        """Writes a safetensors file, atomically."""
        with self._lock:
            library.idl_model_save(self._handle.context.handle, self._handle.handle,
                                   c.encoded("path", path))

    def predict(self, U, solver=None, return_states=False):
        """U (samples, p) -> Y (samples, q), or Y and the states X (samples, n).

        `last_report` tells of each sample whether it converged, and the bound of its error.
        """
        U = self._samples("U", U, self.p)
        m = len(U)
        Y = np.empty((m, self.q), self.dtype)
        X = np.empty((m, self.n), self.dtype) if return_states else None
        entries = np.zeros(m, REPORT)
        options = solver_to_c(solver)
        with self._lock:
            library.idl_model_predict(
                self._handle.context.handle, self._handle.handle, m, U.ctypes.data, self.p,
                Y.ctypes.data, self.q, None if X is None else X.ctypes.data, self.n, c.HOST,
                byref(options), entries.ctypes.data)
            self.last_report = Report(entries)
        return (Y, X) if return_states else Y

    def train(self, U, targets, *, epochs=10, batch_size=100, seed=0, **trainer):
        """Trains on U (samples, p) and class numbers (samples,) or targets (samples, q).

        Each epoch goes through all samples in a new order, drawn by `seed`. What else is said is
        Trainer's. Returns one dictionary per epoch: the mean of the loss before each step, and with
        class numbers the accuracy.
        """
        epochs, batch_size = c.whole("epochs", epochs, 0), c.whole("batch_size", batch_size, 1)
        U = self._samples("U", U, self.p)
        targets = np.atleast_1d(_unmasked("targets", targets))
        _check_rows(U, targets)
        trainer = Trainer(self, labels=targets.ndim == 1 and targets.dtype.kind in CLASSES, **trainer)
        targets = trainer.targets(targets)
        _check_finite("U", U)
        _check_finite("targets", targets)
        try:
            order = np.random.default_rng(seed)
        except (TypeError, ValueError) as error:
            raise c.InvalidArgument(f"seed is {seed!r}: {error}") from None
        history = []
        for epoch in range(1, epochs + 1):
            shuffled = order.permutation(len(U))
            totals = np.zeros(2)
            for first in range(0, len(U), batch_size):
                batch = shuffled[first:first + batch_size]
                totals += np.multiply(trainer.step(U[batch], targets[batch]), len(batch))
            figures = dict(zip(("loss", "accuracy"), (totals / len(U)).tolist()))
            if trainer.loss != "softmax_cross_entropy":
                del figures["accuracy"]
            history.append({"epoch": epoch, **figures})
        return history

    def parameters(self):
        """Copies of all named tensors: "A" (n,n), "B" (n,p'), "C" (q,n), "D" (q,p'); of a sparse
        model those of its file ("A.values", ...), of one of low rank "L" and "R" for "A"."""
        found = {}
        with self._lock:
            for name, shape in self._handle.tensors().items():
                found[name] = np.empty(shape, self.dtype, order="F")
                library.idl_model_read(self._handle.context.handle, self._handle.handle,
                                       name.encode(), found[name].ctypes.data, shape[0], c.HOST)
        return found

    def pattern(self, matrix):
        """Which entries of "A", "B", "C" or "D" in compressed rows are stored: row_offsets (rows + 1,)
        and col_indices, as scipy.sparse.csr_array takes them beside "A.values" of parameters()."""
        context, model = self._handle.context.handle, self._handle.handle
        name = c.encoded("matrix", matrix)
        offsets, entries = np.empty((self.q if name in b"CD" else self.n) + 1, np.int64), c_int64()
        with self._lock:
            library.idl_model_read_pattern(context, model, name, byref(entries), None, None)
            columns = np.empty(entries.value, np.int32)
            library.idl_model_read_pattern(context, model, name, None, offsets.ctypes.data,
                                           columns.ctypes.data)
        return offsets, columns

    def set_parameters(self, **values):
        """Takes the tensors of these names, then projects A. Nothing is taken where a name, a shape
        or a number is wrong."""
        shapes = self._handle.tensors()
        taken = {}
        for name, array in values.items():
            if name not in shapes:
                raise c.InvalidArgument(f"the model has no parameter '{name}', it has "
                                        + ", ".join(shapes))
            with np.errstate(over="ignore"):
                taken[name] = np.require(_numbers(name, array), self.dtype, "FA")
            if taken[name].shape != shapes[name]:
                raise c.InvalidArgument(f"{name} has the shape {taken[name].shape}, expected "
                                        f"{shapes[name]}")
            wrong = np.argwhere(~np.isfinite(taken[name])).tolist()
            if wrong:
                raise c.InvalidArgument(f"{name}{wrong[0]} is not finite as {self.dtype}")
        with self._lock:
            for name, array in taken.items():
                library.idl_model_write(self._handle.context.handle, self._handle.handle,
                                        name.encode(), array.ctypes.data, len(array), c.HOST)
            self._handle.project()

    def sparsify(self, density=0.1, by="magnitude", target="M", threshold=0.0, seed=0):
        """The model with few entries of its matrices, in compressed rows: of each of A, B, C and D,
        or with `target` "A" of A alone, a share `density` stays.

        `by` "magnitude" keeps the largest entries, "row-topk" the largest of each row, "threshold"
        those of magnitude `threshold` or more, "random" any, by `seed`.
        """
        settings = c.SparsifySettings(target=target, by=by, threshold=threshold, seed=seed,
                                      density=density)
        return self._derived(library.idl_model_sparsify, byref(settings))

    def compact(self):
        """The model without the stored entries of compressed rows that are zero."""
        return self._derived(library.idl_model_compact)

    def remove_dead(self):
        """The model without states and inputs on which no output depends, and two arrays: where its
        states and its inputs were. It takes the columns U[:, inputs]."""
        states, inputs = np.empty(self.n, np.int64), np.empty(self.p, np.int64)
        reduced = self._derived(library.idl_model_remove_dead,
                                after=(states.ctypes.data, inputs.ctypes.data))
        return reduced, states[:reduced.n].copy(), inputs[:reduced.p].copy()

    def low_rank(self, rank):
        """The model with LRᵀ of this rank in the place of A, and an upper bound of ‖A − LRᵀ‖∞."""
        error = c_double()
        rank = c.whole("rank", rank, 0, c.MOST)
        model = self._derived(library.idl_model_low_rank, rank, after=(None, byref(error)))
        return model, error.value

    def pruning_bound(self, pruned, U):
        """By how much the exact states and outputs for U (samples, p) move at most when this model
        is replaced by `pruned`: two arrays (samples,), inf where nothing is known."""
        U = self._samples("U", U, self.p)
        state, output = np.empty(len(U)), np.empty(len(U))
        if not isinstance(pruned, Model):
            raise TypeError(f"pruned is {pruned!r}, expected a Model")
        first, second = sorted((self, pruned), key=id)  # in one order, or two threads wait for ever
        with first._lock, second._lock:
            library.idl_model_pruning_bound(
                self._handle.context.handle, self._handle.handle, pruned._handle.handle, len(U),
                U.ctypes.data, self.p, c.HOST, state.ctypes.data, output.ctypes.data)
        return state, output

    def _derived(self, create, *arguments, after=()):
        """What the library makes of this model, in a context of its own."""
        model = type(self).__new__(type(self))
        with self._lock:
            library.idl_context_synchronize(self._handle.context.handle)
            handle = _handles.ModelHandle(_handles.Context(*self._place), create,
                                          self._handle.handle, *arguments, after=after)
        model._take(handle, self._place)
        return model

    def _samples(self, name, array, columns):
        """The array as the library reads it: of the model's type, rows without gaps."""
        array = _numbers(name, array)
        if array.ndim != 2 or array.shape[1] != columns:
            raise c.InvalidArgument(f"{name} has the shape {array.shape}, expected (samples, "
                                    f"{columns})")
        return np.require(array, self.dtype, "CA")

    def __getstate__(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "model.safetensors")
            self.save(path)
            return {"file": path.read_bytes(), "dtype": self.dtype.name, "place": self._place,
                    "attributes": {name: value for name, value in vars(self).items()
                                   if name not in self._own}}

    def __setstate__(self, state):
        device, threads = state["place"]
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "model.safetensors")
            path.write_bytes(state["file"])
            loaded = Model.load(path, dtype=state["dtype"], device=device, threads=threads,
                                allow_unproven=True)
        self._take(loaded._handle, (device, threads))
        vars(self).update(state.get("attributes", {}))

    def __repr__(self):
        return (f"Model(n={self.n}, p={self.p}, q={self.q}, kappa={self.kappa}, "
                f"activation='{self.activation}', bias={self.bias}, dtype={self.dtype})")


class Trainer:
    """Training of one model step by step. Its optimiser's moments live as long as it does.

    `loss` is "softmax_cross_entropy", whose targets are class numbers (samples,), or
    "squared_error", the mean over all entries, whose targets have the shape of Y. Where it is not
    said, `labels` decides. `frozen` names matrices that stay as they are, "A,D" or ["A", "D"];
    `prox` weighs the ℓ1 norm of A, whose proximal operator follows each step.
    """

    def __init__(self, model, *, loss=None, labels=True, optimizer="adam", learning_rate=1e-3,
                 weight_decay=0.0, momentum=0.0, prox=0.0, frozen=None, solver=None):
        if not isinstance(model, Model):
            raise TypeError(f"model is {model!r}, expected a Model")
        self.model = model
        self.loss = loss or ("softmax_cross_entropy" if labels else "squared_error")
        if self.loss not in LOSSES:
            raise c.InvalidArgument(f"loss is '{self.loss}', it may be {' or '.join(LOSSES)}")
        if isinstance(frozen, (list, tuple)):
            frozen = ",".join(map(str, frozen))
        self._settings = c.TrainerSettings(
            samples=1, solver=pointer(solver_to_c(solver)), optimizer=optimizer,
            learning_rate=learning_rate, weight_decay=weight_decay, momentum=momentum, prox=prox,
            loss=LOSSES[self.loss], frozen=frozen)
        if frozen and {name.partition(".")[0] for name in model._handle.tensors()}.issubset(
                frozen.split(",")):
            raise c.InvalidArgument(f"frozen is '{frozen}', which leaves no matrix to train")
        self._handle = None
        self._ended = False  # by another trainer that has pruned the model

    def targets(self, targets):
        """These as the library reads them, checked."""
        model, targets = self.model, _unmasked("targets", targets)
        classes = targets.ndim == 1 and targets.dtype.kind in CLASSES
        one = targets.ndim == 1 and model.q == 1 and targets.dtype.kind in REALS
        if self.loss == "squared_error" and (targets.ndim != 1 or classes or one):
            return model._samples("targets", targets[:, None] if one else targets, model.q)
        if not classes:
            raise c.InvalidArgument(
                f"targets has the shape {targets.shape} and the type {targets.dtype}, expected class "
                "numbers, which are integers, (samples,)"
                + f" or numbers (samples, {model.q})" * (self.loss == "squared_error"))
        _check_classes(targets, model.q)
        return np.require(targets, np.int32, "CA")

    def step(self, U, targets):
        """Forward, loss, adjoint, optimiser, projection. Returns the loss before the step, and the
        share of samples whose largest output is the label (NaN without labels).

        NotFinite tells of numbers that are not finite. Where entries of the gradient are not, or are
        too large, those of the parameters stay what they were, and the rest of the step is taken. A
        NaN in U makes all entries so as a rule.
        """
        model = self.model
        U, targets = model._samples("U", U, model.p), self.targets(targets)
        if len(U) != len(targets) or len(U) == 0:
            raise c.InvalidArgument(f"U has {len(U)} rows and targets {len(targets)}, expected as "
                                    "many, and at least one")
        loss, accuracy = c_double(), c_double(float("nan"))
        with model._lock:
            self._make(len(U))
            if len(U) != self._settings.samples:
                library.idl_trainer_set_samples(self._handle.handle, len(U))
                self._settings.samples = len(U)
            if self.loss == "squared_error":
                library.idl_trainer_step_towards(self._handle.handle, U.ctypes.data, model.p,
                                                 targets.ctypes.data, model.q, c.HOST, byref(loss))
            else:
                library.idl_trainer_step(self._handle.handle, U.ctypes.data, model.p,
                                         targets.ctypes.data, c.HOST, byref(loss), byref(accuracy))
        return loss.value, accuracy.value

    def prune(self, density, target="M"):
        """Keeps the largest entries, a share `density`, of each of A, B, C and D, or with `target`
        "A" of A alone. The model holds no others from now on, and the optimiser their moments. With
        a density that falls, every few steps, it prunes while it trains. Other trainers of the model
        end, whose moments belong to what it no longer holds."""
        with self.model._lock:
            self._make(self._settings.samples)
            library.idl_trainer_prune(self._handle.handle, c.encoded("target", target),
                                      c.real("density", density))
            for other in [trainer for trainer in self.model._trainers if trainer is not self]:
                other._end()

    def __reduce__(self):
        raise TypeError("a Trainer is neither copied nor pickled: the moments of its optimiser are "
                        "the library's. Save the model, and make a new one")

    def _make(self, samples):
        if self._ended:
            raise c.InvalidArgument("another trainer has pruned the model since; make a new one")
        if self._handle is None:
            self._settings.samples = samples
            self._handle = _handles.Trainer(self.model._handle, self._settings)
            self.model._trainers.add(self)

    def _end(self):
        self._handle.close()
        self._handle, self._ended = None, True
        self.model._trainers.discard(self)


def _numbers(name, array):
    """The array, where it holds real numbers."""
    array = _unmasked(name, array)
    if array.dtype.kind not in REALS:
        raise c.InvalidArgument(f"{name} has the type {array.dtype}, expected real numbers")
    return array


def refuse_masked(name, array):
    """A mask says that entries are no numbers, and arrays forget it silently."""
    if np.ma.is_masked(array):
        first = np.argwhere(np.ma.getmaskarray(array))[0].tolist()
        raise c.InvalidArgument(f"{name} is masked at {first}; fill such entries or leave them out")


def _unmasked(name, array):
    refuse_masked(name, array)
    return np.asarray(array)


def _check_finite(name, array):
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        raise c.NotFinite(f"{name}{wrong[0].tolist()} is {array[tuple(wrong[0])]}")


def _check_rows(U, targets):
    if len(U) == 0:
        raise c.InvalidArgument("U has no samples to train on")
    if len(targets) != len(U):
        raise c.InvalidArgument(f"targets has {len(targets)} rows, U has {len(U)}")


def _check_classes(targets, classes):
    wrong = np.flatnonzero((targets < 0) | (targets >= classes))
    if len(wrong) > 0:
        raise c.InvalidArgument(f"targets[{wrong[0]}] is {targets[wrong[0]]}, expected 0 to "
                                f"{classes - 1}")


def _classes(targets):
    """How many outputs tell these class numbers apart."""
    _check_classes(targets, c.MOST)
    if (targets == targets[0]).all():
        raise c.InvalidArgument(f"targets holds one class, {targets[0]}; at least two are needed")
    return int(targets.max()) + 1


def load(path, **options):
    """Model.load."""
    return Model.load(path, **options)


def predict(model, U, **options):
    """Model.predict of a model or of its file."""
    return (model if isinstance(model, Model) else load(model)).predict(U, **options)


def train(U, targets, n=100, *, kappa=0.95, activation="relu", bias=False, rank=None,
          alpha=None, no_D=False, well_posedness=None, allow_unproven=False, dtype=np.float32,
          device="auto", threads=0, **options):
    """A new model with n states, trained on these samples by Model.train: class numbers or targets
    say how many outputs it has. Returns the model and its history."""
    U, targets = _unmasked("U", U), np.atleast_1d(_unmasked("targets", targets))
    if U.ndim != 2:
        raise c.InvalidArgument(f"U has the shape {U.shape}, expected (samples, p)")
    _check_rows(U, targets)
    if targets.dtype.kind in CLASSES and targets.ndim == 1:
        q = _classes(targets)
    else:
        q = 1 if targets.ndim == 1 else targets.shape[1]
    model = Model(n, U.shape[1], q, kappa=kappa, activation=activation, alpha=alpha, bias=bias,
                  no_D=no_D, well_posedness=well_posedness, allow_unproven=allow_unproven, rank=rank,
                  dtype=dtype, device=device, threads=threads, seed=options.get("seed", 0))
    return model, model.train(U, targets, **options)
