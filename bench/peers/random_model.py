# SPDX-License-Identifier: MIT
"""Writes a random model: A from N(0,1), projected to ‖A‖∞ = 0.95; B, C, D from N(0,1)/√p, /√n, /√p.

    python3 random_model.py STATES INPUTS FILE [SEED] [DENSITY [HIDDEN]]

With a DENSITY below 1 A has about that share of its entries, in rows scaled to Σ|a| = 0.95. With
HIDDEN it is a recurrent model of INPUTS numbers a step, C and D from N(0,1)/(10√n) and /(10√p') so that
h does not grow with the steps.

Needs numpy alone; the file is written by hand."""

import json
import struct
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np

KAPPA = 0.95
OUTPUTS = 10
BLOCK_ROWS = 256


def project_rows(A, radius):
    """Each row onto the ℓ1 ball, by sorting: θ = max_k (Σ of the k largest |a| − radius)/k."""
    magnitudes = np.abs(A)
    descending = -np.sort(-magnitudes, axis=1)
    thresholds = (np.cumsum(descending, axis=1) - radius) / np.arange(1, A.shape[1] + 1)
    theta = np.maximum(thresholds.max(axis=1, keepdims=True), 0)
    return np.sign(A) * np.maximum(magnitudes - theta, 0)


def projected_normals(random, states):
    """In blocks of rows, side by side: a large matrix would take minutes and much memory at once."""
    A = np.empty((states, states), "<f4")

    def project(first, block):
        A[first:first + len(block)] = project_rows(block, KAPPA)

    with ThreadPoolExecutor() as pool:
        blocks = []
        for first in range(0, states, BLOCK_ROWS):
            rows = min(BLOCK_ROWS, states - first)
            blocks.append(pool.submit(project, first, random.standard_normal((rows, states))))
        for block in blocks:
            block.result()
    return A


def sparse_normals(random, states, density):
    A = random.standard_normal((states, states)) * (random.random((states, states)) < density)
    sums = np.abs(A).sum(axis=1, keepdims=True)
    # Rounded to float, a row's sum may not exceed the radius.
    return (A * ((1 - 2.0**-20) * KAPPA / np.maximum(sums, 1e-30))).astype("<f4")


def write_safetensors(path, tensors, metadata):
    header = {"__metadata__": metadata}
    offset = 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(array.shape),
                        "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in tensors.values():
            file.write(np.ascontiguousarray(array, "<f4").tobytes())


def recurrent_model(random, states, inputs, hidden):
    """Tensors and further metadata of an implicit RNN with a linear head."""
    width = inputs + hidden
    cell = {
        "A": projected_normals(random, states),
        "B": random.standard_normal((states, width)) / np.sqrt(width),
        "C": random.standard_normal((hidden, states)) / (10 * np.sqrt(states)),
        "D": random.standard_normal((hidden, width)) / (10 * np.sqrt(width)),
    }
    tensors = {f"recurrent.layer.{name}": array for name, array in cell.items()}
    tensors["linear.weight"] = random.standard_normal((OUTPUTS, hidden)) / np.sqrt(hidden)
    tensors["linear.bias"] = np.zeros(OUTPUTS)
    return tensors, {"input_size": str(inputs), "hidden_size": str(hidden)}


def main():
    states, inputs = int(sys.argv[1]), int(sys.argv[2])
    random = np.random.default_rng(int(sys.argv[4]) if len(sys.argv) > 4 else 1)
    density = float(sys.argv[5]) if len(sys.argv) > 5 else 1.0
    metadata = {"idl_format_version": "1", "format": "pt", "activation": "relu", "alpha": "0",
                "well_posedness": "inf_norm_ball", "kappa": str(KAPPA), "bias": "false",
                "no_D": "false", "step": "0"}
    if len(sys.argv) > 6:
        tensors, sizes = recurrent_model(random, states, inputs, int(sys.argv[6]))
        tensors = {name: array.astype("<f4") for name, array in tensors.items()}
        write_safetensors(sys.argv[3], tensors, {**metadata, **sizes})
        return
    tensors = {
        "A": (projected_normals(random, states) if density >= 1
              else sparse_normals(random, states, density)),
        "B": random.standard_normal((states, inputs)) / np.sqrt(inputs),
        "C": random.standard_normal((OUTPUTS, states)) / np.sqrt(states),
        "D": random.standard_normal((OUTPUTS, inputs)) / np.sqrt(inputs),
    }
    tensors = {name: array.astype("<f4", copy=False) for name, array in tensors.items()}
    write_safetensors(sys.argv[3], tensors, metadata)


if __name__ == "__main__":
    main()
