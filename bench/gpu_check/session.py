# SPDX-License-Identifier: MIT
"""What bench/gpu_check/first and timing have in common: the pack, the programs, the benches."""

import argparse
import itertools
import json
import lzma
import pathlib
import re
import sys
import tarfile

import machine
from steps import Run, refuse

#: least time of a case; the benches repeat it until then
LEAST_CASE_SECONDS = 0.02
SHOWN_CASES = 40


def make_parser(text, command, seconds):
    parser = argparse.ArgumentParser(description=text,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    results = machine.ROOT / "bench" / "results"
    parser.add_argument("--pack", type=pathlib.Path, default=machine.ROOT / "build/gpu/pack.tar.xz",
                        help="what bench/gpu_check/pack has made (default: build/gpu/pack.tar.xz)")
    parser.add_argument("--out", type=pathlib.Path, default=results / f"gpu-{command}.tgz",
                        help=f"the archive (default: bench/results/gpu-{command}.tgz)")
    parser.add_argument("--seconds", type=int, default=seconds,
                        help=f"for all of it (default and most: {seconds})")
    parser.add_argument("--python", default=sys.executable,
                        help="that of the peers (default: the one that runs this)")
    return parser


def parse(parser, seconds):
    arguments = parser.parse_args()
    if not 1 <= arguments.seconds <= seconds:
        parser.error(f"--seconds is {arguments.seconds}, it must be 1 to {seconds}")
    return arguments


class Session:
    """A run on a machine with a GPU, with the pack unpacked."""

    def __init__(self, command, arguments):
        """Ends the process with 2 where it cannot begin."""
        self.python = arguments.python
        if not machine.gpus():
            refuse(command, "no GPU here: nvidia-smi finds none")
        if not arguments.pack.is_file():
            refuse(command, f"there is no {arguments.pack}: bench/gpu_check/pack makes it, where the "
                            "library can be built; --pack says where it is")
        self.run = Run(command, arguments.out, arguments.seconds)
        try:
            self.pack = machine.Pack(arguments.pack, self.run.scratch / "pack")
        except (OSError, EOFError, lzma.LZMAError, tarfile.TarError, ValueError, KeyError) as error:
            self.run.discard()
            refuse(command, f"{arguments.pack} cannot be unpacked: {error}")
        self.run.summary["commit"] = self.pack.manifest["commit"]
        self.run.summary["gpus"] = machine.gpus().splitlines()
        self.numbers = itertools.count(1)
        for note in (*self.run.summary["gpus"], *self.pack.notes):
            self.run.say(note)
        for name, libraries in self.pack.missing.items():
            self.run.say(f"{name} does not start: this machine and the pack lack "
                         f"{', '.join(libraries)}")
        self.run.accompany(["nvidia-smi", "--query-gpu=timestamp,clocks.sm,clocks.mem,power.draw,"
                            "utilization.gpu,temperature.gpu", "--format=csv", "-lms", "500"],
                           "clocks.csv")
        page = machine.describe(self.pack, self.python)
        (self.run.folder / "machine.txt").write_text(page, encoding="utf-8")
        self.run.save()

    def run_program(self, step, most, name, arguments, output, before=()):
        """A step that is one of the pack's programs, perhaps started by a tool."""
        if not self.pack.loads(name):
            record = {"step": step, "output": output, "seconds": 0.0,
                      "failed": f"{name} misses {', '.join(self.pack.missing.get(name, ['itself']))}"}
            self.run.add(record)
            return record
        alone = ["env", *(f"{key}={value}" for key, value in self.pack.environment.items()),
                 "OMP_NUM_THREADS=2", "OPENBLAS_NUM_THREADS=2"]
        return self.run.step(step, most, [*alone, *before, self.pack.program(name), *arguments], output)

    def bench(self, name, most, cases):
        """The cases of bench_<name> whose names match; a wrong result is recorded with its case."""
        stem = f"bench/{next(self.numbers):02}_{name}"
        answer = self.run.folder / f"{stem}.json"
        record = self.run_program(
            f"bench_{name} {cases}", most, f"bench/bench_{name}",
            ["--device=cuda:0", f"--models={self.pack.folder / 'models'}",
             f"--data={self.pack.folder / 'data'}", f"--benchmark_filter={cases}",
             f"--benchmark_min_time={LEAST_CASE_SECONDS}", "--benchmark_out_format=json",
             f"--benchmark_out={answer}", f"--benchmark_context=commit={self.pack.manifest['commit']}"],
            f"{stem}.txt")
        figures = self.figures(answer)
        wrong = [case["name"] for case in figures if case.get("error_occurred")]
        if wrong and "failed" not in record:
            record["failed"] = f"{len(wrong)} of {len(figures)} cases: {', '.join(wrong[:3])}"
            self.run.save()
        self.run.say(f"{record['step']}: {record.get('failed', 'passed')}, {record['seconds']} s")
        for case in figures[:SHOWN_CASES]:
            self.run.say("  " + case["name"] + ": " + (case.get("error_message") or
                         f"{case['real_time']:.4g} {case['time_unit']}"))
        return record

    @staticmethod
    def figures(answer):
        """The cases of a bench's answer; those that are whole, where it was ended early."""
        try:
            text = answer.read_text(encoding="utf-8")
        except OSError:
            return []
        last_case = text.rfind("\n    }")
        for whole in (text, text[:last_case] + "}]}"):
            try:
                return json.loads(whole)["benchmarks"]
            except (ValueError, KeyError):
                continue
        return []

    def show(self, record, pattern, most=8):
        """Says how a step went, with the last lines of its output that match."""
        self.run.say(f"{record['step']}: {record.get('failed', 'passed')}")
        path = self.run.folder / record["output"]
        if path.exists():
            lines = path.read_text(errors="replace").splitlines()
            for line in [line for line in lines if re.search(pattern, line)][-most:]:
                self.run.say("  " + line[:150])
