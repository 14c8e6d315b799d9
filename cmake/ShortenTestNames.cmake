# SPDX-License-Identifier: MIT
# cmake -DFILE=tests.cmake -P ShortenTestNames.cmake
# gtest_discover_tests writes the whole C++ type into the name of a typed test whose types are named
# (Pass.Agrees<Pass/cpu_f64.  # TypeParam = ...>); this leaves Pass.Agrees/cpu_f64.
file(READ "${FILE}" _tests)
string(REGEX REPLACE "<[^<>\n]*/([A-Za-z0-9_]+)\\. +# TypeParam = [^]\n]*>\\]" "/\\1]" _tests
                     "${_tests}")
file(WRITE "${FILE}" "${_tests}")
