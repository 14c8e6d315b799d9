#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the seeds of the fuzz targets, FOLDER/<target>/valid_* and bad_*. What lay there before goes.

    make_corpus.py FOLDER

Needs nothing but Python. An input that fuzzing has found becomes one of these files, too.
"""
import json
import shutil
import struct
import sys
import zlib
from pathlib import Path


def safetensors_header(text, data=b""):
    if isinstance(text, str):
        text = text.encode()
    return struct.pack("<Q", len(text)) + text + data


def safetensors(tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes), in the order in which they lie in the file."""
    header, data = {}, b""
    if metadata is not None:
        header["__metadata__"] = metadata
    for name, (dtype, shape, content) in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        data += content
    return safetensors_header(json.dumps(header, separators=(",", ":")), data)


def floats(*values):
    return struct.pack(f"<{len(values)}f", *values)


def doubles(*values):
    return struct.pack(f"<{len(values)}d", *values)


def nested(depth, inner="1"):
    return "[" * depth + inner + "]" * depth


def safetensors_files():
    f32 = ("F32", [2, 2], floats(1, -2, 0.5, 0))
    good = safetensors({"a": f32})
    entry = '"dtype":"F32","shape":[1],"data_offsets":'
    yield "valid_types", safetensors(
        {
            "f32": f32,
            "f64": ("F64", [1], doubles(0.1)),
            "f16": ("F16", [4], bytes.fromhex("003c007c01fc0100")),
            "bf16": ("BF16", [2], bytes.fromhex("803fc07f")),
            "i32": ("I32", [2], struct.pack("<2i", -1, 2**31 - 1)),
            "i64": ("I64", [1], struct.pack("<q", -(2**63))),
            "u8": ("U8", [3], b"\0\x7f\xff"),
            "bool": ("BOOL", [2], b"\0\1"),
        },
        {"format": "pt", "note": "\u00e4\u20ac\U0001f600"},
    )
    yield "valid_empty", safetensors_header("{}")
    yield "valid_no_elements", safetensors({"a": ("F32", [0, 2**40], b""), "b": ("F64", [], doubles(1))})
    yield "valid_padded", safetensors_header("{}      ")
    yield "valid_escapes", safetensors_header(
        r'{"__metadata__":{"\u0041\n":"\ud83d\ude00"},"\"":{"shape":[],"data_offsets":[0,1],"dtype":"U8"}}',
        b"\7",
    )
    yield "bad_nothing", b""
    yield "bad_short_length", good[:7]
    yield "bad_length_only", good[:8]
    yield "bad_cut_header", good[:20]
    yield "bad_cut_data", good[:-1]
    yield "bad_more_data", good + b"\0"
    yield "bad_length_of_2_63", struct.pack("<Q", 2**63) + b"{}"
    yield "bad_length_of_2_64", b"\xff" * 8 + b"{}"
    yield "bad_no_json", safetensors_header("{nothing}")
    yield "bad_list", safetensors_header("[]")
    yield "bad_space_first", safetensors_header(" {}")
    yield "bad_utf8", safetensors_header(b'{"__metadata__":{"a":"\xff\xfe"}}')
    yield "bad_surrogate", safetensors_header(r'{"__metadata__":{"a":"\ud83d"}}')
    yield "bad_two_objects", safetensors_header("{}{}")
    yield "bad_nul_after", safetensors_header("{}\0\0\0")
    yield "bad_after_a_nul", safetensors_header("{}\0 no JSON")
    yield "bad_deep", safetensors_header('{"a":' + nested(900) + "}")
    yield "bad_deep_shape", safetensors_header('{"a":{"shape":' + nested(900) + "}}")
    yield "bad_name_twice", safetensors_header('{"a":{%s[0,4]},"a":{%s[0,4]}}' % (entry, entry), floats(1))
    yield "bad_key_twice", safetensors_header('{"a":{%s[0,4],"shape":[1]}}' % entry, floats(1))
    yield "bad_overlap", safetensors_header('{"a":{%s[0,4]},"b":{%s[2,6]}}' % (entry, entry), b"\0" * 6)
    yield "bad_hole", safetensors_header('{"a":{%s[0,4]},"b":{%s[8,12]}}' % (entry, entry), b"\0" * 12)
    yield "bad_backwards", safetensors_header('{"a":{%s[4,0]}}' % entry, floats(1))
    yield "bad_three_offsets", safetensors_header('{"a":{%s[0,4,4]}}' % entry, floats(1))
    yield "bad_huge_offsets", safetensors_header('{"a":{%s[18446744073709551612,0]}}' % entry, floats(1))
    yield "bad_negative_offset", safetensors_header('{"a":{%s[-4,0]}}' % entry, floats(1))
    yield "bad_float_offset", safetensors_header('{"a":{%s[0,4e0]}}' % entry, floats(1))
    yield "bad_metadata_number", safetensors_header('{"__metadata__":{"a":1}}')
    yield "bad_metadata_list", safetensors_header('{"__metadata__":[]}')
    for name, shape in {
        "overflow": [2**33, 2**33],
        "overflow_to_4": [2**62 + 1, 4],
        "largest": [2**63 - 1],
        "beyond_int64": [2**63],
        "negative": [-1],
    }.items():
        yield "bad_shape_" + name, safetensors({"a": ("F32", shape, floats(1))})
    for dtype in ["F8_E4M3", "f32", "", "U16"]:
        yield "valid_type_" + (dtype.lower() or "none"), safetensors({"a": (dtype, [1], floats(1))})


