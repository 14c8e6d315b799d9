# SPDX-License-Identifier: MIT
"""Recurrent models in PyTorch: the original package's implicit cell, by the algorithm of
seed_pytorch.py in every time step, and torch.nn.LSTM and torch.nn.RNN of the same hidden size.

All of them end in a linear layer on the last h. The original's cell projects A in each step of a
sequence, calls the layer on the concatenation of x_t and h, and copies h into the outputs. LSTM and
RNN are other models: their answers are not compared, their time is what users would have otherwise.
"""

import torch

import peer_session
from peer_session import STEPPED, TOLERANCE, Work
from seed_pytorch import Equilibrium, project


class ImplicitCell(torch.nn.Module):
    """(batch, steps, 1) -> (batch, hidden), the last h."""

    def __init__(self, case):
        super().__init__()
        self.kappa = case.kappa
        self.A, self.B, self.C, self.D = (
            torch.nn.Parameter(torch.from_numpy(array.copy()))
            for array in (case.A, case.B, case.C, case.D)
        )
        self.iterations = 0

    def forward(self, x):
        h = torch.zeros(x.shape[0], self.C.shape[0], dtype=x.dtype, device=x.device)
        outputs = torch.empty(*x.shape[:-1], self.C.shape[0], dtype=x.dtype, device=x.device)
        total = 0
        for t in range(x.shape[1]):
            project(self.A, self.kappa)
            U = torch.cat((x[:, t, :], h), dim=-1).T
            X = Equilibrium.apply(self.A, self.B, U)
            total += Equilibrium.counts[0]
            h = (self.C @ X + self.D @ U).T
            outputs[:, t, :] = h
        self.iterations = total / x.shape[1]
        return h

    def named(self):
        return {f"grad_{name}": getattr(self, name).grad for name in "ABCD"}


class Explicit(torch.nn.Module):
    """The same of a layer of torch.nn."""

    iterations = 1

    def __init__(self, case, layer):
        super().__init__()
        self.layer = layer(1, case.C.shape[0], batch_first=True)

    def forward(self, x):
        return self.layer(x)[0][:, -1, :]

    def named(self):
        return {}


CELLS = {
    "seed": ImplicitCell,
    "lstm": lambda case: Explicit(case, torch.nn.LSTM),
    "rnn": lambda case: Explicit(case, torch.nn.RNN),
}


class RecurrentWork(Work):
    def __init__(self, case, variant):
        super().__init__(case)
        torch.set_num_threads(case.threads)
        torch.manual_seed(0)
        self.device = torch.device(case.device)
        self.cell = CELLS[variant](case).to(self.device)
        self.head = torch.nn.Linear(*reversed(case.W.shape)).to(self.device)
        with torch.no_grad():
            self.head.weight.copy_(torch.from_numpy(case.W))
            self.head.bias.copy_(torch.from_numpy(case.b))
        self.parameters = [*self.cell.parameters(), *self.head.parameters()]
        self.start = [parameter.detach().clone() for parameter in self.parameters]
        # The loss is a mean over the sequences: so small are the adjoints of each.
        Equilibrium.adjoint_tolerance = TOLERANCE / case.batch
        count = case.steps if case.kind in STEPPED else 1
        self.batches = [
            tuple(torch.from_numpy(array).to(self.device) for array in case.batch_of(step))
            for step in range(count)
        ]
        self.optimizer = torch.optim.Adam(self.parameters, lr=case.learning_rate)
        self.result = {}

    def versions(self):
        return {"torch": torch.__version__}

    def restore(self):
        with torch.no_grad():
            for parameter, start in zip(self.parameters, self.start):
                parameter.copy_(start)
            for state in self.optimizer.state.values():
                for value in state.values():
                    value.zero_()

    def outputs(self, U):
        return self.head(self.cell(U.unsqueeze(-1)))

    def run(self):
        if self.case.kind not in STEPPED:
            with torch.no_grad():
                self.result = {"Y": self.outputs(self.batches[0][0])}
        else:
            self.train()
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def train(self):
        losses, gradients = [], None
        for U, labels in self.batches:
            self.optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.cross_entropy(self.outputs(U), labels)
            loss.backward()
            if gradients is None:
                gradients = self.cell.named()
            self.optimizer.step()
            losses.append(loss.detach())
        self.result = {"losses": torch.stack(losses), **gradients}

    def iterations(self):
        return self.cell.iterations

    def answer(self):
        return {name: value.detach().cpu().contiguous().numpy()
                for name, value in self.result.items()}


if __name__ == "__main__":
    peer_session.main("recurrent_pytorch", RecurrentWork, tuple(CELLS))
