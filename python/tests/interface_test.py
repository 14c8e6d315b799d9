# SPDX-License-Identifier: MIT
"""The declarations for ctypes are those of the headers."""
import ctypes
import pathlib
import re
import sys
import unittest

import idl
from idl import _library as c
from idl.solver import REPORT

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include" / "idl"
HEADERS = re.sub(r"/\*.*?\*/", "", (INCLUDE / "c_types.h").read_text(encoding="utf-8")
                 + (INCLUDE / "c_api.h").read_text(encoding="utf-8"), flags=re.DOTALL)
SIZES = {"int32_t": 4, "int64_t": 8, "uint64_t": 8, "double": 8, "size_t": 8, "idl_precision": 4,
         "idl_memory": 4, "idl_log_callback": 8}


def members(struct):
    """(name, bytes) of each member, as the header has them."""
    body = re.search(rf"typedef struct {struct} \{{(.*?)\}} {struct};", HEADERS, re.DOTALL)[1]
    found = []
    for declaration in filter(None, (part.strip() for part in body.split(";"))):
        kind, name = re.fullmatch(r"(.*?)(\w+)", declaration, re.DOTALL).groups()
        found.append((name, 8 if "*" in kind else SIZES[kind.strip()]))
    return found


class Interface(unittest.TestCase):
    def test_structs_have_the_members_of_the_header(self):
        for name, struct in c.STRUCTS.items():
            declared = [(member, ctypes.sizeof(kind)) for member, kind in struct._fields_]
            self.assertEqual(declared, members(name), name)

    def test_reports_have_the_members_of_the_header(self):
        self.assertEqual([(name, REPORT[name].itemsize) for name in REPORT.names],
                         members("idl_sample_report"))

    def test_functions_have_the_arguments_of_the_header(self):
        for name, arguments in c.FUNCTIONS.items():
            found = re.search(rf"IDL_C_EXPORT idl_status {name}\((.*?)\);", HEADERS, re.DOTALL)
            self.assertIsNotNone(found, f"no {name} in the header")
            sizes = [8 if "*" in argument or "[" in argument else SIZES[argument.split()[-2]]
                     for argument in found[1].split(",")]
            self.assertEqual([ctypes.sizeof(kind) for kind in arguments], sizes, name)

    def test_each_status_has_its_error(self):
        numbers = {int(number) for number in re.findall(r"IDL_STATUS_\w+ = (\d+)", HEADERS)}
        self.assertEqual(set(c.ERRORS), numbers - {0})

    def test_the_version_is_the_librarys(self):
        header = (INCLUDE / "version.h").read_text(encoding="utf-8")
        self.assertEqual(idl.__version__.split("."), re.findall(r"VERSION_[A-Z]+ (\d+) ", header))


if __name__ == "__main__":
    sys.exit(unittest.main())
