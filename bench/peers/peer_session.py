# SPDX-License-Identifier: MIT
"""What the peer programs share: arguments, files, timing, and the protocol that compare speaks.

A peer is a long-lived process. It prepares its case, prints one line of JSON ("ready"), and then
answers commands on standard input, one line of JSON each:

    run N        untimed runs until clocks and caches have had WARM_UP_SECONDS, and N timed ones:
                 {"seconds": [...], "iterations": ...}
    answer FILE  what the last run computed, as safetensors: {"answer": FILE}
    quit

Without --serve it times --repeat runs, prints one line of JSON and ends.

Cases (seconds are those of one solve, of one call, of one step):
    solve       X = relu(AX + BU) for a batch, from zero, to a step of 3e-6
    sparse_solve  as solve, of a model with few entries in A and few inputs, by sparse products
    inference   the outputs Y = CX + DU of all samples in one call
    train_step  --steps consecutive training steps: forward, softmax cross-entropy, backward, Adam,
                projection; each on a batch of its own; parameters and moments are put back (untimed)
                before every run
    recurrent_forward  the outputs W h_T + b of all sequences, one number a step: a row of U is a
                sequence
    recurrent_step  as train_step, of a recurrent model
"""

import argparse
import json
import os
import platform
import sys
import time

CASES = ("solve", "inference", "train_step", "sparse_solve", "recurrent_forward", "recurrent_step")
#: of steps, whose seconds are those of one
STEPPED = ("train_step", "recurrent_step")
TOLERANCE = 3e-6
MAX_ITERATIONS = 300
WARM_UP_SECONDS = 0.02


class Case:
    """One case: the model's matrices and the inputs, as NumPy arrays of the chosen precision."""

    def __init__(self, arguments):
        import numpy as np
        from safetensors import safe_open

        self.kind = arguments.case
        self.device = arguments.device
        self.threads = arguments.threads
        self.steps = arguments.steps
        self.learning_rate = arguments.learning_rate
        self.dtype = np.dtype(arguments.precision)
        self.recurrent = self.kind.startswith("recurrent")
        with safe_open(arguments.model, "numpy") as file:
            metadata = file.metadata() or {}

            def take(name):
                return np.ascontiguousarray(file.get_tensor(name), self.dtype)

            cell = "recurrent.layer." if self.recurrent else ""
            self.A, self.B, self.C, self.D = (take(cell + name) for name in "ABCD")
            if self.recurrent:
                self.W, self.b = take("linear.weight"), take("linear.bias")
        if metadata.get("activation", "relu") != "relu" or metadata.get("bias", "false") != "false":
            raise SystemExit(f"{arguments.model}: only relu models without bias are compared")
        self.kappa = float(metadata.get("kappa", 0.95))
        self.states, self.inputs = self.B.shape
        self.outputs = self.C.shape[0]
        with safe_open(arguments.inputs, "numpy") as file:
            self.U = np.ascontiguousarray(file.get_tensor("U"), self.dtype)
            self.labels = file.get_tensor("labels").astype(np.int64)
        batches = self.steps if self.kind in STEPPED else 1
        # The cell takes a number of the sequence and what it gave in the step before.
        width = self.U.shape[1] if self.recurrent else self.inputs
        self.batch = arguments.batch or self.U.shape[0] // batches
        wanted = self.batch * batches
        if self.U.shape[0] < wanted or self.U.shape[1] != width:
            raise SystemExit(f"{arguments.inputs}: U is {self.U.shape}, wanted ({wanted}, {width})")
        if self.recurrent and self.inputs != self.outputs + 1:
            raise SystemExit(f"{arguments.model}: only cells of one input are compared")
        self.U, self.labels = self.U[:wanted], self.labels[:wanted]

    def batch_of(self, step):
        """U (m×p) and labels of one step."""
        part = slice(step * self.batch, (step + 1) * self.batch)
        return self.U[part], self.labels[part]


class Work:
    """One peer's way to do a case. Subclasses fill in what follows."""

    #: untimed runs before the first timed one
    warm_up = 2

    def __init__(self, case):
        self.case = case

    def versions(self):
        """Names and versions of the libraries that do the work."""
        raise NotImplementedError

    def restore(self):
        """Puts the starting state back; not timed."""

    def run(self):
        """Does the case once and waits for the result."""
        raise NotImplementedError

    def iterations(self):
        """Of the last run: applications of the map in the forward solve, of its slowest column."""
        return None

    def answer(self):
        """What the last run computed: X (m×n); Y (m×q); or losses, grad_A.. of step 0, and A."""
        raise NotImplementedError

    def seconds(self):
        """One timed run, per step."""
        self.restore()
        begin = time.perf_counter()
        self.run()
        spent = time.perf_counter() - begin
        return spent / self.case.steps if self.case.kind in STEPPED else spent


def parse_arguments(variants):
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", choices=CASES, required=True)
    parser.add_argument("--model", required=True, help="safetensors with A, B, C, D")
    parser.add_argument("--inputs", required=True, help="safetensors with U and labels")
    parser.add_argument("--batch", type=int, default=0, help="samples; 0: all of the file's")
    parser.add_argument("--steps", type=int, default=10, help="training steps of one run")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--precision", choices=("float32", "float64"), default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variant", choices=variants, default=variants[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--answer", help="write the last run's answer here (safetensors)")
    parser.add_argument("--serve", action="store_true", help="take commands on standard input")
    return parser.parse_args()


def limit_threads(count):
    """As many cores and threads as every other program of the comparison gets."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def say(message):
    print(json.dumps(message), flush=True)


def write_answer(work, path):
    import numpy as np
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in work.answer().items()}, path)


def serve(work):
    for line in sys.stdin:
        command, _, rest = line.strip().partition(" ")
        if command == "run":
            warm = time.perf_counter() + WARM_UP_SECONDS
            work.seconds()
            while time.perf_counter() < warm:
                work.seconds()
            seconds = [work.seconds() for _ in range(int(rest or 1))]
            say({"seconds": seconds, "iterations": work.iterations()})
        elif command == "answer":
            write_answer(work, rest)
            say({"answer": rest})
        elif command == "quit":
            return
        else:
            say({"error": f"unknown command {command!r}"})


def main(name, make_work, variants=("default",)):
    """Runs a peer program. make_work(case, variant) -> Work; it imports what it needs itself, after
    the number of threads has been set."""
    arguments = parse_arguments(variants)
    if arguments.device == "cpu":
        limit_threads(arguments.threads)
    work = make_work(Case(arguments), arguments.variant)
    for _ in range(work.warm_up):
        work.seconds()
    versions = {"python": platform.python_version(), **work.versions()}
    label = name if arguments.variant == "default" else f"{name}_{arguments.variant}"
    about = {"name": label, "case": arguments.case, "device": arguments.device,
             "threads": arguments.threads, "versions": versions}
    if arguments.serve:
        say({"ready": True, **about})
        serve(work)
        return
    seconds = sorted(work.seconds() for _ in range(arguments.repeat))
    if arguments.answer:
        write_answer(work, arguments.answer)
    say({**about, "seconds": seconds, "median": seconds[len(seconds) // 2],
         "iterations": work.iterations()})
