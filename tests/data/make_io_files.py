#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the files in tests/data/io with NumPy and safetensors, the formats' own implementations.

  make_io_files.py FOLDER

Element i of an array, counted in C order, is 0.5*i - 3 for floats, 3*i - 7 for integers, i for
bytes and (i % 3 == 0) for bools, so that a test can tell what it should read.
"""
import gzip
import struct
import sys
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from safetensors import serialize_file


def values(dtype, shape):
    i = np.arange(int(np.prod(shape)))
    kind = np.dtype(dtype).kind
    if kind == "f":
        flat = 0.5 * i - 3
    elif kind == "i":
        flat = 3 * i - 7
    elif kind == "b":
        flat = i % 3 == 0
    else:
        flat = i
    return flat.astype(dtype).reshape(shape)


def save(path, array, version):
    with open(path, "wb") as file:
        npy.write_array(file, array, version=version)


def bfloat16_bytes(array):
    # These values have at most 8 significant bits, so cutting the lower half off is exact.
    return (array.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()


def make_npy(folder):
    np.save(folder / "c_order_f4.npy", values("<f4", (2, 3, 4)))
    np.save(folder / "c_order_f8.npy", values("<f8", (3, 5)))
    np.save(folder / "fortran_f4.npy", np.asfortranarray(values("<f4", (2, 3, 4))))
    np.save(folder / "fortran_f8.npy", np.asfortranarray(values("<f8", (3, 5))))
    np.save(folder / "i4.npy", values("<i4", (6,)))
    np.save(folder / "i8.npy", values("<i8", (2, 3)))
    np.save(folder / "u1.npy", values("|u1", (2, 3)))
    np.save(folder / "b1.npy", values("|b1", (7,)))
    np.save(folder / "scalar.npy", values("<f8", ()))
    np.save(folder / "empty.npy", values("<f4", (0, 3)))
    save(folder / "version_2.npy", values("<f4", (2, 3)), (2, 0))
    save(folder / "version_3.npy", values("<f4", (2, 3)), (3, 0))
    np.save(folder / "big_endian.npy", values(">f4", (2, 3)))
    np.save(folder / "half.npy", values("<f2", (2, 3)))
    np.save(folder / "records.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))


def make_safetensors(folder):
    def entry(dtype, array, data=None):
        return {"dtype": dtype, "shape": array.shape, "data": data or array.tobytes()}

    serialize_file(
        {
            "f32": entry("float32", values("<f4", (2, 3))),
            "f64": entry("float64", values("<f8", (3, 2))),
            "f16": entry("float16", values("<f2", (5,))),
            "bf16": entry("bfloat16", values("<f4", (5,)), bfloat16_bytes(values("<f4", (5,)))),
            "i32": entry("int32", values("<i4", (4,))),
            "i64": entry("int64", values("<i8", (2, 1, 2))),
            "u8": entry("uint8", values("|u1", (3,))),
            "bool": entry("bool", values("|b1", (4,))),
            "scalar": entry("float32", values("<f4", ())),
            "empty": entry("float32", values("<f4", (0, 4))),
        },
        folder / "types.safetensors",
        {"format": "pt", "note": 'quotes " and \u00e9'},
    )
    serialize_file(
        {"x": entry("int16", values("<i2", (2,)))}, folder / "int16.safetensors", None
    )


def make_idx(folder):
    content = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 3, 4) + values("|u1", (2, 3, 4)).tobytes()
    (folder / "images.idx").write_bytes(content)
    (folder / "images.idx.gz").write_bytes(gzip.compress(content, mtime=0))
    halves = gzip.compress(content[:10], mtime=0) + gzip.compress(content[10:], mtime=0)
    (folder / "two_members.idx.gz").write_bytes(halves)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    make_npy(folder)
    make_safetensors(folder)
    make_idx(folder)


if __name__ == "__main__":
    main()
