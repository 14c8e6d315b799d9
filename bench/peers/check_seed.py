# SPDX-License-Identifier: MIT
"""Compares seed_pytorch.py with numbers of the original package (tests/data/golden)."""

import pathlib
import sys

import torch
from safetensors import safe_open

from seed_pytorch import Equilibrium, project

GOLDEN = pathlib.Path(__file__).parents[2] / "tests" / "data" / "golden"


def read(name):
    with safe_open(GOLDEN / f"{name}.safetensors", "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


def check(name):
    """The largest difference of each array from the golden one, relative to its largest entry."""
    golden, about = read(name)
    A = golden["A_init"].clone()
    project(A, float(about["kappa"]))
    A, B, C, D, U = (
        x.clone().requires_grad_()
        for x in (A, golden["B"], golden["C"], golden["D"], golden["U"].T)
    )
    Equilibrium.tolerance = Equilibrium.adjoint_tolerance = float(about["tol"])
    X = Equilibrium.apply(A, B, U)
    Y = C @ X + D @ U
    loss = torch.nn.functional.cross_entropy(Y.T, golden["labels"])
    loss.backward()
    ours = {"A": A, "X": X.T, "Y": Y.T, "loss": loss.reshape(1), "grad_A": A.grad,
            "grad_B": B.grad, "grad_C": C.grad, "grad_D": D.grad, "grad_U": U.grad.T}
    return {
        key: float((value.detach() - golden[key]).abs().max() / golden[key].abs().max())
        for key, value in ours.items()
    }


def main():
    # Sums in another order: a few roundings of float32 in a state that is summed from n + p terms
    # and gains at most 1/(1 − 0.95) in a solve; a solve that stops one iteration earlier or later
    # would be off by the tolerance over the state, some 1e-6 more.
    limits = {"relu_small": 1e-11, "relu_f64": 1e-11, "relu_mnist": 1e-5}
    bad = 0
    for name, limit in limits.items():
        differences = check(name)
        worst = max(differences.values())
        bad += worst > limit
        print(f"{name}: largest relative difference {worst:.1e} (limit {limit:.0e}), "
              + ", ".join(f"{key} {value:.0e}" for key, value in differences.items()))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
