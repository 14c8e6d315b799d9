# SPDX-License-Identifier: MIT
"""A build, a GPU and its tools that are scripts: they answer as the real ones do, and crash, hang and
fail where a test wants it."""

import gzip
import os
import struct
import subprocess

#: by suite: passes, crashes, hangs, ... after it in the same program is run all the same
KERNEL_SUITES = ("CudaDevices.", "Good/cuda_f32.", "Crashes/cuda_f32.", "Hangs/cuda_f32.",
                 "Fails/cuda_f32.", "Skips/cuda_f32.", "After/cuda_f32.")

TEST_PROGRAM = """#!/bin/sh
# libcublas.so.99, and of a version that is not said: libcublasLt.so.
answer='' filter=''
for argument; do
  case $argument in
    --gtest_list_tests) printf '%s\\n  ATest\\n' {suites}; exit 0 ;;
    --gtest_output=json:*) answer=${{argument#--gtest_output=json:}} ;;
    --gtest_filter=*) filter=${{argument#--gtest_filter=}} ;;
  esac
done
result=COMPLETED
echo "[ RUN      ] ${{filter%.*}}.ATest"
case $filter in
  Crashes*) kill -SEGV $$ ;;
  Hangs*) exec sleep 600 ;;
  Fails*) echo "[  FAILED  ] Fails/cuda_f32.ATest (1 ms)"; exit 1 ;;
  Skips*) result=SKIPPED ;;
esac
[ -z "$answer" ] || printf '{{"testsuites": [{{"testsuite": [{{"name": "ATest", "status": "RUN",
  "result": "%s"}}]}}]}}' $result >"$answer"
"""

BENCH_PROGRAM = """#!/bin/sh
for argument; do
  case $argument in --benchmark_out=*) answer=${argument#--benchmark_out=} ;; esac
done
[ -z "$answer" ] || echo '{"benchmarks": [{"name": "a_case", "real_time": 1.5, "time_unit": "us"}]}' \\
  >"$answer"
"""

#: Asks a library for its figure: the program can only say 7 where the library is found.
LINKED_BENCH = """
#include <stdio.h>
#include <string.h>
int figure(void);
int main(int count, char** arguments) {
  for (int k = 1; k < count; ++k) {
    if (strncmp(arguments[k], "--benchmark_out=", 16) != 0) continue;
    FILE* file = fopen(arguments[k] + 16, "w");
    fprintf(file, "{\\"benchmarks\\": [{\\"name\\": \\"a_linked_case\\", \\"real_time\\": %d, "
            "\\"time_unit\\": \\"us\\"}]}", figure());
    fclose(file);
  }
  return 0;
}
"""

TOOLS = {
    "nvidia-smi": '#!/bin/sh\necho "GPU 0: a fake"\n',
    "compute-sanitizer": '#!/bin/sh\nshift 4\n"$@" && echo "ERROR SUMMARY: 0 errors"\n',
    "ncu": '#!/bin/sh\necho "kernel,1 us"\n',
    # Python for the peers: it makes what it is asked for.
    "peers_python": """#!/bin/sh
case $1 in
  */random_model.py) echo model >"$4" ;;
  */make_inputs.py) echo inputs >"$4" ;;
  */compare) echo '| case | program |'; echo "$@" ;;
esac
""",
}


def write_script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def write_data(folder):
    """Seven images of 2x3 pixels, as Fashion-MNIST is written."""
    folder.mkdir()
    for stem in ("train", "t10k"):
        with gzip.open(folder / f"{stem}-images-idx3-ubyte.gz", "wb") as file:
            file.write(struct.pack(">IIII", 0x803, 7, 2, 3) + bytes(range(42)))
        with gzip.open(folder / f"{stem}-labels-idx1-ubyte.gz", "wb") as file:
            file.write(struct.pack(">II", 0x801, 7) + bytes(range(7)))


class Machine:
    """A folder that has a build, and in `tools` what a machine with a GPU has."""

    def __init__(self, folder, compiler, cases):
        self.folder = folder
        self.compiler = compiler
        self.build = folder / "build"
        for name in cases.PROGRAMS:
            write_script(self.build / name, BENCH_PROGRAM)
        for program in cases.TESTS:
            suites = KERNEL_SUITES if program == "kernels" else (f"Of_{program}/cuda_f64.",)
            write_script(self.build / f"tests/idl_test_{program}",
                         TEST_PROGRAM.format(suites=" ".join(suites)))
        compiler_file = self.build / "CMakeFiles/3.25.1/CMakeCUDACompiler.cmake"
        compiler_file.parent.mkdir(parents=True)
        compiler_file.write_text('set(CMAKE_CUDA_COMPILER_VERSION "99.1.2")\n', encoding="utf-8")
        self.kept = self.link("loops", "kept")
        self.link("inference", "gone").unlink()
        write_data(folder / "data")
        for name in cases.MODELS:
            (folder / "models").mkdir(exist_ok=True)
            (folder / "models" / name).write_text(name, encoding="utf-8")
        for name, text in TOOLS.items():
            write_script(folder / "tools" / name, text)

    def link(self, bench, library):
        """Makes the bench a program that needs a library, and returns the library."""
        path = self.folder / f"lib{library}.so.1"
        source = self.folder / "source.cpp"
        source.write_text("int figure(void) { return 7; }\n", encoding="utf-8")
        subprocess.run([self.compiler, "-shared", "-fPIC", f"-Wl,-soname,{path.name}", "-o", path,
                        source], check=True)
        source.write_text(LINKED_BENCH, encoding="utf-8")
        subprocess.run([self.compiler, "-o", self.build / f"bench/bench_{bench}", source, path,
                        f"-Wl,-rpath,{self.folder}"], check=True)
        return path

    def environment(self):
        scratch = self.folder / "tmp"  # also of what is killed
        scratch.mkdir(exist_ok=True)
        return {**os.environ, "TMPDIR": str(scratch), "PATH": f"{self.folder / 'tools'}:{os.environ['PATH']}",
                "IDL_COMMIT": "fake-commit"}
