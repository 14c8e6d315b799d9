# SPDX-License-Identifier: MIT
"""The machine with the GPU: what it has, what of the pack it needs, where its libraries are."""

import glob
import json
import lzma
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANIFEST = "manifest.json"
#: how the loader names what a program asks for and does not get, and what it finds
NOT_FOUND = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
FOUND = re.compile(r"^\s*(\S+) => (/\S+)", re.MULTILINE)


def answer_of(command, environment=None, seconds=20):
    """What a command prints; nothing where it fails or is not here."""
    try:
        answer = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                                timeout=seconds, env={**os.environ, **(environment or {})})
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout if answer.returncode == 0 else ""


def gpus():
    """A line for each; empty where there is none."""
    return answer_of(["nvidia-smi", "-L"]).strip()


def loaded_libraries(program, folders=None):
    """(found: name -> path, missing names) of what the loader looks for; empty for scripts."""
    environment = {"LD_LIBRARY_PATH": folders} if folders else None
    text = answer_of(["ldd", program], environment)
    return dict(FOUND.findall(text)), sorted(set(NOT_FOUND.findall(text)))


def library_folders():
    """Where CUDA's libraries may lie beside the places that the loader knows."""
    toolkits = [os.environ[name] for name in ("CUDA_HOME", "CUDA_PATH") if name in os.environ]
    toolkits += sorted(glob.glob("/usr/local/cuda*"), reverse=True)
    for toolkit in toolkits:
        for pattern in ("lib64", "targets/*/lib", "lib"):
            yield from sorted(glob.glob(os.path.join(toolkit, pattern)))
    for packages in sys.path:
        yield from sorted(glob.glob(os.path.join(packages, "nvidia", "*", "lib")))


def find_library(name):
    """The path of a library by its name; None where it is not here."""
    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    known = re.search(rf"^\s*{re.escape(name)} .*=> (/\S+)", answer_of([ldconfig, "-p"]), re.MULTILINE)
    if known:
        return known.group(1)
    for folder in (*os.environ.get("LD_LIBRARY_PATH", "").split(":"), *library_folders()):
        if folder and os.path.exists(os.path.join(folder, name)):
            return os.path.join(folder, name)
    return None


class Pack:
    """What bench/gpu_check/pack has made, unpacked into a folder."""

    def __init__(self, archive, folder):
        """Raises OSError, lzma.LZMAError, tarfile.TarError or ValueError for what is no pack."""
        self.folder = pathlib.Path(folder)
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        with lzma.open(archive) as content, tarfile.open(fileobj=content, mode="r|") as pack:
            pack.extractall(self.folder, **safely)
        self.manifest = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
        self.libraries = self.folder / "lib"
        self.libraries.mkdir()
        self.notes = []
        self.missing = {}
        #: where programs look for libraries
        self.search = [str(self.libraries)]
        self.link_libraries()
        #: for our programs alone: the machine's own Python must not see these libraries
        self.environment = {"LD_LIBRARY_PATH": ":".join(self.search),
                            "IDL_TEST_DATA": str(ROOT / "tests" / "data"),
                            "IDL_COMMIT": self.manifest["commit"]}

    def program(self, name):
        return self.folder / name

    def link_libraries(self):
        """Links CUDA's libraries to where programs look, and of the carried libraries those that this machine
        lacks."""
        for name in self.manifest["cuda_libraries"]:
            path = find_library(name)
            if path:
                (self.libraries / name).symlink_to(path)
                # Where libraries that it needs in turn may lie: it looks for them beside itself.
                beside = str(pathlib.Path(path).resolve().parent)
                if beside not in self.search:
                    self.search.append(beside)
            self.notes.append(f"{name}: {path or 'not found'}")
        carried = self.folder / "carried"
        for name in self.manifest["programs"]:
            while True:
                missing = loaded_libraries(self.program(name), ":".join(self.search))[1]
                wanted = [library for library in missing if (carried / library).exists()
                          and not (self.libraries / library).exists()]
                for library in wanted:
                    (self.libraries / library).symlink_to(carried / library)
                    self.notes.append(f"{library}: the pack's own")
                if not wanted:
                    break
            if missing:
                self.missing[name] = missing

    def loads(self, name):
        return name in self.manifest["programs"] and name not in self.missing


def describe(pack, python):
    """A page about the machine, for the archive."""
    parts = [answer_of(["uname", "-a"]), answer_of(["nvidia-smi"]),
             answer_of(["nvidia-smi", "-q", "-d", "CLOCK,MEMORY,PERFORMANCE"]),
             answer_of(["lscpu"]), *pack.notes,
             *(f"{name} misses {', '.join(names)}" for name, names in pack.missing.items()),
             answer_of([python, "--version"]), json.dumps(pack.manifest, indent=1)]
    return "\n".join(part.rstrip() for part in parts if part) + "\n"
