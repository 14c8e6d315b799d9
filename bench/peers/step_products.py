# SPDX-License-Identifier: MIT
"""What the matrix products of a training step take by themselves, one by one, in PyTorch: with
PyTorch from PyPI the floor that MKL sets for a step.

    python3 step_products.py --states 100 --forward-iterations 11.5 --adjoint-iterations 6.11

The numbers of iterations are those that bench_train_step prints for its samples. Matrices lie as
this library's do, products are written into memory that is there, and each time is the median of
many. Prints one line of JSON.
"""

import argparse
import json
import os
import statistics
import time


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, required=True)
    parser.add_argument("--inputs", type=int, default=784)
    parser.add_argument("--outputs", type=int, default=10)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--forward-iterations", type=float, required=True)
    parser.add_argument("--adjoint-iterations", type=float, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=300)
    return parser.parse_args()


def products(arguments):
    """Name, rows, terms of a sum, columns, times, which factor is transposed. The first iteration
    of each loop has no product; one more AX gives the derivative of the activation."""
    n, p, q, m = (arguments.states, arguments.inputs, arguments.outputs, arguments.samples)
    return [
        ("BU", n, p, m, 1, None),
        ("AX", n, n, m, arguments.forward_iterations, None),
        ("[C D][X; U]", q, n + p, m, 1, None),
        ("C^T dY", n, q, m, 1, "first"),
        ("A^T V", n, n, m, arguments.adjoint_iterations - 1, "first"),
        ("[V; dY][X; U]^T", n + q, m, n + p, 1, "second"),
    ]


def main():
    arguments = parse_arguments()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(arguments.threads)
    import torch

    torch.set_num_threads(arguments.threads)

    def by_columns(rows, columns):
        return torch.randn(columns, rows).T

    def median_seconds(rows, terms, columns, transposed):
        first = by_columns(terms, rows).T if transposed == "first" else by_columns(rows, terms)
        second = by_columns(columns, terms).T if transposed == "second" else by_columns(terms,
                                                                                     columns)
        result = by_columns(rows, columns)
        times = []
        for _ in range(arguments.runs + arguments.runs // 5):
            begin = time.perf_counter()
            torch.mm(first, second, out=result)
            times.append(time.perf_counter() - begin)
        return statistics.median(times[arguments.runs // 5:])

    seconds = {}
    total = 0.0
    for name, rows, terms, columns, count, transposed in products(arguments):
        seconds[name] = median_seconds(rows, terms, columns, transposed)
        total += count * seconds[name]
    print(json.dumps({"states": arguments.states, "inputs": arguments.inputs,
                      "samples": arguments.samples, "threads": arguments.threads,
                      "forward_iterations": arguments.forward_iterations,
                      "adjoint_iterations": arguments.adjoint_iterations,
                      "torch": torch.__version__,
                      "blas": "mkl" if torch.backends.mkl.is_available() else "other",
                      "seconds_of_each": seconds, "seconds": total}))


if __name__ == "__main__":
    main()