STATES, INPUTS, OUTPUTS = 2, 3, 2
MODEL_METADATA = {
    "idl_format_version": "1",
    "format": "pt",
    "activation": "relu",
    "alpha": "0.01",
    "well_posedness": "inf_norm_ball",
    "kappa": "0.95",
    "bias": "false",
    "no_D": "false",
    "step": "7",
}


def blocks(n=STATES, p=INPUTS, q=OUTPUTS, prefix="", value=0.125, pack=floats, dtype="F32"):
    shapes = {"A": (n, n), "B": (n, p), "C": (q, n), "D": (q, p)}
    return {
        prefix + name: (dtype, shape, pack(*([value] * (shape[0] * shape[1]))))
        for name, shape in shapes.items()
    }


def longs(*values):
    return struct.pack(f"<{len(values)}q", *values)


def compressed(name, rows, offsets=None, columns=None, values=None, pack=floats, dtype="F32"):
    """The parts of a matrix in compressed rows, given as dictionaries {column: value}; the last
    arguments replace what follows from them."""
    entries = [row[j] for row in rows for j in sorted(row)]
    indices = [j for row in rows for j in sorted(row)]
    ends = [sum(len(row) for row in rows[:i]) for i in range(len(rows) + 1)]
    parts = {
        name + ".crow_indices": ("I64", [len(ends)], longs(*ends)),
        name + ".col_indices": ("I64", [len(indices)], longs(*indices)),
        name + ".values": (dtype, [len(entries)], pack(*entries)),
    }
    for part, array in ((".crow_indices", offsets), (".col_indices", columns), (".values", values)):
        if array is not None:
            parts[name + part] = array
    return parts


def with_changes(original, **changes):
    """A copy without the keys whose new value is None."""
    return {k: v for k, v in {**original, **changes}.items() if v is not None}


def sparse_model_files():
    dense = blocks()
    rows_of_A = [{1: 0.5}, {0: -0.25, 1: 0.125}]

    def with_A(**changes):
        parts = {**compressed("A", rows_of_A, **changes), **with_changes(dense, A=None)}
        return safetensors(parts, MODEL_METADATA)

    def all_sparse(rows_of_B=({0: 1}, {2: 1}), **metadata):
        parts = {
            **compressed("A", rows_of_A),
            **compressed("B", list(rows_of_B)),
            **compressed("C", [{0: 1}, {1: 1}]),
            **compressed("D", [{}, {}]),
        }
        return safetensors(parts, with_changes({**MODEL_METADATA, "inputs": "3"}, **metadata))

    yield "valid_sparse_A", with_A()
    yield "valid_sparse_A_of_doubles", with_A(pack=doubles, dtype="F64")
    yield "valid_sparse_A_of_halves", with_A(values=("F16", [3], bytes.fromhex("003800380030")))
    yield "valid_sparse_int32", with_A(
        offsets=("I32", [3], struct.pack("<3i", 0, 1, 3)), columns=("I32", [3], struct.pack("<3i", 1, 0, 1))
    )
    yield "valid_sparse_A_projected", with_A(values=("F32", [3], floats(3e38, -3e38, 1)))
    yield "valid_sparse_A_without_entries", safetensors(
        {**compressed("A", [{}, {}]), **with_changes(dense, A=None)}, MODEL_METADATA
    )
    yield "valid_sparse_all", all_sparse()
    yield "valid_sparse_many_inputs", all_sparse(inputs=str(2**20))
    yield "valid_sparse_bias", all_sparse(inputs="2", bias="true")
    yield "valid_sparse_prefix", safetensors(
        {"net." + name: array for name, array in {**compressed("A", rows_of_A), **with_changes(dense, A=None)}.items()}
    )
    yield "valid_sparse_triangle", safetensors(
        {**compressed("A", [{1: 1e30}, {}]), **with_changes(dense, A=None)},
        {**MODEL_METADATA, "well_posedness": "strictly_upper_triangular"},
    )
    yield "bad_sparse_no_triangle", safetensors(
        {**compressed("A", [{1: 1}, {0: 1}]), **with_changes(dense, A=None)},
        {**MODEL_METADATA, "well_posedness": "strictly_upper_triangular"},
    )
    yield "bad_sparse_and_dense", safetensors({**compressed("A", rows_of_A), **dense}, MODEL_METADATA)
    for part in ("crow_indices", "col_indices", "values"):
        parts = {**compressed("A", rows_of_A), **with_changes(dense, A=None)}
        del parts["A." + part]
        yield "bad_sparse_no_" + part, safetensors(parts, MODEL_METADATA)
    for name, offsets in {
        "none": [],
        "short": [0, 3],
        "long": [0, 1, 3, 3],
        "begin": [1, 1, 3],
        "negative": [-1, 1, 3],
        "fall": [0, 4, 3],
        "fall_below": [0, -1, 3],
        "end": [0, 1, 2],
        "beyond": [0, 1, 2**40],
        "overflow": [0, 2**63 - 1, 3],
        "least": [0, -(2**63), 3],
    }.items():
        yield "bad_sparse_offsets_" + name, with_A(offsets=("I64", [len(offsets)], longs(*offsets)))
    for name, columns in {
        "few": [1, 0],
        "many": [1, 0, 1, 1],
        "beyond": [1, 0, 2],
        "negative": [1, -1, 1],
        "twice": [1, 1, 1],
        "unsorted": [1, 1, 0],
        "of_64_bits": [1, 0, 2**32 + 1],
        "largest": [1, 0, 2**63 - 1],
    }.items():
        yield "bad_sparse_columns_" + name, with_A(columns=("I64", [len(columns)], longs(*columns)))
    for name, array in {
        "float_offsets": {"offsets": ("F32", [3], floats(0, 1, 3))},
        "u8_columns": {"columns": ("U8", [3], bytes([1, 0, 1]))},
        "integer_values": {"values": ("I32", [3], bytes(12))},
        "f8_values": {"values": ("F8_E5M2", [3], bytes(3))},
        "f8_offsets": {"offsets": ("F8_E5M2", [3], bytes(3))},
        "few_values": {"values": ("F32", [2], floats(1, 2))},
        "nan": {"values": ("F32", [3], floats(0, float("nan"), 0))},
        "infinite": {"values": ("F64", [3], doubles(0, 0, float("inf")))},
        "double_for_float": {"values": ("F64", [3], doubles(0, 1e300, 0))},
        "scalar_offsets": {"offsets": ("I64", [], longs(0))},
        "flat_offsets": {"offsets": ("I64", [3, 1], longs(0, 1, 3))},
        "flat_values": {"values": ("F32", [1, 3], floats(1, 2, 3))},
        "empty_offsets": {"offsets": ("I64", [0, 2**40], b"")},
    }.items():
        yield "bad_sparse_" + name, with_A(**array)
    yield "bad_sparse_beside_a_wide_empty_D", safetensors(
        {**compressed("A", rows_of_A), **compressed("B", [{}, {}]), "C": dense["C"], "D": ("F32", [0, 2**31 - 1], b"")},
        MODEL_METADATA,
    )
    yield "bad_sparse_rows_of_B", all_sparse([{0: 1}, {2: 1}, {}])
    yield "bad_sparse_columns_of_B", all_sparse([{0: 1}, {3: 1}])
    yield "bad_sparse_inputs_unsaid", all_sparse(inputs=None)
    # Columns that no entry names cost nothing in the file, but an array of them would.
    for inputs in ["0", "-1", "2.5", str(2**20 + 1), str(2**31 - 1), str(2**31), str(2**40), str(2**63 - 1), str(2**64)]:
        yield "bad_sparse_inputs_" + inputs, all_sparse(inputs=inputs)


