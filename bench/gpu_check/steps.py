# SPDX-License-Identifier: MIT
"""Steps with a time limit each and one for all of them, whose files end up in one archive."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

#: of a step, below which it is not begun
LEAST_SECONDS = 1
#: between the end of the last step and the end of all
RESERVE_SECONDS = 3
#: of one file; what is in the middle of a longer one is left out
MOST_BYTES = 2 << 20
TIMED_OUT = (124, 137)  # what coreutils' timeout ends with
SIGNALS = {4: "illegal instruction", 6: "abort", 7: "bus error", 8: "floating-point exception",
           9: "killed", 11: "segmentation fault"}


def explain(status):
    """What an exit status says, for people."""
    if status in TIMED_OUT:
        return "no end within its time"
    number = -status if status < 0 else status - 128
    return SIGNALS.get(number, f"exit {status}")


class Run:
    """All that one command does. After each step `archive` (.tgz) holds everything that is known,
    in a folder `name`; it is replaced in one piece, so that there is a whole one at any time."""

    def __init__(self, name, archive, seconds):
        self.name = name
        self.archive = pathlib.Path(archive).resolve()
        self.archive.parent.mkdir(parents=True, exist_ok=True)
        self.begin = time.monotonic()
        self.seconds = seconds
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix=f"idl_{name}_"))
        self.folder = self.scratch / name
        self.folder.mkdir()
        self.lock = threading.RLock()
        self.summary = {"command": name, "steps": []}
        self.background = []

    def elapsed(self):
        return time.monotonic() - self.begin

    def left(self):
        return self.seconds - RESERVE_SECONDS - self.elapsed()

    def say(self, text):
        with self.lock:
            line = f"[{self.elapsed():5.1f} s] {text}"
            print(line, flush=True)
            with open(self.folder / "log.txt", "a", encoding="utf-8") as log:
                log.write(line + "\n")

    def save(self):
        with self.lock:
            self.summary["seconds"] = round(self.elapsed(), 1)
            text = json.dumps(self.summary, indent=1)
            (self.folder / "summary.json").write_text(text + "\n", encoding="utf-8")
            fresh = self.archive.with_name(self.archive.name + ".new")
            with tarfile.open(fresh, "w:gz", compresslevel=6) as archive:
                archive.add(self.folder, arcname=self.name)
            os.replace(fresh, self.archive)

    def step(self, name, most, command, output, environment=None):
        """Runs a command for at most `most` seconds and what is left of all; its output goes to the
        file `output`. The step's record, which is in the summary too."""
        limit = min(most, self.left())
        record = {"step": name, "output": output, "seconds": 0.0}
        begin = time.monotonic()
        if limit < LEAST_SECONDS:
            record["failed"] = "no time left"
            # Many may follow, and writing the archive for each would take the time that is left.
            with self.lock:
                self.summary["steps"].append(record)
            return record
        path = self.folder / output
        path.parent.mkdir(parents=True, exist_ok=True)
        record["exit"] = run_within(limit, command, path, environment)
        record["seconds"] = round(time.monotonic() - begin, 1)
        shorten(path)
        if record["exit"] != 0:
            record["failed"] = explain(record["exit"])
        self.add(record)
        return record

    def add(self, record):
        with self.lock:
            self.summary["steps"].append(record)
            self.save()

    def side_by_side(self, jobs, at_once):
        """Calls each of the jobs, `at_once` at a time, in this order; what they return."""
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(lambda job: job(), jobs))

    def accompany(self, command, output):
        """Starts what runs beside all steps, and ends with them; nothing where it is not here."""
        try:
            with open(self.folder / output, "wb") as file:
                self.background.append(subprocess.Popen(
                    within(self.left(), command), stdin=subprocess.DEVNULL, stdout=file,
                    stderr=subprocess.STDOUT))
        except OSError as error:
            self.say(f"{command[0]}: {error.strerror}")

    def finish(self):
        """The exit status: 0 where all passed, 1 otherwise."""
        for process in self.background:
            process.terminate()
        failed = [record for record in self.summary["steps"] if "failed" in record]
        for record in failed:
            self.say(f"FAILED {record['step']}: {record['failed']}")
        self.summary["failures"] = len(failed)
        self.say(f"{len(self.summary['steps']) - len(failed)} steps passed, {len(failed)} failed; "
                 f"{self.archive}")
        self.save()
        self.discard()
        return 1 if failed else 0

    def discard(self):
        """Deletes what is not in the archive."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def within(seconds, command):
    """The command, ended from outside, so that it ends also where this process was killed."""
    return ["timeout", "--kill-after=2", f"{seconds:.1f}", *map(str, command)]


def run_within(seconds, command, output, environment):
    """The command's exit status; 127 where there is no such program."""
    with open(output, "wb") as file:
        process = subprocess.Popen(within(seconds, command), stdin=subprocess.DEVNULL, stdout=file,
                                   stderr=subprocess.STDOUT,
                                   env={**os.environ, **(environment or {})})
        try:
            return process.wait(timeout=seconds + 4)
        except subprocess.TimeoutExpired:
            # A process that hangs in the driver cannot even be killed.
            process.kill()
            return TIMED_OUT[1]


def shorten(path):
    size = path.stat().st_size
    if size <= MOST_BYTES:
        return
    with open(path, "rb") as file:
        head = file.read(MOST_BYTES // 2)
        file.seek(-(MOST_BYTES // 2), os.SEEK_END)
        tail = file.read()
    path.write_bytes(head + f"\n... {size - MOST_BYTES} bytes left out ...\n".encode() + tail)


def refuse(command, reason):
    """The end of a command that could not begin."""
    print(f"{command}: {reason}", file=sys.stderr)
    sys.exit(2)
