# SPDX-License-Identifier: MIT
"""The same problem with TorchDEQ's solvers: fixed-point iteration and Anderson acceleration.

TorchDEQ is batch-first and stops by the absolute 2-norm of the whole batch's step, or each sample's,
as its version decides; the tolerance given is the same 3e-6, and the answer is checked like every
other's. Backward is its implicit function theorem mode, with the same solver. Around it: the
projection of all rows at once after the optimiser step.
"""

import torch
from torchdeq import get_deq

import peer_session
from best_pytorch import project_rows
from peer_session import MAX_ITERATIONS, TOLERANCE
from torch_work import TorchWork

SOLVERS = {"fixed_point": "fixed_point_iter", "anderson": "anderson"}


class TorchDeqWork(TorchWork):
    def __init__(self, case, variant):
        super().__init__(case)
        solver = SOLVERS[variant]
        self.deq = get_deq(core="sliced", ift=True, f_solver=solver, b_solver=solver,
                           f_max_iter=MAX_ITERATIONS, b_max_iter=MAX_ITERATIONS, f_tol=TOLERANCE,
                           b_tol=TOLERANCE, f_stop_mode="abs", b_stop_mode="abs")
        if case.kind != "train_step":
            self.deq.eval()

    def versions(self):
        import importlib.metadata

        return {**super().versions(), "torchdeq": importlib.metadata.version("torchdeq")}

    def equilibrium(self, U):
        """X, one sample a row."""
        Z = (self.B @ U).T
        outcome, info = self.deq(lambda x: torch.relu(x @ self.A.T + Z), torch.zeros_like(Z))
        self.loop_iterations = int(info["nstep"].max())
        return outcome[-1]

    def forward(self, U):
        return self.C @ self.equilibrium(U).T + self.D @ U

    def solve(self, U):
        with torch.no_grad():
            return self.equilibrium(U).T

    def infer(self, U):
        with torch.no_grad():
            return self.forward(U)

    def after_step(self):
        with torch.no_grad():
            self.A.copy_(project_rows(self.A, self.case.kappa))


if __name__ == "__main__":
    peer_session.main("torchdeq", TorchDeqWork, tuple(SOLVERS))