def low_rank_model_files():
    rest = with_changes(blocks(), A=None)

    def factor(shape=(STATES, 2), value=0.125):
        return ("F32", list(shape), floats(*([value] * (shape[0] * shape[1]))))

    def with_factors(metadata=MODEL_METADATA, **changes):
        return safetensors(with_changes({"L": factor(), "R": factor(), **rest}, **changes), metadata)

    yield "valid_low_rank", with_factors()
    yield "valid_low_rank_no_metadata", with_factors(None)
    yield "valid_low_rank_projected", with_factors(L=factor(value=3e38), R=factor(value=-3e38))
    yield "valid_low_rank_above_n", with_factors(L=factor((STATES, 7)), R=factor((STATES, 7)))
    yield "valid_low_rank_0", with_factors(L=("F32", [STATES, 0], b""), R=("F32", [STATES, 0], b""))
    yield "valid_low_rank_free", with_factors({**MODEL_METADATA, "well_posedness": "none"}, L=factor(value=1e30))
    yield "valid_low_rank_sparse_B", with_factors(B=None, **compressed("B", [{0: 1}, {2: 1}]))
    yield "valid_low_rank_prefix", safetensors(
        {"net." + name: array for name, array in {"L": factor(), "R": factor(), **rest}.items()}
    )
    yield "bad_low_rank_triangle", with_factors({**MODEL_METADATA, "well_posedness": "strictly_upper_triangular"})
    yield "bad_low_rank_and_dense", with_factors(A=blocks()["A"])
    yield "bad_low_rank_and_sparse", with_factors(**compressed("A", [{1: 0.5}, {}]))
    yield "bad_low_rank_no_L", with_factors(L=None)
    yield "bad_low_rank_no_R", with_factors(R=None)
    for name, array in {
        "flat": ("F32", [4], floats(0, 0, 0, 0)),
        "oblong": factor((STATES, 3)),
        "short": factor((1, 2)),
        "turned": factor((4, 1)),
        "nan": factor(value=float("nan")),
        "infinite": ("F64", [2, 2], doubles(0, 0, 0, float("inf"))),
        "double_for_float": ("F64", [2, 2], doubles(0, 1e300, 0, 0)),
        "integers": ("I32", [2, 2], bytes(16)),
        "unread": ("F8_E5M2", [2, 2], bytes(4)),
    }.items():
        yield "bad_low_rank_L_" + name, with_factors(L=array)
        yield "bad_low_rank_R_" + name, with_factors(R=array)
    # Factors without elements cost nothing in the file, but a model of these sizes would.
    for size in [2**20, 2**31, 2**40, 2**62, 2**63 - 1]:
        tall = ("F32", [size, 0], b"")
        yield f"bad_low_rank_states_{size:x}", with_factors(L=tall, R=tall)
        yield f"bad_low_rank_sizes_{size:x}", with_factors(L=tall, R=tall, B=("F32", [0, size], b""), C=tall)
        yield f"bad_low_rank_rank_{size:x}", with_factors(L=("F32", [0, size], b""), R=("F32", [0, size], b""))


