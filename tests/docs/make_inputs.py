#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes small inputs for the examples into a folder, with the standard library alone.

    make_inputs.py FOLDER [STATES INPUTS OUTPUTS]

model.safetensors: A, B, C, D in float32, as the original PyTorch package names them, with
|A|_inf <= 0.9, as it would leave A after a forward pass.
U.npy: an array of shape (5, INPUTS). train-images-idx3-ubyte and kin: 200 and 100 samples of
4×4 pixels in ten classes, told apart by which rows of the picture are bright.
cifar-10-batches-bin: 100 and 20 pictures of noise in the binary version of CIFAR-10.
"""
import json
import math
import pathlib
import random
import struct
import sys


def write_model(path, n, p, q, generator):
    tensors = {"A": (n, n), "B": (n, p), "C": (q, n), "D": (q, p)}
    header, data = {}, b""
    for name, (rows, cols) in tensors.items():
        values = [generator.gauss(0, 0.3 / math.sqrt(cols)) for _ in range(rows * cols)]
        if name == "A":
            rows_of_A = (values[k:k + cols] for k in range(0, len(values), cols))
            norm = max(sum(map(abs, row)) for row in rows_of_A)
            values = [value * min(1.0, 0.9 / norm) for value in values]
        packed = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": [rows, cols],
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_npy(path, rows, cols, generator):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {cols}), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    values = [generator.gauss(0, 1) for _ in range(rows * cols)]
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
                     + struct.pack(f"<{len(values)}f", *values))


def write_idx(folder, part, samples, generator):
    images, labels = bytearray(), bytearray()
    for k in range(samples):
        label = k % 10
        labels.append(label)
        for row in range(4):
            bright = 200 if label + 1 & 1 << row else 20
            images += bytes(bright + generator.randrange(40) for _ in range(4))
    (folder / f"{part}-images-idx3-ubyte").write_bytes(
        struct.pack(">4B3I", 0, 0, 8, 3, samples, 4, 4) + images)
    (folder / f"{part}-labels-idx1-ubyte").write_bytes(
        struct.pack(">4BI", 0, 0, 8, 1, samples) + labels)


def write_cifar10(folder, generator):
    folder.mkdir(exist_ok=True)
    for name in [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]:
        (folder / f"{name}.bin").write_bytes(
            b"".join(bytes([k % 10]) + generator.randbytes(3072) for k in range(20)))


def main():
    folder = pathlib.Path(sys.argv[1])
    n, p, q = map(int, sys.argv[2:5]) if len(sys.argv) > 2 else (16, 8, 3)
    folder.mkdir(parents=True, exist_ok=True)
    generator = random.Random(0)
    write_model(folder / "model.safetensors", n, p, q, generator)
    write_npy(folder / "U.npy", 5, p, generator)
    write_idx(folder, "train", 200, generator)
    write_idx(folder, "t10k", 100, generator)
    write_cifar10(folder / "cifar-10-batches-bin", generator)


if __name__ == "__main__":
    main()
