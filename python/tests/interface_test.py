# SPDX-License-Identifier: MIT
"""The declarations for ctypes are those of the headers."""
import ctypes
import pathlib
import re
import sys
import unittest

try:
    import numpy  # noqa: F401  which the package imports
except ImportError:
    sys.exit(77)

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

    def test_members_that_do_not_fit_are_refused_by_name(self):
        wrong = {c.Flag: (2, -1, 2**32, "no", None), c.Choice: (5, -1, "no", []),
                 ctypes.c_double: ("0.5", None, 10**400), ctypes.c_char_p: ("a\0b", 5, b"a"),
                 ctypes.POINTER(ctypes.c_double): ("0.5",),
                 ctypes.POINTER(ctypes.c_int64): (2**63, 2.5),
                 **{kind: (least - 1, most + 1, 5.5, "5", None)
                    for kind, (least, most) in c.RANGES.items()}}
        for struct in c.STRUCTS.values():
            for name, kind in struct._fields_:
                for value in wrong.get(kind, ()):
                    with self.subTest(struct=struct.__name__, member=name, value=value):
                        with self.assertRaisesRegex(idl.InvalidArgument, f"^{name} is "):
                            struct(**{name: value}) if name != "struct_size" else setattr(
                                struct(), name, value)

    def test_members_that_fit_are_taken(self):
        options = c.LoadOptions(bias=True, no_D=False, alpha=1, activation="tanh", project=True)
        self.assertEqual([options.bias.value, options.no_D.value, options.alpha[0],
                          options.activation, options.project.value], [1, -1, 1.0, b"tanh", 1])
        settings = c.ModelSettings(seed=2**64 - 1, rank=2**63 - 1)
        self.assertEqual([settings.seed, settings.rank[0]], [2**64 - 1, 2**63 - 1])

    def test_each_status_has_its_error(self):
        numbers = {int(number) for number in re.findall(r"IDL_STATUS_\w+ = (\d+)", HEADERS)}
        self.assertEqual(set(c.ERRORS), numbers - {0})

    def test_the_version_is_the_librarys(self):
        header = (INCLUDE / "version.h").read_text(encoding="utf-8")
        self.assertEqual(idl.__version__.split("."), re.findall(r"VERSION_[A-Z]+ (\d+) ", header))


if __name__ == "__main__":
    sys.exit(unittest.main())
