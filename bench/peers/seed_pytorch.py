# SPDX-License-Identifier: MIT
"""The algorithm of the original PyTorch package of implicit deep learning, in PyTorch eager.

Written from its description, with what makes up its cost: every forward pass, also in inference,
first projects A in place, row by row in Python; the Picard iteration runs over the whole batch until
the largest step of any entry is below the tolerance, and looks at that number on the host after each
iteration; it returns the iterate before the last; the backward pass iterates for the adjoint in the
same way. tests/data/golden holds numbers of the package itself; check_seed.py compares.
"""

import numpy as np
import torch

import peer_session
from peer_session import MAX_ITERATIONS, TOLERANCE
from torch_work import TorchWork


def project_row(row, radius):
    """The Euclidean projection of a row with ‖row‖₁ > radius onto the ℓ1 ball."""
    magnitudes = np.sort(np.abs(row))
    excess = magnitudes.sum() - radius
    left = len(row)
    for magnitude in magnitudes:
        if excess / left <= magnitude:
            break
        excess -= magnitude
        left -= 1
    return np.sign(row) * np.maximum(np.abs(row) - excess / left, 0)


def project(A, radius):
    """In place, the rows of A outside the ball."""
    values = A.detach().cpu().numpy().copy()
    outside = np.flatnonzero(np.abs(values).sum(axis=1) > radius)
    for i in outside:
        values[i] = project_row(values[i], radius)
    if len(outside) > 0:
        A.data.copy_(torch.from_numpy(values))


def iterate(step, start, tolerance=TOLERANCE):
    """x <- step(x) until no entry moves by `tolerance`; the iterate before the last."""
    x = start
    for count in range(1, MAX_ITERATIONS + 1):
        following = step(x)
        moved = (following - x).abs().max()
        if moved < tolerance:
            break
        x = following
    return x, count


class Equilibrium(torch.autograd.Function):
    """X = relu(AX + BU) with the implicit gradient."""

    counts = [0, 0]
    tolerance = TOLERANCE
    adjoint_tolerance = TOLERANCE

    @staticmethod
    def forward(ctx, A, B, U):
        Z = B @ U
        start = torch.zeros(A.shape[0], U.shape[1], dtype=A.dtype, device=A.device)
        X, Equilibrium.counts[0] = iterate(
            lambda x: torch.clamp(A @ x + Z, min=0), start, Equilibrium.tolerance
        )
        ctx.save_for_backward(A, B, X, U)
        return X

    @staticmethod
    def backward(ctx, grad_X):
        A, B, X, U = ctx.saved_tensors
        with torch.enable_grad():
            inner = (A @ X + B @ U).requires_grad_()
            slope = torch.autograd.grad(torch.clamp(inner, min=0).sum(), inner)[0]
        source = slope * grad_X
        V, Equilibrium.counts[1] = iterate(
            lambda v: slope * (A.T @ v) + source, torch.zeros_like(X), Equilibrium.adjoint_tolerance
        )
        grad_U = B.T @ V if ctx.needs_input_grad[2] else None
        return V @ X.T, V @ U.T, grad_U


class SeedWork(TorchWork):
    def equilibrium(self, U):
        project(self.A, self.case.kappa)
        X = Equilibrium.apply(self.A, self.B, U)
        self.loop_iterations = Equilibrium.counts[0]
        return X

    def forward(self, U):
        return self.C @ self.equilibrium(U) + self.D @ U

    def solve(self, U):
        with torch.no_grad():
            return self.equilibrium(U)

    def infer(self, U):
        with torch.no_grad():
            return self.forward(U)


if __name__ == "__main__":
    peer_session.main("seed_pytorch", lambda case, variant: SeedWork(case))