def model_files():
    good = safetensors(blocks(), MODEL_METADATA)
    yield "valid_f32", good
    yield "valid_f64", safetensors(blocks(pack=doubles, dtype="F64"), MODEL_METADATA)
    yield "valid_f16", safetensors(
        blocks(pack=lambda *v: b"\0\x3c" * len(v), dtype="F16"), MODEL_METADATA
    )
    yield "bad_u8", safetensors(blocks(value=1, pack=lambda *v: bytes(v), dtype="U8"))
    yield "valid_no_metadata", safetensors(blocks())
    yield "valid_foreign_metadata", safetensors(blocks(), {"kappa": "0", "bias": "False", "author": "[["})
    yield "bad_foreign_metadata", safetensors(blocks(), {"kappa": "many"})
    yield "valid_recognised_triangle", safetensors(
        with_changes(blocks(), A=("F32", [2, 2], floats(0, 1e30, 0, 0)))
    )
    yield "valid_prefix", safetensors(blocks(prefix="module."))
    yield "bad_two_models", safetensors({**blocks(prefix="a."), **blocks(prefix="b.")})
    yield "valid_other_tensors", safetensors(
        {**blocks(), "num_batches_tracked": ("I64", [], bytes(8)), "x.A": ("F8_E5M2", [3], bytes(3))}
    )
    yield "bad_type_of_A", safetensors(with_changes(blocks(), A=("F8_E5M2", [2, 2], bytes(4))))
    yield "bad_no_D_unsaid", safetensors(with_changes(blocks(), D=None))
    yield "bad_pytorch", b"PK\3\4" + bytes(26) + b"archive/data.pkl" + bytes(9)
    yield "valid_no_D", safetensors(with_changes(blocks(), D=None), with_changes(MODEL_METADATA, no_D="true"))
    yield "valid_bias", safetensors(blocks(p=4), with_changes(MODEL_METADATA, bias="true"))
    yield "valid_triangular", safetensors(
        blocks(value=1e30), with_changes(MODEL_METADATA, well_posedness="strictly_upper_triangular")
    )
    yield "valid_projected", safetensors(blocks(value=3.4e38), MODEL_METADATA)
    yield "bad_for_float_projected_in_double", safetensors(
        blocks(value=1.7e308, pack=doubles, dtype="F64"), MODEL_METADATA
    )
    named = {**MODEL_METADATA, "data.label": "kind", "data.classes": json.dumps(["a", "b"])}
    scaled = {"data.feature_mean": ("F64", [INPUTS], doubles(*[0.5] * INPUTS)),
              "data.feature_scale": ("F64", [INPUTS], doubles(*[2.0] * INPUTS))}
    yield "valid_named_and_scaled", safetensors({**blocks(), **scaled}, named)
    yield "bad_scale_alone", safetensors({**blocks(), "data.target_scale": ("F64", [OUTPUTS], doubles(*[1.0] * OUTPUTS))}, named)
    yield "bad_scale_zero", safetensors(with_changes({**blocks(), **scaled}, **{"data.feature_scale": ("F64", [INPUTS], bytes(8 * INPUTS))}), named)
    yield "bad_names", safetensors(blocks(), {**MODEL_METADATA, "data.classes": "[5, 6]"})
    yield "bad_many_names", safetensors(blocks(), {**MODEL_METADATA, "data.targets": json.dumps(["a"] * 9)})
    yield "valid_training_keys", safetensors(blocks(), {**MODEL_METADATA, "training.anything": "[["})
    yield "bad_cut", good[:-4]
    yield "bad_double_for_float", safetensors(blocks(value=1e300, pack=doubles, dtype="F64"), MODEL_METADATA)
    yield "bad_no_A", safetensors(with_changes(blocks(), A=None), MODEL_METADATA)
    for name, array in {
        "oblong_A": ("F32", [1, 4], floats(1, 2, 3, 4)),
        "flat_A": ("F32", [4], floats(1, 2, 3, 4)),
        "empty_A": ("F32", [0, 0], b""),
        "wide_empty_A": ("F32", [2**40, 0], b""),
        "nan_A": ("F32", [2, 2], floats(float("nan"), 0, 0, 0)),
        "infinite_A": ("F32", [2, 2], floats(0, 0, 0, float("inf"))),
    }.items():
        yield "bad_" + name, safetensors(with_changes(blocks(), A=array), MODEL_METADATA)
    # Blocks without elements cost nothing in the file, but a matrix of these sizes would not.
    for size in [2**20, 2**31, 2**40, 2**62, 2**63 - 1]:
        yield f"bad_sizes_{size:x}", safetensors(
            {"A": ("F32", [size, 0], b""), "B": ("F32", [0, size], b""), "C": ("F32", [size, 0], b"")}
        )
    yield "bad_bias_takes_all_inputs", safetensors(blocks(p=1), with_changes(MODEL_METADATA, bias="true"))
    for key, value in {
        "idl_format_version": "2",
        "activation": "relux",
        "alpha": "1e999",
        "well_posedness": "",
        "kappa": "1",
        "bias": "maybe",
        "no_D": "true",
        "unknown": "1",
    }.items():
        yield "bad_metadata_" + key, safetensors(blocks(), {**MODEL_METADATA, key: value})
    yield from sparse_model_files()
    yield from low_rank_model_files()
    yield "bad_metadata_kappa_nan", safetensors(blocks(), {**MODEL_METADATA, "kappa": "nan"})
    yield "bad_metadata_alpha_infinite", safetensors(
        blocks(), {**MODEL_METADATA, "activation": "leaky_relu", "alpha": "inf"}
    )


