# SPDX-License-Identifier: MIT
"""What is right: the solution in float64 by NumPy, to a step of 1e-13, and the bounds within which a
program that stopped at a step of 3e-6 must be. Needs numpy alone."""

import json
import struct

import numpy as np

TOLERANCE = 3e-6
#: of the inputs, at most this many are solved in float64,
MOST_SAMPLES = 500
#: and of a large model so few that a product by a dense A takes no more multiplications than this
MOST_WORK = MOST_SAMPLES * 4096**2
TYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}


def read_safetensors(path):
    """The tensors by name, left in the file until they are used, and the metadata."""
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, about in header.items():
        shape = tuple(about["shape"])
        tensors[name] = np.memmap(path, TYPES[about["dtype"]], "r", shape=shape,
                                  offset=8 + size + about["data_offsets"][0])
    return tensors, metadata


def sample(samples, states):
    """Which of the samples are solved in float64: first, last and evenly in between."""
    count = max(1, min(samples, MOST_SAMPLES, MOST_WORK // states**2))
    return np.linspace(0, samples - 1, count).astype(int)


class Sparse:
    """A matrix by its nonzero entries, row by row."""

    def __init__(self, shape, rows, cols, values):
        self.shape, self.rows, self.cols, self.values = shape, rows, cols, values
        self.filled_rows, self.starts = np.unique(rows, return_index=True)

    def __matmul__(self, X):
        product = np.zeros((self.shape[0], X.shape[1]))
        if len(self.values) > 0:
            terms = self.values[:, None] * X[self.cols]
            product[self.filled_rows] = np.add.reduceat(terms, self.starts, axis=0)
        return product

    def __abs__(self):
        return Sparse(self.shape, self.rows, self.cols, np.abs(self.values))


def in_double(A):
    """A for products from the left. A random matrix has a few entries a row left after its
    projection, and dense it would be 2 GB at n = 16384."""
    if np.count_nonzero(A) > 0.02 * A.size:
        return A.astype(np.float64)
    rows, cols = np.nonzero(A)
    return Sparse(A.shape, rows, cols, A[rows, cols].astype(np.float64))


def iterate(step, start):
    x = start
    for _ in range(5000):
        following = step(x)
        moved = np.abs(following - x).max(initial=0)
        x = following
        if moved <= 1e-13 * max(1.0, np.abs(x).max(initial=0)):
            return x
    raise RuntimeError("the reference does not converge")


class Reference:
    def __init__(self, kind, model, inputs, samples):
        self.kind = kind = "solve" if kind == "sparse_solve" else kind
        tensors, metadata = read_safetensors(model)
        self.kappa = float(metadata.get("kappa", 0.95))
        B, C, D = (tensors[name].astype(np.float64) for name in "BCD")
        A = tensors["A"].astype(np.float64) if kind == "train_step" else in_double(tensors["A"])
        given, _ = read_safetensors(inputs)
        U = given["U"][:samples]
        labels = given["labels"][:samples]
        self.samples = samples
        if kind != "train_step":
            self.chosen = sample(samples, A.shape[0])
            U = U[self.chosen]
        U = U.T.astype(np.float64)
        self.C_norm = np.abs(C).sum(axis=1).max()
        Z = B @ U
        X = iterate(lambda x: np.maximum(A @ x + Z, 0), np.maximum(Z, 0))
        Y = C @ X + D @ U
        self.size = np.abs(X).max()
        # Rounding of float32 in a state summed from n + p terms, gained 1/(1 − κ) in the loop. It
        # grows like the root of the number of terms in practice; 8 for what that leaves out.
        terms = abs(A) @ X + abs(B) @ U
        self.rounding = 8 * np.sqrt(sum(B.shape)) * 2.0**-24 * terms.max() / (1 - self.kappa)
        # ‖X − X*‖∞ <= κ/(1−κ)·step; a program that returns the iterate before the last has
        # 1/(1−κ)·step.
        self.bound = TOLERANCE / (1 - self.kappa) + self.rounding
        if kind == "solve":
            self.expected = {"X": X.T}
            self.residual = lambda x: float(np.abs(np.maximum(A @ x + Z, 0) - x).max())
        elif kind == "inference":
            self.expected = {"Y": Y.T}
        else:
            self.expected = self.gradients(A, C, U, X, Y, Z, labels)

    def gradients(self, A, C, U, X, Y, Z, labels):
        m = U.shape[1]
        shifted = Y - Y.max(axis=0)
        log_sums = np.log(np.exp(shifted).sum(axis=0))
        columns = np.arange(m)
        loss = (log_sums - shifted[labels, columns]).mean()
        dY = np.exp(shifted - log_sums)
        dY[labels, columns] -= 1
        dY /= m
        slope = A @ X + Z > 0
        source = slope * (C.T @ dY)
        V = iterate(lambda v: slope * (A.T @ v) + source, source)
        # The adjoint's step of 3e-6 is absolute: ‖V − V*‖₁ of a column is at most n·1/(1−κ) of it
        # (peers test the largest entry), which changes a column's part of VXᵀ by that times |X|.
        # As a share of the gradient's Frobenius norm: with errors of all entries that size,
        # independent over the columns.
        off = TOLERANCE / (1 - self.kappa)
        self.shares = {}
        gradients = {"grad_A": V @ X.T, "grad_B": V @ U.T, "grad_C": dY @ X.T, "grad_D": dY @ U.T}
        for name, other in (("grad_A", X), ("grad_B", U)):
            spread = off * np.sqrt(V.shape[0]) * np.linalg.norm(np.abs(other).sum(axis=1))
            self.shares[name] = spread / np.linalg.norm(gradients[name])
        return {"losses": np.array([loss]), **gradients}

    def judge(self, answer):
        """{"right": bool, "error": number, "text": words}"""
        if self.kind == "solve":
            verdict = self.within("X", answer["X"], self.bound)
            if verdict["error"] is not None:
                chosen = answer["X"][self.chosen].T.astype(np.float64)
                verdict["residual"] = self.residual(chosen)
            return verdict
        if self.kind == "inference":
            return self.within("Y", answer["Y"], self.C_norm * self.bound + self.rounding)
        return self.judge_training(answer)

    def within(self, name, given, bound):
        """The chosen samples are compared; all of them must be there, and finite."""
        expected = self.expected[name]
        if given.shape != (self.samples, expected.shape[1]):
            return {"right": False, "error": None, "text": f"shape {given.shape}"}
        if not np.isfinite(given).all():
            return {"right": False, "error": None, "text": "a number is not finite"}
        error = float(np.abs(given[self.chosen] - expected).max())
        return {"right": bool(error <= bound), "error": error, "bound": float(bound),
                "judged_samples": len(self.chosen),
                "text": f"error {error:.1e}, allowed {bound:.1e}"}

    def judge_training(self, answer):
        """The first step's loss and gradients; all losses must be finite, and are kept."""
        losses = answer["losses"]
        if not np.isfinite(losses).all():
            return {"right": False, "error": None, "text": "a loss is not finite"}
        # ∂loss/∂Y has ℓ1 norm <= 2 a sample, and the mean over the samples is taken.
        loss_bound = 2 * (self.C_norm * self.bound + self.rounding)
        loss_error = abs(float(losses[0]) - self.expected["losses"][0])
        worst, right = 0.0, loss_error <= loss_bound
        for name in ("grad_A", "grad_B", "grad_C", "grad_D"):
            expected = self.expected[name]
            error = float(np.linalg.norm(answer[name] - expected) / np.linalg.norm(expected))
            # 1e-3 for X's own error and float32.
            right = bool(right and error <= 1e-3 + self.shares.get(name, 0.0))
            worst = max(worst, error)
        return {"right": bool(right), "error": worst, "loss_error": loss_error,
                "losses": [float(value) for value in losses],
                "allowed": {name: 1e-3 + share for name, share in self.shares.items()},
                "text": f"gradients off by {worst:.1e}, loss by {loss_error:.0e}"}
