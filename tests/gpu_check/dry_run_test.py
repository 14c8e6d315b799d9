#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/gpu_check with a GPU, tools and programs that are fakes.

    dry_run_test.py TREE COMPILER [unittest's arguments]"""

import io
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
TREE = pathlib.Path(sys.argv[1]).resolve()
COMPILER = sys.argv[2]
sys.path[:0] = [str(TREE / "bench" / "gpu_check"), str(pathlib.Path(__file__).resolve().parent)]
import cases  # noqa: E402
import fakes  # noqa: E402
import session  # noqa: E402


def read_archive(path, name):
    """The summary, and the names of the files. Fails where the archive is not whole."""
    with tarfile.open(fileobj=io.BytesIO(path.read_bytes())) as archive:
        names = archive.getnames()
        summary = json.load(archive.extractfile(f"{name}/summary.json"))
    return summary, names


class DryRun(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.machine = fakes.Machine(pathlib.Path(cls.scratch.name), COMPILER, cases)
        cls.pack = cls.machine.folder / "pack.tar.xz"
        cls.packed = cls.command("pack", "--build", cls.machine.build, "--out", cls.pack, "--data",
                                 cls.machine.folder / "data", "--models", cls.machine.folder / "models")
        cls.machine.kept.unlink()  # the other machine lacks it
        cls.first_results = pathlib.Path(tempfile.mkdtemp(dir=cls.machine.folder))
        cls.first = cls.command("first", "--pack", cls.pack, "--out", cls.first_results / "first.tgz",
                                "--suite-seconds", "4")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def setUp(self):
        self.results = pathlib.Path(tempfile.mkdtemp(dir=self.machine.folder))

    @classmethod
    def start(cls, name, *arguments, **options):
        return subprocess.Popen([TREE / "bench/gpu_check" / name, *map(str, arguments)],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                **{"env": cls.machine.environment(), **options})

    @classmethod
    def command(cls, name, *arguments, **options):
        process = cls.start(name, *arguments, **options)
        output = process.communicate(timeout=60)[0]
        return subprocess.CompletedProcess(arguments, process.returncode, output)

    def end_of(self, name, answer, folder):
        """The steps by their names, and the files, of a command that has come to its end."""
        out = folder / f"{name}.tgz"
        summary, names = read_archive(out, name)
        self.assertEqual((answer.returncode, "failures" in summary), (1, True), answer.stdout)
        self.assertEqual(list(folder.iterdir()), [out])
        return {step["step"]: step for step in summary["steps"]}, names

    def test_a_pack_holds_programs_libraries_data_and_models(self):
        self.assertEqual(self.packed.returncode, 0, self.packed.stdout)
        with tarfile.open(self.pack) as pack:
            names = {name.removeprefix("./") for name in pack.getnames()}
            manifest = json.load(pack.extractfile("./manifest.json"))
        for name in (*cases.PROGRAMS, *(f"models/{model}" for model in cases.MODELS),
                     "data/t10k-images-idx3-ubyte.gz", "carried/libkept.so.1"):
            self.assertIn(name, names)
        self.assertFalse([name for name in names if "libc.so" in name or "libgone" in name])
        self.assertEqual(manifest["cuda_libraries"], ["libcublas.so.99", "libcublasLt.so.99"])
        self.assertEqual(manifest["commit"], "fake-commit")

    def test_a_pack_is_refused_where_a_program_is_missing(self):
        answer = self.command("pack", "--build", self.results, "--out", self.results / "pack")
        self.assertEqual(answer.returncode, 2)
        self.assertIn("has no tests/idl_test_kernels", answer.stdout)
        self.assertEqual(list(self.results.iterdir()), [])

    def test_each_suite_has_a_fate_of_its_own(self):
        steps, names = self.end_of("first", self.first, self.first_results)
        fates = {name: steps[f"kernels {name}*"].get("failed") for name in fakes.KERNEL_SUITES}
        self.assertEqual(fates, {"CudaDevices.": None, "Good/cuda_f32.": None,
                                 "Crashes/cuda_f32.": "segmentation fault",
                                 "Hangs/cuda_f32.": "no end within its time",
                                 "Fails/cuda_f32.": "exit 1", "Skips/cuda_f32.": "skipped: ATest",
                                 "After/cuda_f32.": None})
        for program in ("host", "golden", "training"):
            self.assertNotIn("failed", steps[f"{program} Of_{program}/cuda_f64.*"])
        self.assertIn("first/tests/kernels_Good_cuda_f32.json", names)
        self.assertIn("  [  FAILED  ] Fails/cuda_f32.ATest (1 ms)", self.first.stdout)
        self.assertIn("  [ RUN      ] Hangs/cuda_f32.ATest", self.first.stdout)

    def test_missing_libraries_are_named_and_carried_ones_are_taken(self):
        steps, _ = self.end_of("first", self.first, self.first_results)
        output = self.first.stdout
        self.assertIn("libcublasLt.so.99: not found", output)
        self.assertIn("bench/bench_inference does not start: this machine and the pack lack "
                      "libgone.so.1", output)
        self.assertIn("libkept.so.1: the pack's own", output)
        self.assertNotIn("failed", steps["bench_loops ."])
        self.assertIn("a_linked_case: 7 us", output)

    def test_benches_the_program_and_the_sanitizer_follow_the_suites(self):
        steps, names = self.end_of("first", self.first, self.first_results)
        for step in ("evaluate", "train", "memcheck", "racecheck"):
            self.assertNotIn("failed", steps[step])
        for name in ("bench/01_solve.json", "bench/02_train_step.json", "memcheck.txt", "clocks.csv",
                     "machine.txt", "log.txt"):
            self.assertIn(f"first/{name}", names)

    def test_the_archive_is_whole_after_each_step_and_after_a_kill(self):
        out = self.results / "first.tgz"
        process = self.start("first", "--pack", self.pack, "--out", out, "--suite-seconds", "12")
        seen = set()
        end = time.monotonic() + 30
        # It hangs after these, while another has long ended.
        while len(seen) < 3 and time.monotonic() < end:
            if out.exists():
                seen.add(len(read_archive(out, "first")[0]["steps"]))
        while time.monotonic() < end:
            summary = read_archive(out, "first")[0]
            if any("After/" in step["step"] for step in summary["steps"]):
                break
        process.kill()
        process.communicate()
        self.assertGreaterEqual(len(seen), 3)
        summary = read_archive(out, "first")[0]
        steps = {step["step"]: step for step in summary["steps"]}
        self.assertIn("kernels After/cuda_f32.*", steps)
        self.assertNotIn("kernels Hangs/cuda_f32.*", steps)

    def test_the_time_of_all_is_kept(self):
        begin = time.monotonic()
        answer = self.command("first", "--pack", self.pack, "--out", self.results / "first.tgz",
                              "--seconds", "12")
        self.assertLess(time.monotonic() - begin, 30)
        steps, _ = self.end_of("first", answer, self.results)
        self.assertEqual(steps["kernels Hangs/cuda_f32.*"]["failed"], "no end within its time")
        self.assertEqual(steps["memcheck"]["failed"], "no time left")
        self.assertIn("FAILED memcheck: no time left", answer.stdout)

    def test_of_a_bench_that_was_ended_the_whole_cases_are_kept(self):
        case = '\n    {\n      "name": "%s", "real_time": 2.0, "time_unit": "us"\n    }'
        answer = self.results / "bench.json"
        text = '{\n  "context": {},\n  "benchmarks": [' + case % "one" + "," + case % "two" + "\n  ]\n}\n"
        for end, names in ((len(text), ["one", "two"]), (-6, ["one", "two"]), (-30, ["one"]), (9, [])):
            answer.write_text(text[:end], encoding="utf-8")
            found = [figure["name"] for figure in session.Session.figures(answer)]
            self.assertEqual(found, names, text[:end])

    def test_without_a_gpu_nothing_begins(self):
        broken = self.results / "tools"
        fakes.write_script(broken / "nvidia-smi", "#!/bin/sh\nexit 9\n")
        environment = self.machine.environment()
        environment["PATH"] = f"{broken}:{environment['PATH']}"
        for name in ("first", "timing"):
            answer = self.command(name, "--pack", self.pack, "--out", self.results / "a.tgz",
                                  env=environment)
            self.assertEqual((answer.returncode, answer.stdout),
                             (2, f"{name}: no GPU here: nvidia-smi finds none\n"))
        self.assertEqual(list(self.results.iterdir()), [broken])

    def test_what_is_no_pack_is_refused(self):
        (self.results / "pack").write_text("no pack", encoding="utf-8")
        answer = self.command("first", "--pack", self.results / "pack", "--out", self.results / "a.tgz")
        self.assertEqual(answer.returncode, 2)
        self.assertIn("cannot be unpacked", answer.stdout)
        answer = self.command("timing", "--pack", self.results / "none")
        self.assertEqual(answer.returncode, 2)
        self.assertIn("bench/gpu_check/pack makes it", answer.stdout)

    def test_timing_asks_benches_profiler_and_peers(self):
        out = self.results / "timing.tgz"
        answer = self.command("timing", "--pack", self.pack, "--out", out, "--python",
                              self.machine.folder / "tools/peers_python")
        steps, names = self.end_of("timing", answer, self.results)
        failed = {name: step["failed"] for name, step in steps.items() if "failed" in step}
        self.assertEqual(failed, {"bench_inference .": "bench/bench_inference misses libgone.so.1"})
        order = [name.split()[0] for name in steps]
        self.assertLess(order.index("bench_train_step"), order.index("ncu"))
        self.assertLess(order.index("ncu"), order.index("compare"))
        self.assertIn("timing/profile/solve.csv", names)
        self.assertIn("timing/compare.txt", names)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