TOLERANCE = {"max_iterations": 300, "absolute": 3e-6, "relative": 0.0, "certified": False}
# Of the training in checkpoint_fuzz.cpp.
TRAINING_SETTINGS = {
    "precision": "f32",
    "samples": 5,
    "features": INPUTS,
    "classes": OUTPUTS,
    "states": STATES,
    "batch_size": 2,
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
    "learning_rate": 0.001,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-08,
    "weight_decay": 0.0,
    "momentum": 0.0,
    "nesterov": False,
    "schedule": "constant",
    "schedule_period": 10,
    "schedule_gamma": 0.1,
    "schedule_floor": 0.0,
    "forward": TOLERANCE,
    "adjoint": TOLERANCE,
    "sweep": "automatic",
    "acceleration": "automatic",
    "solver_precision": "full",
    "batch_invariant": False,
    "shuffle": True,
    "seed": 0,
    **{"model." + k: v for k, v in MODEL_METADATA.items() if k != "step"},
}
POSITION = {
    "epoch": 2,
    "batch": 1,
    "steps": 7,
    "loss_sum": 1.5,
    "correct": 1.0,
    "forward_iterations": 9.0,
    "adjoint_iterations": 8.0,
    "samples": 2,
    "not_converged": 0,
    "best_accuracy": 0.5,
    "metrics_length": 123,
}


def checkpoint(settings=None, position=None, tensors=None):
    """Objects as JSON, texts as they are; `tensors` replaces some."""

    def text(value, default):
        value = default if value is None else value
        return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

    metadata = {
        **MODEL_METADATA,
        "training.position": text(position, POSITION),
        "training.settings": text(settings, TRAINING_SETTINGS),
    }
    everything = {**blocks(), **blocks(prefix="first_moment."), **blocks(prefix="second_moment.")}
    return safetensors(with_changes(everything, **(tensors or {})), metadata)


def checkpoint_files():
    def position(**changes):
        return checkpoint(position=with_changes(POSITION, **changes))

    yield "valid_within_an_epoch", checkpoint()
    yield "valid_begin_of_an_epoch", position(
        epoch=3, batch=0, steps=9, loss_sum=0, correct=0, samples=0, best_accuracy=-1
    )
    yield "valid_epoch_above_2_32", position(epoch=2**33, batch=0, steps=3 * 2**33, samples=0, correct=0)
    yield "valid_loss_beyond_float", position(loss_sum=1e300)
    yield "valid_other_key", checkpoint(settings={**TRAINING_SETTINGS, "later": [1, {}]})
    yield "bad_model_only", safetensors(blocks(), MODEL_METADATA)
    yield "bad_cut", checkpoint()[:-1]
    yield "bad_other_settings", checkpoint(settings={**TRAINING_SETTINGS, "batch_size": 3, "seed": 1})
    yield "bad_settings_list", checkpoint(settings="[]")
    yield "bad_settings_cut", checkpoint(settings='{"batch_size":2')
    yield "bad_settings_deep", checkpoint(settings='{"seed":' + nested(700) + "}", tensors={"A": None})
    yield "bad_position_text", checkpoint(position="nowhere")
    yield "bad_position_deep", checkpoint(position={**POSITION, "epoch": json.loads(nested(100))})
    yield "bad_position_incomplete", position(best_accuracy=None)
    for name, changes in {
        "epoch_negative": {"epoch": -1, "steps": -2},
        "epoch_overflow": {"epoch": 2**62},
        "epoch_wraps": {"epoch": -6148914691236517205, "batch": 0, "steps": 1},
        "epoch_largest": {"epoch": 2**63 - 1, "batch": 2},
        "epoch_beyond_int64": {"epoch": 2**64 - 1},
        "epoch_float": {"epoch": 2.0},
        "epoch_huge_float": {"epoch": 1e300},
        "epoch_text": {"epoch": "2"},
        "epoch_bool": {"epoch": True},
        "batch_negative": {"batch": -1},
        "batch_beyond": {"batch": 3, "steps": 9},
        "steps": {"steps": 8},
        "samples_negative": {"samples": -2},
        "samples": {"samples": 5},
        "not_converged_negative": {"not_converged": -1},
        "loss_text": {"loss_sum": "nan"},
        "correct_negative": {"correct": -1},
        "correct_beyond": {"correct": 3},
        "iterations_negative": {"forward_iterations": -1},
        "best_accuracy": {"best_accuracy": 1.5},
        "length_negative": {"metrics_length": -1},
        "length_float": {"metrics_length": 1e30},
    }.items():
        yield "bad_position_" + name, position(**changes)
    factors = {name: ("F32", [STATES, 1], floats(0, 0)) for name in ("L", "R")}
    yield "bad_low_rank_model", checkpoint(tensors={"A": None, **factors})
    yield "bad_no_moment", checkpoint(tensors={"second_moment.B": None})
    yield "bad_moment_shape", checkpoint(tensors={"first_moment.A": ("F32", [4, 1], floats(1, 1, 1, 1))})
    yield "bad_moment_nan", checkpoint(tensors={"first_moment.A": ("F32", [2, 2], floats(float("nan"), 1, 1, 1))})


