# SPDX-License-Identifier: MIT
"""What is right of a recurrent model: reference.py, step by step in float64. Needs numpy alone."""

import numpy as np

from reference import MOST_SAMPLES, TOLERANCE, iterate, read_safetensors


class RecurrentReference:
    """Of the first sequences; of a training step all of them, since its gradient is a sum."""

    def __init__(self, kind, model, inputs, samples):
        tensors, metadata = read_safetensors(model)
        kappa = float(metadata.get("kappa", 0.95))
        self.A, self.B, self.C, self.D = (
            tensors[f"recurrent.layer.{name}"].astype(np.float64) for name in "ABCD")
        self.W = tensors["linear.weight"].astype(np.float64)
        self.b = tensors["linear.bias"].astype(np.float64)
        given, _ = read_safetensors(inputs)
        self.samples = samples
        self.trains = kind == "recurrent_step"
        judged = samples if self.trains else min(samples, MOST_SAMPLES)
        x = given["U"][:judged].astype(np.float64)
        steps = self.forward(x)
        self.Y = self.W @ steps[-1][2] + self.b[:, None]
        # A solve is off by at most its step's share in a contraction; so is each h, and what it was
        # made of. 10 for float32 and for errors of before that have not died out.
        self.bound = 10 * TOLERANCE / (1 - kappa) * max(1.0, np.abs(self.C).sum(axis=1).max())
        if self.trains:
            self.loss, self.gradients = self.backward(steps, given["labels"][:judged])

    def forward(self, x):
        """U, X and h of each step."""
        h = np.zeros((self.C.shape[0], len(x)))
        X = np.zeros((self.A.shape[0], len(x)))
        steps = []
        for column in x.T:
            U = np.vstack([column, h])
            Z = self.B @ U
            X = iterate(lambda s, Z=Z: np.maximum(self.A @ s + Z, 0), X)
            h = self.C @ X + self.D @ U
            steps.append((U, X, h))
        return steps

    def backward(self, steps, labels):
        """Mean softmax cross-entropy and its gradients."""
        columns = np.arange(len(labels))
        shifted = self.Y - self.Y.max(axis=0)
        log_sums = np.log(np.exp(shifted).sum(axis=0))
        dY = np.exp(shifted - log_sums)
        dY[labels, columns] -= 1
        g = self.W.T @ (dY / len(labels))
        gradients = {name: 0.0 for name in ("grad_A", "grad_B", "grad_C", "grad_D")}
        for U, X, _ in reversed(steps):
            slope = self.A @ X + self.B @ U > 0
            source = slope * (self.C.T @ g)
            V = iterate(lambda v, slope=slope, source=source: slope * (self.A.T @ v) + source, source)
            for name, left, right in (("grad_A", V, X), ("grad_B", V, U),
                                      ("grad_C", g, X), ("grad_D", g, U)):
                gradients[name] = gradients[name] + left @ right.T
            g = (self.B.T @ V + self.D.T @ g)[1:]
        return (log_sums - shifted[labels, columns]).mean(), gradients

    def judge(self, answer):
        """{"right": bool, "error": number, "text": words}"""
        if self.trains:
            return self.judge_training(answer)
        given = answer["Y"]
        if given.shape != (self.samples, len(self.b)):
            return {"right": False, "error": None, "text": f"shape {given.shape}"}
        if not np.isfinite(given).all():
            return {"right": False, "error": None, "text": "a number is not finite"}
        error = float(np.abs(given[:self.Y.shape[1]] - self.Y.T).max())
        return {"right": bool(error <= self.bound), "error": error, "bound": float(self.bound),
                "text": f"error {error:.1e}, allowed {self.bound:.1e}"}

    def judge_training(self, answer):
        """The first step's loss and gradients."""
        if not np.isfinite(answer["losses"]).all():
            return {"right": False, "error": None, "text": "a loss is not finite"}
        loss_error = abs(float(answer["losses"][0]) - self.loss)
        worst = max(
            float(np.linalg.norm(answer[name] - expected) / np.linalg.norm(expected))
            for name, expected in self.gradients.items())
        # An adjoint is off by its last step's share in a contraction: a hundredth of the norm.
        return {"right": bool(loss_error <= self.bound and worst <= 1e-2), "error": worst,
                "loss_error": loss_error,
                "losses": [float(value) for value in answer["losses"]],
                "text": f"gradients off by {worst:.1e}, loss by {loss_error:.0e}"}
