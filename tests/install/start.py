#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the program costs before main() begins: no library of CUDA's is linked, nor cairo with the
library, which draws nothing; and --version, which also asks for devices, stays below 30 MB where
there is no driver that would be loaded.

    start.py PROGRAM LIBRARY
"""
import ctypes
import re
import resource
import subprocess
import sys

MOST_KILOBYTES = 30 * 1024


def main(program, library):
    for path in (program, library):
        if path.endswith(".a"):
            continue
        dynamic = subprocess.run(["readelf", "-dW", path], check=True, capture_output=True, text=True)
        needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic.stdout)
        if not needed:
            sys.exit(f"start.py: {path} needs no libraries at all")
        unwanted = ("libcu", "libnv", "libcairo") if path == library else ("libcu", "libnv")
        linked = [name for name in needed if name.startswith(unwanted)]
        if linked:
            sys.exit(f"start.py: {path} is linked with {', '.join(linked)}")
    subprocess.run([program, "--version"], check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"{program} --version: {used} KB")
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        if used > MOST_KILOBYTES:
            sys.exit(f"start.py: more than {MOST_KILOBYTES} KB")


main(*sys.argv[1:])