def npy(header, data=b"", version=(1, 0), length=None):
    if isinstance(header, str):
        header = header.encode("latin-1")
    packed = struct.pack("<H" if version[0] == 1 else "<I", len(header) if length is None else length)
    return b"\x93NUMPY" + bytes(version) + packed + header + data


def npy_header(descr="<f4", order="False", shape="(2, 2)"):
    return "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }\n" % (descr, order, shape)


def npy_files():
    four = floats(1, 2, 3, 4)
    good = npy(npy_header(), four)
    yield "valid_c_order", good
    yield "valid_fortran_order", npy(npy_header(order="True", shape="(2, 3)"), four + four[:8])
    yield "valid_version_2", npy(npy_header(), four, (2, 0))
    yield "valid_version_3", npy(npy_header("<f8", shape="(2,)"), doubles(1, 2), (3, 0))
    yield "valid_integers", npy(npy_header("<i8", shape="(1,)"), struct.pack("<q", -(2**63)))
    yield "valid_bools", npy(npy_header("|b1", shape="(3,)"), b"\0\1\1")
    yield "valid_scalar", npy(npy_header("<i4", shape="()"), b"\1\0\0\0")
    yield "valid_no_elements", npy(npy_header(order="True", shape="(0, 9223372036854775807)"))
    yield "valid_64_dimensions", npy(npy_header("|u1", "True", "(" + "1, " * 64 + ")"), b"\1")
    yield "valid_python_2", npy(npy_header(shape="(4L,)"), four)
    yield "bad_nothing", b""
    yield "bad_magic", b"\x93NUMPX" + good[6:]
    yield "bad_cut_length", good[:9]
    yield "bad_cut_header", good[:40]
    yield "bad_cut_data", good[:-1]
    yield "bad_more_data", good + b"\0"
    yield "bad_version_0", npy(npy_header(), four, (0, 0))
    yield "bad_version_4", npy(npy_header(), four, (4, 0))
    yield "bad_version_1_1", npy(npy_header(), four, (1, 1))
    yield "bad_length_2_32", npy(npy_header(), four, (2, 0), 2**32 - 1)
    yield "bad_length_short", npy(npy_header(), four, length=10)
    yield "bad_header_empty", npy("")
    yield "bad_header_open", npy("{'descr': '<f4")
    yield "bad_header_after", npy(npy_header() + "x", four)
    yield "bad_header_no_colon", npy("{'descr' '<f4'}", four)
    yield "bad_header_bytes", npy(b"{'\xff\0': \x80}", four)
    yield "bad_header_key_twice", npy("{'descr': '<f4', 'descr': '<f4'}", four)
    yield "bad_header_unknown_key", npy("{'colour': 'blue'}", four)
    yield "bad_header_incomplete", npy("{'descr': '<f4'}", four)
    yield "bad_65_dimensions", npy(npy_header("|u1", shape="(" + "1, " * 65 + ")"), b"\1")
    for name, shape in {
        "overflow": "(4294967296, 4294967296)",
        "overflow_to_4": "(4611686018427387905, 4)",
        "beyond_int64": "(9223372036854775808,)",
        "negative": "(-2, -2)",
        "no_tuple": "(4)",
        "open": "(2, 2",
        "no_number": "(two,)",
        "signs": "(+2,)",
    }.items():
        yield "bad_shape_" + name, npy(npy_header(shape=shape), four)
    for descr in [">f4", "<f2", "|O", "<U4", ""]:
        yield "bad_type_" + (descr[1:].lower() or "none"), npy(npy_header(descr), four)


def idx(shape, data, magic=b"\0\0\x08"):
    return magic + bytes([len(shape)]) + b"".join(struct.pack(">I", e) for e in shape) + data


def idx_files():
    good = idx([2, 2, 3], bytes(range(12)))
    yield "valid_images", good
    yield "valid_labels", idx([3], b"\0\5\x09")
    yield "valid_no_elements", idx([0, 28, 2**32 - 1], b"")
    yield "valid_255_dimensions", idx([1] * 255, b"\7")
    yield "bad_nothing", b""
    yield "bad_cut_magic", good[:3]
    yield "bad_cut_shape", good[:14]
    yield "bad_cut_data", good[:-1]
    yield "bad_more_data", good + b"\0"
    yield "bad_magic", idx([1], b"\0", b"\0\1\x08")
    yield "bad_type", idx([1], b"\0", b"\0\0\x0d")
    yield "bad_no_dimensions", idx([], b"\0")
    yield "bad_size_2_32", idx([2**32 - 1], b"\0")
    yield "bad_size_2_64", idx([2**31, 2**31, 4], b"\0")
    yield "bad_size_2_64_beside_0", idx([0, 2**31, 2**31, 4], b"")
    yield "bad_255_dimensions", idx([2] * 255, b"\0")


