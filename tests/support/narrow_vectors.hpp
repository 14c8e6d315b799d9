// SPDX-License-Identifier: MIT
#pragma once

namespace idl::test {

/// Whether the CPU's loops fuse multiplications and additions: with AVX2 and wider vectors.
bool has_fused_multiply_add();

}  // namespace idl::test
