# SPDX-License-Identifier: MIT
"""Trains torch.nn.LSTM or torch.nn.RNN on the series of examples/spiky_series, as that trains an
implicit model: the same windows and split, scaling, epochs, batches of 64, Adam from 5e-3 along a
cosine. Prints what the example prints.

    build/release/examples/spiky_series 30 10000 FOLDER      # writes train_X.npy, ... there
    python3 recurrent_training.py FOLDER [--epochs 30] [--layer lstm] [--hidden 22] [--threads 2]
"""

import argparse
import math
import pathlib
import time

import numpy as np
import torch

LAYERS = {"lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}
BATCH = 64
LEARNING_RATE = 5e-3


class Model(torch.nn.Module):
    def __init__(self, layer, hidden):
        super().__init__()
        self.layer = LAYERS[layer](1, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, 1)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1, :])


def read(folder, name):
    """(samples, 59, 1) and (samples, 1)."""
    return (np.load(folder / f"{name}_{part}.npy") for part in ("X", "y"))


def train(model, X, y, epochs):
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    batches = math.ceil(len(X) / BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    for _ in range(epochs):
        for part in torch.randperm(len(X)).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            torch.nn.functional.mse_loss(model(X[part]), y[part]).backward()
            optimizer.step()
            schedule.step()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--layer", choices=LAYERS, default="lstm")
    parser.add_argument("--hidden", type=int, default=22)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    (train_X, train_y), (test_X, test_y) = (read(arguments.folder, n) for n in ("train", "test"))
    mean, scale = train_y.mean(), train_y.std()
    model = Model(arguments.layer, arguments.hidden)

    def tensor(array):
        return torch.from_numpy(((array - mean) / scale).astype("f4"))

    begin = time.perf_counter()
    train(model, tensor(train_X), tensor(train_y), arguments.epochs)
    seconds = time.perf_counter() - begin
    with torch.no_grad():
        answers = model(tensor(test_X)).numpy() * scale + mean
    error = float(((answers - test_y) ** 2).mean())
    variance = float(test_y.var())
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{arguments.layer}, hidden {arguments.hidden}, {count} parameters, trained in "
          f"{seconds:.0f} s: MSE {error:.4g}, MSE/variance {error / variance:.4g}, "
          f"R2 {1 - error / variance:.4f}")


if __name__ == "__main__":
    main()