def gzip_member(content, flags=0, extra=b"", crc=None, length=None):
    """Stored, not compressed: the bytes do not depend on the version of zlib."""
    stored = b"".join([b"\1", struct.pack("<HH", len(content), 0xFFFF ^ len(content)), content])
    crc = zlib.crc32(content) if crc is None else crc
    length = len(content) if length is None else length
    start = b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff" + extra
    return start + stored + struct.pack("<II", crc, length)


# idx([1000], 1000 zero bytes) as gzip -9 writes it, with Huffman codes.
COMPRESSED_ZEROS = bytes.fromhex(
    "1f8b08000000000002036360e0606460607ec1300a46c12818f60000bb9d23f2f0030000"
)


def idx_gzip_files():
    content = idx([2, 2, 3], bytes(range(12)))
    good = gzip_member(content)
    yield "valid_stored", good
    yield "valid_compressed", COMPRESSED_ZEROS
    yield "valid_two_members", gzip_member(content[:9]) + gzip_member(content[9:])
    yield "valid_empty_members", gzip_member(b"") * 20 + good + gzip_member(b"")
    yield "valid_name_and_comment", gzip_member(content, 0x18, b"name\0comment\0")
    yield "valid_extra_field", gzip_member(content, 0x04, b"\4\0abcd")
    yield "bad_magic_only", good[:2]
    yield "bad_cut_header", good[:8]
    yield "bad_cut_data", good[:30]
    yield "bad_cut_trailer", good[:-3]
    yield "bad_cut_compressed", COMPRESSED_ZEROS[:25]
    yield "bad_crc", gzip_member(content, crc=1)
    yield "bad_length", gzip_member(content, length=1)
    yield "bad_method", good[:2] + b"\x07" + good[3:]
    yield "bad_reserved_flags", gzip_member(content, 0xE0)
    yield "bad_block_type", good[:10] + b"\7" + good[11:]
    yield "bad_stored_length", good[:11] + b"\0\0\0\0" + good[15:]
    yield "bad_after_the_member", good + b"\x1f\x8b"
    yield "bad_plain_after_the_member", good + b"plain"
    yield "bad_more_than_the_header_says", gzip_member(content + b"\0")
    yield "bad_second_member_too_much", good + gzip_member(b"\0")
    yield "bad_size_2_32", gzip_member(idx([2**32 - 1], b""))
    yield "bad_size_2_64", gzip_member(idx([2**31, 2**31, 4], b""))
    yield "bad_size_that_fits_the_ratio", gzip_member(idx([40000], b"\0" * 10))
    yield "bad_idx_inside", gzip_member(b"no idx at all")


def cifar10_files():
    record = bytes([9]) + bytes(i % 256 for i in range(3072))
    yield "valid_one_record", record
    yield "valid_two_records", record + bytes(3073)
    yield "bad_nothing", b""
    yield "bad_one_byte", b"\1"
    yield "bad_cut_record", record[:1024]
    yield "bad_one_byte_too_few", record[:-1]
    yield "bad_one_byte_too_many", record + b"\0"
    yield "bad_label_10", b"\x0a" + record[1:]
    yield "bad_label_255_second", record + b"\xff" + record[1:]


SETTINGS = {
    "data": "/data/fashion-mnist",
    "hidden": 100,
    "epochs": 10,
    "batch": 100,
    "lr": 0.005,
    "kappa": 0.95,
    "activation": "relu",
    "well-posedness": "inf_norm_ball",
    "bias": False,
    "no-D": False,
    "allow-unproven": False,
    "device": "auto",
    "precision": "f32",
    "init": "",
    "no-shuffle": False,
    "seed": 0,
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
    "weight-decay": 0.0,
    "momentum": 0.0,
    "schedule": "constant",
    "schedule-period": 10,
    "schedule-gamma": 0.1,
    "tolerance": 3e-06,
    "relative-tolerance": 0.0,
    "max-iterations": 300,
    "certified": False,
    "batch-invariant": False,
    "checkpoint-interval": 0,
    "limit": 0,
}


