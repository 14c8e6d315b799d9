#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains on Fashion-MNIST what a user of PyTorch would, with the original package's algorithm
(seed_pytorch.py) and with ImplicitLayer and Adam of idl.torch in the place of the original's model and
PyTorch's Adam, and nothing else changed:

    model    the implicit model by itself, n = 100
    network  Linear(784, 64), ReLU, the implicit layer of n = 50, Linear(32, 10)

    layer_training.py [--epochs 2] [--samples 60000] [--data FOLDER] [--threads 2]

Prints the accuracy on the test images and the time of a training step, loading of batches included.
The same seeds draw the same parameters and batches. $IDL_LIBRARY names the library, or else it is
that of the release build.
"""

import argparse
import gzip
import os
import pathlib
import sys
import time

import peer_session

ROOT = pathlib.Path(__file__).resolve().parents[2]


def read_idx(folder, name):
    import numpy as np

    for path, opened in ((folder / name, open), (folder / f"{name}.gz", gzip.open)):
        if path.exists():
            with opened(path, "rb") as file:
                data = file.read()
            rank = data[3]
            shape = np.frombuffer(data, ">i4", rank, offset=4)
            return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)
    raise SystemExit(f"{folder} has no {name}")


def data_set(folder, part, samples):
    import torch

    images = read_idx(folder, f"{part}-images-idx3-ubyte")[:samples]
    labels = read_idx(folder, f"{part}-labels-idx1-ubyte")[:samples]
    return (torch.from_numpy(images.reshape(len(images), -1).copy()).float() / 255,
            torch.from_numpy(labels.copy()).long())


def original_layer(n, p, q):
    """The original package's model as a module: A, B, C, D, projected in every forward pass."""
    import torch

    from seed_pytorch import Equilibrium, project

    class Original(torch.nn.Module):
        def __init__(self):
            super().__init__()
            # Drawn as ImplicitLayer draws them: M of shape (n + p, n + q).
            M = torch.nn.init.normal_(torch.empty(n + p, n + q), std=1 / n).T
            self.A, self.B, self.C, self.D = (torch.nn.Parameter(block.contiguous()) for block in (
                M[:n, :n], M[:n, n:], M[n:, :n], M[n:, n:]))

        def forward(self, U):
            project(self.A, 0.95)
            U = U.T
            return (self.C @ Equilibrium.apply(self.A, self.B, U) + self.D @ U).T

    return Original()


def train(make, make_optimizer, arguments):
    """Accuracy on the test images, seconds of a step."""
    import torch

    torch.manual_seed(0)
    network = make()
    optimizer = make_optimizer(network)
    U, labels = arguments.training
    begin, steps = time.perf_counter(), 0
    for _ in range(arguments.epochs):
        for batch in torch.randperm(len(U)).split(100):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(network(U[batch]), labels[batch]).backward()
            optimizer.step()
            steps += 1
    seconds = (time.perf_counter() - begin) / steps
    U, labels = arguments.test
    with torch.no_grad():
        right = sum((network(U[part]).argmax(dim=1) == labels[part]).sum().item()
                    for part in torch.arange(len(U)).split(1000))
    return right / len(U), seconds


def networks(layer):
    import torch

    return {"model": lambda: layer(100, 784, 10),
            "network": lambda: torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(),
                                                   layer(50, 64, 32), torch.nn.Linear(32, 10))}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=60000)
    parser.add_argument("--data", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    peer_session.limit_threads(arguments.threads)
    os.environ.setdefault("IDL_LIBRARY", str(ROOT / "build/release/libidl_cuda.so"))
    sys.path.insert(0, str(ROOT / "python"))
    import torch

    import idl.torch

    torch.set_num_threads(arguments.threads)
    arguments.training = data_set(arguments.data, "train", arguments.samples)
    arguments.test = data_set(arguments.data, "t10k", None)
    print("| what is trained | accuracy, original | accuracy, idl.torch | step, original "
          "| step, idl.torch | ratio |\n|---|---|---|---|---|---|")
    for name in ("model", "network"):
        figures = []
        for layer, make_optimizer in (
                (original_layer, lambda network: torch.optim.Adam(network.parameters(), lr=5e-3)),
                (idl.torch.ImplicitLayer, lambda network: idl.torch.Adam(network, lr=5e-3))):
            figures.append(train(networks(layer)[name], make_optimizer, arguments))
        (theirs, their_seconds), (ours, our_seconds) = figures
        print(f"| {name} | {theirs:.2%} | {ours:.2%} | {1e3 * their_seconds:.2f} ms "
              f"| {1e3 * our_seconds:.2f} ms | {their_seconds / our_seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
