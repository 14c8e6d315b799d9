# SPDX-License-Identifier: MIT
"""The fastest that we could write with what PyTorch offers, for the same problem and tolerance.

Variants:
    compiled  the update of an iteration fused by torch.compile; on a GPU in CUDA graphs of
              several iterations, after which the host looks at the step
    eager     the same without torch.compile
    tf32      (GPU) compiled, with TF32 products until the step is below 1e-3, then float32
All of them: products into buffers that stay, no gradient bookkeeping inside the loops, the
projection of all rows at once, after the optimiser step instead of before every pass; in inference
the samples in chunks, so that no sample waits for the slowest of all. Every variant stops a chunk
by the largest step of any entry, as the seed does.
"""

import torch

import peer_session
from peer_session import MAX_ITERATIONS, TOLERANCE
from torch_work import TorchWork

COARSE_TOLERANCE = 1e-3
ITERATIONS_PER_GRAPH = 4
CHUNK = {"cpu": 500, "cuda": 10000}


def relu_step(product, Z, x):
    """The next state and the largest step."""
    following = torch.relu(product + Z)
    return following, (following - x).abs().amax()


def masked_step(product, source, slope, v):
    following = slope * product + source
    return following, (following - v).abs().amax()


def project_rows(A, radius):
    """Every row onto the ℓ1 ball, by sorting all rows at once."""
    magnitudes = A.abs()
    descending = magnitudes.sort(dim=1, descending=True).values
    ranks = torch.arange(1, A.shape[1] + 1, dtype=A.dtype, device=A.device)
    theta = ((descending.cumsum(1) - radius) / ranks).amax(1, keepdim=True).clamp_(min=0)
    return A.sign() * (magnitudes - theta).clamp_(min=0)


class Loop:
    """x <- step(matrix @ x) on buffers that stay, for one shape; on a GPU as CUDA graphs."""

    def __init__(self, step, n, m, device, dtype, tf32):
        self.step = step
        self.iterations = 0
        self.cuda = device.type == "cuda"
        new = lambda *shape: torch.zeros(*shape, device=device, dtype=dtype)
        self.matrix = new(n, n)
        self.operands = [new(n, m) for _ in range(1 if step.takes == 1 else 2)]
        self.x = new(n, m)
        self.product = new(n, m)
        self.moved = new(())
        self.graphs = {}
        self.phases = [(True, COARSE_TOLERANCE)] if tf32 else []
        self.phases.append((False, TOLERANCE))

    def iterate_once(self):
        torch.mm(self.matrix, self.x, out=self.product)
        following, moved = self.step.function(self.product, *self.operands, self.x)
        self.x.copy_(following)
        self.moved.copy_(moved)

    def graph(self, tf32):
        """Some iterations, captured once for each precision of the product."""
        if tf32 not in self.graphs:
            kept = torch.backends.cuda.matmul.allow_tf32
            torch.backends.cuda.matmul.allow_tf32 = tf32
            start = self.x.clone()
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(3):
                    self.iterate_once()
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for _ in range(ITERATIONS_PER_GRAPH):
                    self.iterate_once()
            torch.backends.cuda.matmul.allow_tf32 = kept
            self.x.copy_(start)
            self.graphs[tf32] = graph
        return self.graphs[tf32]

    def run_cuda(self):
        self.iterations = 0
        for tf32, tolerance in self.phases:
            graph = self.graph(tf32)
            while self.iterations < MAX_ITERATIONS:
                graph.replay()
                self.iterations += ITERATIONS_PER_GRAPH
                if self.moved.item() < tolerance:
                    break
        return self.x

    def run_cpu(self):
        x = self.x
        for self.iterations in range(1, MAX_ITERATIONS + 1):
            torch.mm(self.matrix, x, out=self.product)
            x, moved = self.step.function(self.product, *self.operands, x)
            if moved.item() < TOLERANCE:
                break
        return x

    def run(self, matrix, *operands, start):
        if self.cuda:
            self.matrix.copy_(matrix)
            for kept, operand in zip(self.operands, operands):
                kept.copy_(operand)
            self.x.copy_(start)
            return self.run_cuda()
        self.matrix, self.operands, self.x = matrix, operands, start
        return self.run_cpu()