def config_files():
    def config(**settings):
        return json.dumps({"settings": settings}).encode()

    yield "valid_whole", json.dumps({"library": "libidl_cuda", "settings": SETTINGS}, indent=2).encode()
    yield "valid_empty", config()
    yield "valid_limits", config(seed=2**64 - 1, limit=2**63 - 1, epochs=2**63 - 1, kappa=1e-300)
    yield "valid_integer_for_float", config(lr=1)
    yield "valid_other_texts", config(data="\u00e4\u20ac", activation="silu", optimizer="sgd")
    yield "valid_bytes", config(data={"percent_encoded": "caf%E9"}, init={"percent_encoded": ""})
    yield "valid_deep_elsewhere", b'{"more":' + nested(20).encode() + b',"settings":{}}'
    yield "bad_nothing", b""
    yield "bad_cut", config(lr=0.1)[:-1]
    yield "bad_twice", config() * 2
    yield "bad_list", b"[1]"
    yield "bad_no_settings", b'{"library":"libidl_cuda"}'
    yield "bad_settings_list", b'{"settings":[]}'
    yield "bad_settings_null", b'{"settings":null}'
    yield "bad_unknown", config(hiden=5)
    yield "bad_utf8", b'{"settings":{"data":"\xff"}}'
    yield "bad_deep", b'{"settings":{"lr":' + nested(900).encode() + b"}}"
    yield "bad_deep_open", b"[" * 1900
    yield "bad_number", b'{"settings":{"lr":1e999}}'
    for name, value in {
        "float": 1.5,
        "huge_float": 1e300,
        "text": "5",
        "null": None,
        "bool": True,
        "list": [5],
        "beyond_int64": 2**63,
    }.items():
        yield "bad_hidden_" + name, config(hidden=value)
    yield "bad_seed_negative", config(seed=-1)
    yield "bad_max_iterations_beyond_int32", config(**{"max-iterations": 2**31})
    yield "bad_bias_number", config(bias=1)
    yield "bad_lr_bool", config(lr=True)
    yield "bad_data_number", config(data=5)
    yield "bad_activation", config(activation="relux")
    yield "bad_optimizer", config(optimizer="\u00e4")
    yield "bad_schedule_period", config(**{"schedule-period": 0})
    yield "bad_nul_after", config(lr=0.1) + b"\0"
    yield "bad_after_a_nul", config(lr=0.1) + b"\0 no JSON"
    yield "bad_data_nul", config(data="a\0b")
    for name, data in {"nul": "a%00", "cut": "%E", "digits": "%G0", "number": 5}.items():
        yield "bad_bytes_" + name, config(data={"percent_encoded": data})
    yield "bad_bytes_more", config(data={"percent_encoded": "a", "more": 1})
    for name, value in {
        "hidden": 0,
        "batch": 0,
        "epochs": -1,
        "limit": -1,
        "lr": -1,
        "kappa": 1,
        "momentum": 1.0,
        "tolerance": 1e300,
        "max-iterations": -1,
        "schedule-gamma": 2,
    }.items():
        yield "bad_range_" + name, config(**{name: value})


EPOCH = {
    "event": "epoch",
    "epoch": 1,
    "step": 600,
    "train_loss": 0.5,
    "train_accuracy": 0.8,
    "test_loss": 0.4,
    "test_accuracy": 0.85,
    "test_not_converged": 0,
    "best": True,
}


def csv_files():
    yield "valid_header", b"kind,a,b\nx,1,2.5\ny,-3e2,+4\n"
    yield "valid_no_header", b"7;1;2\r\n8;3;4\r\n"
    yield "valid_tabs", b"k\ta\n\n x \t 1 \n"
    yield "valid_quoted", b'\xef\xbb\xbf"a ""k"" \n,",b\n"x,\ny",1\n'
    yield "bad_nothing", b""
    yield "bad_header_alone", b"k,a\n"
    yield "bad_one_column", b"x\ny\n"
    yield "bad_ragged", b"k,a\nx,1\ny,2,3\n"
    yield "bad_missing", b"k,a\nx,\n"
    yield "bad_text", b"k,a\nx,one\n"
    yield "bad_not_finite", b"k,a\nx,nan\n"
    yield "bad_huge", b"k,a\nx,1e999\n"
    yield "bad_quote_inside", b'k,a\nx"y,1\n'
    yield "bad_quote_open", b'k,a\n"x,1\n'
    yield "bad_same_names", b"k,k\nx,1\n"
    yield "bad_utf16", "k,a\nx,1\n".encode("utf-16")


def metrics_files():
    def lines(*objects):
        return "".join(json.dumps(line) + "\n" for line in objects).encode()

    def epoch(**changes):
        return lines(with_changes(EPOCH, **changes))

    step = {"event": "step", "epoch": 1, "step": 5, "loss": 2.3}
    yield "valid_nothing", b""
    yield "valid_epochs", lines(step, EPOCH, {**EPOCH, "epoch": 2})
    yield "valid_no_test", epoch(test_loss=None, test_accuracy=None)
    yield "valid_not_finite", lines({**EPOCH, "train_loss": None, "test_loss": None})
    yield "valid_cut_line", lines(EPOCH) + lines(EPOCH)[:50]
    yield "valid_other_lines", lines(1, "epoch", ["epoch"], {}, {"event": 5}, {"event": None}, {"event": ["epoch"]})
    yield "bad_no_text", bytes(range(256))
    yield "bad_deep_lines", nested(500).encode() + b"\n" + nested(500).encode()
    yield "bad_epoch_incomplete", epoch(train_loss=None)
    yield "bad_test_incomplete", epoch(test_accuracy=None)
    yield "bad_epoch_text", epoch(epoch="1")
    yield "bad_epoch_huge", epoch(epoch=1e300)
    yield "bad_step_beyond_int64", epoch(step=2**63)
    yield "bad_loss_list", epoch(train_loss=[1])


TARGETS = {
    "safetensors": safetensors_files,
    "model": model_files,
    "checkpoint": checkpoint_files,
    "npy": npy_files,
    "idx": idx_files,
    "idx_gzip": idx_gzip_files,
    "cifar10": cifar10_files,
    "config": config_files,
    "csv": csv_files,
    "metrics": metrics_files,
}


def main(folder):
    for target, files in TARGETS.items():
        shutil.rmtree(folder / target, ignore_errors=True)
        (folder / target).mkdir(parents=True)
        for name, content in files():
            (folder / target / name).write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
