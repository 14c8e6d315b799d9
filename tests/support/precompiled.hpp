// SPDX-License-Identifier: MIT
#pragma once

// What nearly every test includes, compiled once. Tests include what they use all the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "idl/idl.hpp"
#include "kernels/backend.hpp"
