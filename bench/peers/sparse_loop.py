# SPDX-License-Identifier: MIT
"""A solve with a sparse A, as users of SciPy, PyTorch or JAX would write it: A in compressed rows,
all samples at once, until the largest step of any entry is below the tolerance. X is (n, m) in rows,
so that an entry of A multiplies neighbours, which is the faster order for all three."""

import numpy as np

import peer_session
from peer_session import MAX_ITERATIONS, TOLERANCE, Work


class SparseWork(Work):
    warm_up = 3

    def __init__(self, case):
        super().__init__(case)
        self.U = np.ascontiguousarray(case.U.T)
        self.X = None
        self.count = None

    def iterations(self):
        return int(self.count)

    def answer(self):
        return {"X": np.asarray(self.X).T}


class ScipyWork(SparseWork):
    def __init__(self, case):
        super().__init__(case)
        import scipy.sparse

        self.scipy = scipy
        self.A = scipy.sparse.csr_matrix(case.A)

    def versions(self):
        return {"scipy": self.scipy.__version__, "numpy": np.__version__}

    def run(self):
        Z = self.case.B @ self.U
        x = np.maximum(Z, 0)
        for count in range(2, MAX_ITERATIONS + 1):
            following = self.A @ x
            following += Z
            np.maximum(following, 0, out=following)
            x -= following
            moved = np.abs(x, out=x).max()
            x = following
            if moved < TOLERANCE:
                break
        self.X, self.count = x, count


class TorchWork(SparseWork):
    def __init__(self, case):
        super().__init__(case)
        import torch

        torch.set_num_threads(case.threads)
        self.torch = torch
        self.A = torch.from_numpy(case.A).to_sparse_csr()
        self.B, self.U = torch.from_numpy(case.B), torch.from_numpy(self.U)

    def versions(self):
        blas = "mkl" if self.torch.backends.mkl.is_available() else "other"
        return {"torch": self.torch.__version__, "blas": blas}

    def run(self):
        with self.torch.inference_mode():
            Z = self.B @ self.U
            x = Z.relu()
            for count in range(2, MAX_ITERATIONS + 1):
                following = self.torch.addmm(Z, self.A, x).relu_()
                moved = x.sub_(following).abs_().amax().item()
                x = following
                if moved < TOLERANCE:
                    break
        self.X, self.count = x, count


class JaxWork(SparseWork):
    def __init__(self, case):
        super().__init__(case)
        import jax
        from jax.experimental import sparse

        jax.config.update("jax_platforms", "cpu")
        jax.config.update("jax_enable_x64", case.dtype == "float64")
        self.jax = jax
        jnp, lax = jax.numpy, jax.lax

        def solve(A, B, U):
            Z = B @ U

            def go_on(state):
                _, moved, count = state
                return (moved >= TOLERANCE) & (count < MAX_ITERATIONS)

            def body(state):
                x, _, count = state
                following = jax.nn.relu(A @ x + Z)
                return following, jnp.abs(following - x).max(), count + 1

            x, _, count = lax.while_loop(go_on, body, (jax.nn.relu(Z), jnp.inf, 1))
            return x, count

        self.solve = jax.jit(solve)
        self.operands = (sparse.BCSR.fromdense(jnp.asarray(case.A)), jax.device_put(case.B),
                         jax.device_put(self.U))

    def versions(self):
        import jaxlib

        return {"jax": self.jax.__version__, "jaxlib": jaxlib.__version__}

    def run(self):
        self.X, self.count = self.jax.block_until_ready(self.solve(*self.operands))


WORKS = {"scipy": ScipyWork, "torch": TorchWork, "jax": JaxWork}

if __name__ == "__main__":
    peer_session.main("sparse", lambda case, variant: WORKS[variant](case), tuple(WORKS))
