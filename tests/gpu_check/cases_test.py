#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What bench/gpu_check asks of a GPU is there, and runs, as far as that can be told without one: the
programs bench_simt_* are the benches with an emulation in the GPU's place.

    cases_test.py TREE BUILD [unittest's arguments]"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
TREE, BUILD = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
sys.path.insert(0, str(TREE / "bench" / "gpu_check"))
import cases  # noqa: E402


def run(program, *arguments):
    return subprocess.run([BUILD / program, *arguments], capture_output=True, text=True, check=False,
                          env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2"})


class Cases(unittest.TestCase):
    def figures(self, program, device, pattern):
        """Each case's error, or "", by its name."""
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "figures.json"
            answer = run(f"bench/bench_{program}", f"--device={device}", "--benchmark_min_time=0.001",
                         f"--benchmark_filter={pattern}", f"--benchmark_out={out}")
            self.assertEqual(answer.returncode, 0, answer.stderr)
            content = json.loads(out.read_text(encoding="utf-8"))
        return {case["name"].removesuffix("/manual_time"): case.get("error_message", "")
                for case in content["benchmarks"]}

    def test_every_filter_finds_a_case(self):
        logged = ("solve", 0, cases.LOGGED_SOLVE)
        for name, _, pattern in (*cases.FIRST_BENCHES, *cases.TIMED_BENCHES, logged, cases.LAST_BENCH):
            answer = run(f"bench/bench_simt_{name}", "--device=cuda:0", "--benchmark_list_tests",
                         f"--benchmark_filter={pattern}")
            self.assertEqual(answer.returncode, 0, f"{name} {pattern}: {answer.stderr}")
            self.assertIn("/cuda:0/", answer.stdout, f"{name} {pattern}")

    def test_every_suite_and_every_test_under_a_sanitizer_is_there(self):
        asked = [(program, f"{suite}*") for program, suite in cases.BASIC_SUITES]
        asked += [("kernels", test) for _, tests in cases.SANITIZED for test in tests.split(":")]
        asked += [(program, cases.ON_GPU) for program in cases.TESTS]
        for program, tests in asked:
            answer = run(f"tests/idl_test_{program}", "--gtest_list_tests", f"--gtest_filter={tests}")
            found = [line for line in answer.stdout.splitlines() if line.startswith("  ")]
            self.assertTrue(found, f"{program} has no {tests}")

    def test_loops_run_on_both_devices(self):
        both = {f"{form}/steps{steps}": "" for form in ("while", "straight") for steps in (1, 4)}
        on_cpu = self.figures("loops", "cpu", ".")
        self.assertEqual(on_cpu, {f"loops/cpu/{name}": "" for name in both})
        emulated = self.figures("simt_loops", "cuda:0", "(while|straight)")
        self.assertEqual(emulated, {f"loops/cuda:0/{name}": "" for name in both})

    def test_what_a_device_cannot_do_is_recorded_with_its_case(self):
        replay = self.figures("simt_loops", "cuda:0", "replay")
        self.assertEqual(set(replay.values()), {"the emulation has no graphs to replay"})

    def test_sparse_loops_give_right_answers_on_both_devices(self):
        for program, device in (("sparse_loops", "cpu"), ("simt_sparse_loops", "cuda:0")):
            figures = self.figures(program, device, "n64_")
            self.assertEqual(figures, {f"sparse_loops/{device}/f32/n64_m1_density10/{way}/iterations:1": ""
                                       for way in ("fused", "row_split", "library_product",
                                                   "conditional_node")})

    def test_strategies_give_right_answers(self):
        loops = self.figures("simt_strategies", "cuda:0", "f32/n64_m1/(fused|conditional)")
        self.assertEqual(len(loops), 2)
        rules = self.figures("simt_strategies", "cuda:0", "n64_m64/(refined|compacted)")
        self.assertEqual(len(rules), 2)
        on_cpu = self.figures("strategies", "cpu", "n64_m64/refined")
        self.assertEqual(len(on_cpu), 1)
        self.assertEqual({**loops, **rules, **on_cpu}, dict.fromkeys((*loops, *rules, *on_cpu), ""))

    def test_inference_runs_on_both_devices(self):
        for program, device in (("inference", "cpu"), ("simt_inference", "cuda:0")):
            figures = self.figures(program, device, "n100_p50_m1")
            self.assertEqual(figures, {f"{call}/{device}/f32/random/n100_p50_m1": ""
                                       for call in ("predict", "compile", "forward")})

    def test_recurrent_passes_converge_on_both_devices(self):
        for program, device in (("recurrence", "cpu"), ("simt_recurrence", "cuda:0")):
            figures = self.figures(program, device, "n3_")
            self.assertEqual(figures, {f"recurrence/{device}/f32/n3_h2_m2_T3/{way}/{form}": ""
                                       for way in ("forward", "backward")
                                       for form in ("automatic", "steps")})

    def test_without_a_gpu_every_bench_says_so(self):
        for name in cases.BENCHES:
            answer = run(f"bench/bench_{name}", "--device=cuda:0")
            self.assertEqual((answer.returncode, answer.stdout), (2, ""), name)
            self.assertIn("there is no cuda:0", answer.stderr)

    def test_help_names_the_flags(self):
        for name in cases.BENCHES:
            answer = run(f"bench/bench_{name}", "--help")
            self.assertEqual(answer.returncode, 0, name)
            for flag in ("--device=", "--models=", "--data=", "--benchmark_filter="):
                self.assertIn(flag, answer.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
