#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs what the documents say: every fenced block of docs/*.md and CONTRIBUTING.md.

    run.py --root TREE --build BUILD --include FOLDER --library FILE --idl FILE --cxx COMPILER

The blocks of one document run in order in one new folder, which holds small inputs
(make_inputs.py) and links to the tree and, as build/release, to the build. A ```cpp block without
main() becomes the body of one; ```sh runs in bash, ```python in Python with the package `idl` of the
tree; ```text and ```cmake are for readers. An HTML comment just before a block, which readers do not
see, may tell otherwise or put something in front of it:

    <!-- test: run
    const auto U = ...;            (put in front of the block)
    -->
    <!-- test: compile: needs a GPU -->    (cpp only: compiled and linked, not run)
    <!-- test: none: takes minutes -->

Also checked: README.md's first program is examples/first_program.cpp; links to files and paths in
backticks lead somewhere. Ends with 77 (skipped) where Python lacks what the documents import.
"""
import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TIMEOUT_S = 120  # of one block
SHOWN_LINES = 8
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-variable",
            "-Wno-unused-but-set-variable"]
MODES = ("run", "compile", "none")


@dataclasses.dataclass
class Block:
    document: pathlib.Path
    line: int  # of the first line inside the fence, from 1
    language: str
    text: str
    mode: str = "run"
    prelude: str = ""

    def place(self):
        return f"{self.document}:{self.line}"


def marker(comment, place):
    """("compile: needs a GPU", prelude) -> mode and prelude."""
    first, _, prelude = comment.partition("\n")
    mode, _, reason = (part.strip() for part in first.partition(":"))
    if mode not in MODES:
        raise SystemExit(f"{place}: test mode '{mode}' is none of {', '.join(MODES)}")
    if mode != "run" and not reason:
        raise SystemExit(f"{place}: mode '{mode}' needs a reason")
    return mode, prelude.rstrip()


def blocks_of(document, name):
    """The fenced blocks of a document, with the marker that stands before each."""
    pattern = re.compile(r"(?:<!-- test: (?P<marker>.*?)-->\n+)?"
                         r"^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
    content = document.read_text(encoding="utf-8")
    found = list(pattern.finditer(content))
    if content.count("<!-- test:") != sum(match["marker"] is not None for match in found):
        raise SystemExit(f"{name}: a test marker stands before no block")
    for match in found:
        line = content.count("\n", 0, match.start("text")) + 1
        block = Block(name, line, match["language"], match["text"])
        if match["marker"] is not None:
            block.mode, block.prelude = marker(match["marker"], block.place())
        if block.language not in ("cpp", "sh", "python", "text", "cmake"):
            raise SystemExit(f"{block.place()}: no rule for a block of '{block.language}'")
        if block.mode == "compile" and block.language != "cpp":
            raise SystemExit(f"{block.place()}: only C++ can be compiled without being run")
        yield block


def cpp_source(block):
    """A translation unit; compilers' messages name the place in the document."""
    line = f'#line {block.line} "{block.document}"\n'
    if re.search(r"\bint main\(", block.text):
        return block.prelude + "\n" + line + block.text
    includes = "#include <cmath>\n#include <idl/idl.hpp>\n#include <iostream>\n"
    preludes = re.findall(r"^#include.*$", block.prelude, re.MULTILINE)
    body = re.sub(r"^#include.*$", "", block.prelude, flags=re.MULTILINE)
    own = re.findall(r"^#include.*$", block.text, re.MULTILINE)
    text = re.sub(r"^#include.*$", "", block.text, flags=re.MULTILINE)
    return (includes + "\n".join(preludes + own) + "\nint main() {\n" + body + "\n" + line + text
            + "\n}\n")


class Runner:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = folder
        self.environment = dict(os.environ, PYTHONPATH=str(HERE.parents[1] / "python"))
        # Documents call python3, the first of which on the PATH may lack NumPy.
        programs = folder / "bin"
        programs.mkdir()
        python = programs / "python3"
        python.write_text(f"#!/bin/sh\nexec {shlex.quote(arguments.python)} \"$@\"\n",
                          encoding="utf-8")
        python.chmod(0o755)
        for variable, value in (("PATH", f"{programs}:{pathlib.Path(arguments.idl).parent}"),
                                ("LD_LIBRARY_PATH", pathlib.Path(arguments.library).parent)):
            before = os.environ.get(variable)
            self.environment[variable] = f"{value}:{before}" if before else str(value)
        self.failures = 0

    def fail(self, place, text):
        self.failures += 1
        print(f"{place}: {text}", file=sys.stderr, flush=True)

    def executable(self, block):
        return self.folder / f"{block.document.stem}-{block.line}"

    def call(self, command, folder):
        return subprocess.run(command, cwd=folder, env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=TIMEOUT_S, check=False)

    def compile(self, block):
        source = self.executable(block).with_suffix(".cpp")
        source.write_text(cpp_source(block), encoding="utf-8")
        library = pathlib.Path(self.arguments.library)
        return self.call([self.arguments.cxx, "-std=c++20", *WARNINGS,
                          f"-I{self.arguments.include}", str(source), str(library),
                          "-o", str(self.executable(block))], self.folder)

    def run(self, block, folder):
        if block.language == "cpp":
            return self.call([str(self.executable(block))], folder)
        script = block.prelude + "\n" + block.text
        if block.language == "python":
            return self.call([self.arguments.python, "-c", script], folder)
        return self.call(["bash", "-euo", "pipefail", "-c", script], folder)

    def document_folder(self, name):
        """A folder in which commands written for the root of the tree work."""
        folder = self.folder / name.stem
        subprocess.run([sys.executable, str(HERE / "make_inputs.py"), str(folder)], check=True)
        for entry in pathlib.Path(self.arguments.root).iterdir():
            if entry.name not in ("build", "runs", ".git"):
                (folder / entry.name).symlink_to(entry)
        (folder / "build").mkdir()
        (folder / "build" / "release").symlink_to(self.arguments.build)
        return folder

    def run_document(self, name, blocks, compiled):
        folder = self.document_folder(name)
        for block in blocks:
            if block.mode == "none" or block.language in ("text", "cmake"):
                print(f"{block.place()}: {block.language}, not run", flush=True)
                continue
            result = compiled[block.place()].result() if block.language == "cpp" else None
            if result is None or (result.returncode == 0 and block.mode == "run"):
                result = self.run(block, folder)
            if result.returncode != 0:
                self.fail(block.place(), f"ended with {result.returncode}:\n{result.stdout}")
            else:
                print(f"{block.place()}: {block.language}, {block.mode}: good", flush=True)
                lines = result.stdout.strip().splitlines()
                for line in lines[:SHOWN_LINES] + (["..."] if lines[SHOWN_LINES:] else []):
                    print(f"    {line}", flush=True)

    def run_all(self, documents):
        everything = {name: list(blocks_of(path, name)) for name, path in documents.items()}
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            compiled = {block.place(): pool.submit(self.compile, block)
                        for blocks in everything.values() for block in blocks
                        if block.language == "cpp" and block.mode != "none"}
            for name, blocks in everything.items():
                self.run_document(name, blocks, compiled)
        return sum(map(len, everything.values()))


def check_first_program(runner, root):
    source = (root / "examples" / "first_program.cpp").read_text(encoding="utf-8")
    expected = source[source.index("#include"):]
    readme = root / "README.md"
    blocks = re.findall(r"^```cpp\n(.*?)^```$", readme.read_text(encoding="utf-8"),
                        re.DOTALL | re.MULTILINE)
    if expected not in blocks:
        runner.fail("README.md", "its C++ program is not examples/first_program.cpp")


def check_paths(runner, root, documents):
    """Links to files, and paths of the tree in backticks, lead somewhere."""
    top = "|".join(sorted(re.escape(entry.name) for entry in root.iterdir()
                          if entry.is_dir() and entry.name not in ("build", "runs", ".git")))
    for name, path in documents.items():
        text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"),
                      flags=re.DOTALL | re.MULTILINE)
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            if not (path.parent / target).exists():
                runner.fail(name, f"links to {target}, which is not there")
        for target in re.findall(rf"`((?:{top})/[\w./-]+)`", text):
            if not (root / target).exists():
                runner.fail(name, f"names {target}, which is not there")
        for target in re.findall(r"`(idl/\w+\.h(?:pp)?)`", text):
            if not (root / "include" / target).exists():
                runner.fail(name, f"names {target}, which is not there")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    for option in ("root", "build", "include", "library", "idl", "cxx"):
        parser.add_argument(f"--{option}", required=True)
    parser.add_argument("--python", default=os.environ.get("IDL_TEST_PYTHON", "python3"))
    arguments = parser.parse_args()
    if subprocess.run([arguments.python, "-c", "import safetensors.torch, sklearn"],
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        print(f"{arguments.python} lacks PyTorch, safetensors or scikit-learn")
        return 77

    root = pathlib.Path(arguments.root)
    documents = {path.relative_to(root): path
                 for path in [*sorted((root / "docs").glob("*.md")), root / "CONTRIBUTING.md"]}
    folder = pathlib.Path(tempfile.mkdtemp(prefix="idl_docs"))
    try:
        runner = Runner(arguments, folder)
        count = runner.run_all(documents)
        check_first_program(runner, root)
        check_paths(runner, root, {**documents, pathlib.Path("README.md"): root / "README.md"})
    finally:
        shutil.rmtree(folder)
    print(f"{count} blocks in {len(documents)} documents, {runner.failures} failures")
    return 1 if runner.failures else 0


if __name__ == "__main__":
    sys.exit(main())
