# SPDX-License-Identifier: MIT
"""Stands in for safetensors.torch where the documents' Python blocks are run: the same two
functions on NumPy arrays, so that PyTorch need not be installed."""
import json
import struct

import numpy as np

_TYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}


def save_file(tensors, path):
    header, data = {}, b""
    for name, tensor in tensors.items():
        kind = next(key for key, code in _TYPES.items() if tensor.dtype == np.dtype(code))
        packed = np.ascontiguousarray(tensor).tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape),
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def load_file(path):
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    tensors = {}
    for name, entry in json.loads(content[8:start]).items():
        if name == "__metadata__":
            continue
        first, last = entry["data_offsets"]
        values = np.frombuffer(content[start + first:start + last], _TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"]).copy()
    return tensors
