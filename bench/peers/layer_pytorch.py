# SPDX-License-Identifier: MIT
"""This library as PyTorch has it, idl.torch.ImplicitLayer and Adam: what the way through PyTorch's
autograd and loss costs beside the library's own training step.

The package is that of this tree, its library $IDL_LIBRARY or that of the release build.
"""

import os
import pathlib
import sys

import peer_session
from peer_session import MAX_ITERATIONS, TOLERANCE

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make_work(case, _variant):
    os.environ.setdefault("IDL_LIBRARY", str(ROOT / "build/release/libidl_cuda.so"))
    sys.path.insert(0, str(ROOT / "python"))
    import torch

    import idl.torch
    from idl import _torch_operators as operators
    from torch_work import TorchWork

    class LayerWork(TorchWork):
        def __init__(self, case):
            solver = idl.SolverOptions(MAX_ITERATIONS, TOLERANCE)
            self.layer = idl.torch.ImplicitLayer(
                case.states, case.inputs, case.outputs, kappa=case.kappa, solver=solver,
                device=case.device, dtype=torch.from_numpy(case.A).dtype)
            self.layer.load_state_dict({name: torch.from_numpy(getattr(case, name))
                                        for name in "ABCD"})
            super().__init__(case)
            self.start = [self.layer.M.detach().clone()]
            if case.kind != "train_step":
                self.U = self.tensor(case.U).T  # one sample a row in memory, as PyTorch has it

        def parameters(self):
            return [self.layer.M]

        def make_optimizer(self):
            return idl.torch.Adam(self.layer, lr=self.case.learning_rate)

        def named_gradients(self):
            n, dM = self.case.states, self.layer.M.grad.T
            return {"grad_A": dM[:n, :n], "grad_B": dM[:n, n:], "grad_C": dM[n:, :n],
                    "grad_D": dM[n:, n:]}

        def after_step(self):
            pass  # the optimiser has projected

        def forward(self, U):
            return self.layer(U.T).T

        @torch.no_grad()
        def infer(self, U):
            return self.forward(U)

        @torch.no_grad()
        def solve(self, U):
            _, X, self.layer._report = operators.solve(self.layer.M, U.T, self.layer.settings, 0)
            return X.T

        def iterations(self):
            return int(self.layer.last_report.iterations.max())

    return LayerWork(case)


if __name__ == "__main__":
    peer_session.main("idl_torch", make_work)