class Step:
    def __init__(self, function, takes, compiled):
        self.function = torch.compile(function, dynamic=False) if compiled else function
        self.takes = takes


class BestWork(TorchWork):
    warm_up = 3

    def __init__(self, case, variant):
        self.compiled = variant != "eager"
        self.tf32 = variant == "tf32"
        super().__init__(case)
        if self.tf32 and self.device.type != "cuda":
            raise SystemExit("variant tf32 needs a GPU")
        self.forward_step = Step(relu_step, 1, self.compiled)
        self.adjoint_step = Step(masked_step, 2, self.compiled)
        self.project = torch.compile(project_rows) if self.compiled else project_rows
        self.loops = {}
        self.A.data.copy_(project_rows(self.A.data, case.kappa))

    def make_optimizer(self):
        rate = self.case.learning_rate
        try:
            # With `capturable` the count of steps stays on the GPU.
            return torch.optim.Adam(self.parameters(), lr=rate, fused=True,
                                    capturable=self.device.type == "cuda")
        except RuntimeError:  # before 2.4 on a GPU only
            return torch.optim.Adam(self.parameters(), lr=rate, foreach=True)

    def loop(self, step, m):
        key = (step is self.forward_step, m)
        if key not in self.loops:
            self.loops[key] = Loop(step, self.case.states, m, self.device, self.A.dtype, self.tf32)
        return self.loops[key]

    def equilibrium(self, U):
        """X and Z = BU; the first iterate, relu(Z), needs no product."""
        Z = self.B @ U
        loop = self.loop(self.forward_step, U.shape[1])
        X = loop.run(self.A, Z, start=torch.relu(Z))
        self.loop_iterations = max(self.loop_iterations, loop.iterations + 1)
        return X, Z

    def solve(self, U):
        self.loop_iterations = 0
        with torch.inference_mode():
            return self.equilibrium(U)[0]

    def infer(self, U):
        self.loop_iterations = 0
        with torch.inference_mode():
            parts = [self.C @ self.equilibrium(part)[0] + self.D @ part
                     for part in U.split(CHUNK[self.device.type], dim=1)]
            return torch.cat(parts, dim=1)

    def train(self):
        losses = []
        first = None
        for U, labels in self.batches:
            U = U.to(self.device, non_blocking=True).T
            labels = labels.to(self.device, non_blocking=True)
            loss, gradients = self.gradients(U, labels)
            for parameter, gradient in zip(self.parameters(), gradients):
                parameter.grad = gradient
            first = first or gradients
            self.optimizer.step()
            with torch.no_grad():
                self.A.copy_(self.project(self.A.data, self.case.kappa))
            losses.append(loss)
        return {"losses": torch.stack(losses),
                **{f"grad_{name}": value for name, value in zip("ABCD", first)}}

    @torch.no_grad()
    def gradients(self, U, labels):
        self.loop_iterations = 0
        X, Z = self.equilibrium(U)
        outputs = (self.C @ X + self.D @ U).T
        log_shares = torch.log_softmax(outputs, dim=1)
        m = U.shape[1]
        rows = torch.arange(m, device=U.device)
        loss = -log_shares[rows, labels].mean()
        dY = log_shares.exp()
        dY[rows, labels] -= 1
        dY = dY.T / m
        slope = (self.A @ X + Z > 0).to(X.dtype)
        source = slope * (self.C.T @ dY)
        # (AᵀV in the layout that the product reads best is left to the BLAS.)
        V = self.loop(self.adjoint_step, m).run(self.A.T, source, slope, start=source)
        return loss, (V @ X.T, V @ U.T, dY @ X.T, dY @ U.T)


if __name__ == "__main__":
    peer_session.main("best_pytorch", BestWork, ("compiled", "eager", "tf32"))
