#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Whether the judge of bench/compare tells wrong answers from right ones, also where it solves only
some of the samples. Its one argument is bench/peers. Skipped (77) where NumPy is missing."""

import os
import pathlib
import sys
import tempfile

python = os.environ.get("IDL_TEST_PYTHON")
if python and "IDL_JUDGE_TEST" not in os.environ:
    os.environ["IDL_JUDGE_TEST"] = "running"
    os.execvp(python, [python, *sys.argv])
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
try:
    import numpy as np
except ImportError:
    print("no NumPy here")
    sys.exit(77)

import make_inputs  # noqa: E402
import random_model  # noqa: E402
import reference  # noqa: E402

STATES, INPUTS, SAMPLES, SAMPLED = 60, 12, 40, 5


def solve(tensors, U, iterations=300):
    """X (samples, n) in float32, as a program would find it."""
    A, Z = tensors["A"], U @ tensors["B"].T
    X = np.zeros_like(Z)
    for _ in range(iterations):
        X = np.maximum(X @ A.T + Z, np.float32(0))
    return X


def check(what, judge, answer, right):
    verdict = judge.judge({"X": answer})
    if verdict["right"] is not right:
        sys.exit(f"{what}: judged {verdict}, expected right = {right}")


def check_judge(judge, X, early):
    check("the solution", judge, X, True)
    check("nothing", judge, np.zeros_like(X), False)
    check("an iterate of the beginning", judge, early, False)
    check("a sample too few", judge, X[:-1], False)
    for column in judge.chosen[[0, len(judge.chosen) // 2, -1]]:
        wrong = X.copy()
        wrong[column, 7] += 3 * judge.bound
        check(f"sample {column} off by three times what is allowed", judge, wrong, False)
    other = next(j for j in range(SAMPLES) if len(judge.chosen) == SAMPLES or j not in judge.chosen)
    wrong = X.copy()
    wrong[other, 3] = np.nan
    check("a sample that is not finite", judge, wrong, False)
    check("samples in another order", judge, X[::-1], False)


def main():
    with tempfile.TemporaryDirectory() as folder:
        model, inputs = (pathlib.Path(folder) / f"{name}.safetensors" for name in ("model", "in"))
        sys.argv[1:] = [str(STATES), str(INPUTS), str(model)]
        random_model.main()
        make_inputs.make_inputs(inputs, SAMPLES, INPUTS)
        tensors, _ = reference.read_safetensors(model)
        U = reference.read_safetensors(inputs)[0]["U"]
        X, early = solve(tensors, U), solve(tensors, U, 2)

        def judge():
            return reference.Reference("solve", model, inputs, SAMPLES)

        everything = judge()
        residuals = [everything.judge({"X": x})["residual"] for x in (X, early)]
        if not residuals[0] < 1e-6 < 1e-3 < residuals[1]:
            sys.exit(f"residuals {residuals}")
        check_judge(everything, X, early)
        reference.MOST_WORK = SAMPLED * STATES**2
        part = judge()
        if list(part.chosen) != [0, 9, 19, 29, 39]:
            sys.exit(f"sampled {part.chosen}")
        worst = np.abs(part.expected["X"] - everything.expected["X"][part.chosen]).max()
        if worst > 1e-11:  # both stop at a step of 1e-13
            sys.exit(f"a sample's solution depends on the others: {worst}")
        check_judge(part, X, early)
        A = tensors["A"].astype(np.float64)
        rows, cols = np.nonzero(A)
        V = np.random.default_rng(1).standard_normal((STATES, 3))
        by_entries = reference.Sparse(A.shape, rows, cols, A[rows, cols])
        for dense, sparse in ((A, by_entries), (np.abs(A), abs(by_entries))):
            if np.abs(sparse @ V - dense @ V).max() > 1e-14:
                sys.exit("a product by the nonzero entries is another")
        thin = np.zeros((STATES, STATES))
        thin[[0, 7, 7], [2, 1, 5]] = [1, 2, -3]  # and empty rows, the last among them
        if not np.array_equal(reference.in_double(thin) @ V, thin @ V):
            sys.exit("a product by a thin matrix is another")
        if isinstance(reference.in_double(np.ones((9, 9))), reference.Sparse):
            sys.exit("a dense matrix is taken for a sparse one")
        # What is sampled for n = 16384 is no more work than what was always done for n = 4096.
        reference.MOST_WORK = reference.MOST_SAMPLES * 4096**2
        counts = [len(reference.sample(4096, n)) for n in (300, 4096, 16384, 10**6)]
        if counts != [500, 500, 31, 1]:
            sys.exit(f"counts of samples: {counts}")


if __name__ == "__main__":
    main()
