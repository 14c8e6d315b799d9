# SPDX-License-Identifier: MIT
"""Parts of a case that all PyTorch peers have in common: parameters, batches, Adam, answers."""

import torch

from peer_session import Work


class TorchWork(Work):
    """Subclasses give solve(U), infer(U) and forward(U); U is p×m, states are n×m."""

    def __init__(self, case):
        super().__init__(case)
        torch.set_num_threads(case.threads)
        self.device = torch.device(case.device)
        self.start = [self.tensor(array) for array in (case.A, case.B, case.C, case.D)]
        self.A, self.B, self.C, self.D = (
            torch.nn.Parameter(array.clone()) for array in self.start
        )
        self.loop_iterations = 0
        self.result = {}
        if case.kind == "train_step":
            self.batches = [self.host_batch(step) for step in range(case.steps)]
            self.optimizer = self.make_optimizer()
        else:
            self.U = self.tensor(case.U).T.contiguous()

    def versions(self):
        return {"torch": torch.__version__, "cuda": torch.version.cuda,
                "blas": "mkl" if torch.backends.mkl.is_available() else "other"}

    def tensor(self, array):
        return torch.from_numpy(array).to(self.device)

    def host_batch(self, step):
        """A batch on the host, from which transfers are fastest."""
        U, labels = (torch.from_numpy(array) for array in self.case.batch_of(step))
        return (U.pin_memory(), labels.pin_memory()) if self.device.type == "cuda" else (U, labels)

    def make_optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=self.case.learning_rate)

    def parameters(self):
        return [self.A, self.B, self.C, self.D]

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def restore(self):
        if self.case.kind != "train_step":
            return
        with torch.no_grad():
            for parameter, start in zip(self.parameters(), self.start):
                parameter.copy_(start)
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()
        self.synchronize()

    def run(self):
        if self.case.kind == "solve":
            self.result = {"X": self.solve(self.U)}
        elif self.case.kind == "inference":
            self.result = {"Y": self.infer(self.U)}
        else:
            self.result = self.train()
        self.synchronize()

    def train(self):
        losses = []
        gradients = {}
        for U, labels in self.batches:
            U = U.to(self.device, non_blocking=True)
            labels = labels.to(self.device, non_blocking=True)
            # Before 2.0 the default was to zero them in place, also those that are an answer.
            self.optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(self.forward(U.T).T, labels)
            loss.backward()
            gradients = gradients or self.named_gradients()
            self.optimizer.step()
            self.after_step()
            losses.append(loss.detach())
        return {"losses": torch.stack(losses), **gradients}

    def named_gradients(self):
        """Of the last step, by the names of its answer."""
        return {f"grad_{name}": parameter.grad
                for name, parameter in zip("ABCD", self.parameters())}

    def after_step(self):
        """What follows an optimiser step."""

    def forward(self, U):
        """Y (q×m), differentiable."""
        raise NotImplementedError

    def solve(self, U):
        """X (n×m)."""
        raise NotImplementedError

    def infer(self, U):
        """Y (q×m)."""
        raise NotImplementedError

    def iterations(self):
        return self.loop_iterations

    def answer(self):
        # States and outputs one sample a row, as everywhere outside.
        return {
            name: (value.T if name in "XY" else value).detach().cpu().contiguous().numpy()
            for name, value in self.result.items()
        }
