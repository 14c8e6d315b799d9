# SPDX-License-Identifier: MIT
"""Writes the inputs of a case: images of Fashion-MNIST where p = 784, otherwise uniform numbers.

    python3 make_inputs.py COUNT INPUTS FILE [--test] [--data FOLDER]

Training images in an order of a fixed seed, or, with --test, the test images as they lie. U is
(COUNT, INPUTS), one sample a row, float32 in [0, 1]; labels are (COUNT,) int32. Needs numpy alone."""

import argparse
import gzip
import json
import pathlib
import struct

import numpy as np

FASHION_MNIST = "/usr/share/datasets/fashion-mnist"


def read_idx(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        content = file.read()
    dimensions = content[3]
    shape = struct.unpack(f">{dimensions}I", content[4:4 + 4 * dimensions])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def images(folder, test, count):
    stem = "t10k" if test else "train"
    pixels = read_idx(pathlib.Path(folder) / f"{stem}-images-idx3-ubyte.gz")
    labels = read_idx(pathlib.Path(folder) / f"{stem}-labels-idx1-ubyte.gz")
    order = np.arange(len(labels))
    if not test:
        np.random.default_rng(0).shuffle(order)
    order = np.resize(order, count)
    return (pixels[order].reshape(count, -1) / np.float32(255)).astype("<f4"), labels[order]


def uniforms(count, inputs):
    random = np.random.default_rng(0)
    return random.random((count, inputs), dtype="<f4"), random.integers(0, 10, count)


def make_inputs(path, count, inputs, test=False, folder=FASHION_MNIST):
    """Returns where the inputs came from."""
    here = inputs == 784 and pathlib.Path(folder).is_dir()
    U, labels = images(folder, test, count) if here else uniforms(count, inputs)
    if U.shape != (count, inputs):
        raise SystemExit(f"{folder}: samples of {U.shape[1]} features, wanted {inputs}")
    labels = labels.astype("<i4")
    header = {
        "U": {"dtype": "F32", "shape": list(U.shape), "data_offsets": [0, U.nbytes]},
        "labels": {"dtype": "I32", "shape": [count],
                   "data_offsets": [U.nbytes, U.nbytes + labels.nbytes]},
    }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + U.tobytes() + labels.tobytes())
    return ("Fashion-MNIST, test" if test else "Fashion-MNIST, training") if here else "uniform"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("inputs", type=int)
    parser.add_argument("file")
    parser.add_argument("--test", action="store_true")
    parser.add_argument("--data", default=FASHION_MNIST)
    arguments = parser.parse_args()
    print(make_inputs(arguments.file, arguments.count, arguments.inputs, arguments.test,
                      arguments.data))


if __name__ == "__main__":
    main()
