# SPDX-License-Identifier: MIT
"""The same problem in JAX: lax.while_loop under jit, float32 products at the highest precision.

A whole training step (both solves, Adam, projection of all rows) is one jitted function whose
parameters are donated; inference is jitted over chunks, so that no sample waits for the slowest of
all. Variant `whole` solves all samples of an inference in one loop, as the seed does.
"""

import functools

import peer_session
from peer_session import MAX_ITERATIONS, TOLERANCE, Work

CHUNK = {"cpu": 500, "cuda": 10000}
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


class JaxWork(Work):
    warm_up = 3

    def __init__(self, case, variant):
        super().__init__(case)
        import jax

        jax.config.update("jax_platforms", "cpu" if case.device == "cpu" else "cuda")
        jax.config.update("jax_enable_x64", case.dtype == "float64")
        jax.config.update("jax_default_matmul_precision", "highest")
        self.jax = jax
        self.chunk = CHUNK[case.device] if variant == "chunked" else len(case.U)
        self.start = tuple(jax.device_put(x) for x in (case.A, case.B, case.C, case.D))
        self.result = {}
        self.count = None
        self.define(jax)
        if case.kind == "train_step":
            self.batches = [case.batch_of(step) for step in range(case.steps)]
        else:
            self.U = jax.device_put(case.U.T.copy())
            self.parts = [self.U[:, k:k + self.chunk] for k in range(0, len(case.U), self.chunk)]

    def define(self, jax):
        jnp, lax = jax.numpy, jax.lax
        kappa, rate = self.case.kappa, self.case.learning_rate

        def iterate(step, start):
            def go_on(state):
                _, moved, count = state
                return (moved >= TOLERANCE) & (count < MAX_ITERATIONS)

            def body(state):
                x, _, count = state
                following = step(x)
                return following, jnp.abs(following - x).max(), count + 1

            x, _, count = lax.while_loop(go_on, body, (start, jnp.inf, 1))
            return x, count

        def solve(A, B, U):
            Z = B @ U
            X, count = iterate(lambda x: jax.nn.relu(A @ x + Z), jax.nn.relu(Z))
            return X, Z, count

        def infer(parameters, U):
            A, B, C, D = parameters
            X, _, count = solve(A, B, U)
            return C @ X + D @ U, count

        def gradients(parameters, U, labels):
            A, B, C, D = parameters
            X, Z, count = solve(A, B, U)
            log_shares = jax.nn.log_softmax(C @ X + D @ U, axis=0)
            onehot = jax.nn.one_hot(labels, C.shape[0], dtype=X.dtype, axis=0)
            loss = -(onehot * log_shares).sum() / U.shape[1]
            dY = (jnp.exp(log_shares) - onehot) / U.shape[1]
            slope = (A @ X + Z > 0).astype(X.dtype)
            source = slope * (C.T @ dY)
            V, _ = iterate(lambda v: slope * (A.T @ v) + source, source)
            return loss, (V @ X.T, V @ U.T, dY @ X.T, dY @ U.T), count

        def project(A):
            magnitudes = jnp.abs(A)
            descending = -jnp.sort(-magnitudes, axis=1)
            ranks = jnp.arange(1, A.shape[1] + 1, dtype=A.dtype)
            theta = ((jnp.cumsum(descending, axis=1) - kappa) / ranks).max(axis=1, keepdims=True)
            return jnp.sign(A) * jnp.maximum(magnitudes - jnp.maximum(theta, 0), 0)

        def train_step(state, U, labels):
            parameters, first, second, step = state
            loss, dM, count = gradients(parameters, U.T, labels)
            step = step + 1
            first = tuple(BETA1 * a + (1 - BETA1) * g for a, g in zip(first, dM))
            second = tuple(BETA2 * a + (1 - BETA2) * g * g for a, g in zip(second, dM))
            bias1, bias2 = 1 - BETA1**step, 1 - BETA2**step
            A, B, C, D = (
                p - rate * (a / bias1) / (jnp.sqrt(b / bias2) + EPSILON)
                for p, a, b in zip(parameters, first, second)
            )
            return ((project(A), B, C, D), first, second, step), loss, count

        self.solve = jax.jit(solve)
        self.infer = jax.jit(infer)
        self.train_step = functools.partial(jax.jit(train_step, donate_argnums=0))
        self.gradients = jax.jit(gradients)
        self.copy = jax.jit(lambda values: tuple(v + 0 for v in values))
        self.zeros = lambda: tuple(jnp.zeros_like(value) for value in self.start)
        self.one = lambda: jnp.zeros((), self.start[0].dtype)

    def versions(self):
        import jaxlib

        return {"jax": self.jax.__version__, "jaxlib": jaxlib.__version__}

    def restore(self):
        if self.case.kind == "train_step":
            self.state = (self.copy(self.start), self.zeros(), self.zeros(), self.one())
            self.jax.block_until_ready(self.state)

    def run(self):
        if self.case.kind == "solve":
            X, _, self.count = self.solve(*self.start[:2], self.U)
            self.result = {"X": X}
        elif self.case.kind == "inference":
            outputs, counts = zip(*(self.infer(self.start, part) for part in self.parts))
            self.count = counts
            self.result = {"Y": self.jax.numpy.concatenate(outputs, axis=1)}
        else:
            losses = []
            for U, labels in self.batches:
                self.state, loss, self.count = self.train_step(self.state, U, labels)
                losses.append(loss)
            self.result = {"losses": losses}
        self.jax.block_until_ready((self.result, getattr(self, "state", None)))

    def iterations(self):
        return int(max(self.count)) if isinstance(self.count, tuple) else int(self.count)

    def answer(self):
        import numpy as np

        if self.case.kind == "train_step":
            U, labels = self.batches[0]
            _, gradients, _ = self.gradients(self.start, U.T, labels)
            return {"losses": np.array(self.result["losses"], dtype=self.case.dtype),
                    **{f"grad_{name}": np.asarray(g) for name, g in zip("ABCD", gradients)}}
        return {name: np.asarray(value).T for name, value in self.result.items()}


if __name__ == "__main__":
    peer_session.main("jax_while", JaxWork, ("chunked", "whole"))
