// SPDX-License-Identifier: MIT
// IDL_TEST_VECTORS=baseline or avx2: the CPU's loops with no wider vectors than these, so that
// those of other machines are tested on this one.
#include "tests/support/narrow_vectors.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "kernels/cpu/runtime/vector_width.hpp"

namespace idl::test {
namespace {

using cpu::VectorSet;

VectorSet set_named(std::string_view name) {
  if (name == "baseline") return VectorSet::baseline;
  if (name == "avx2") return VectorSet::avx2;
  std::abort();
}

[[maybe_unused]] const bool k_narrowed = [] {
  const char* name = std::getenv("IDL_TEST_VECTORS");
  if (name != nullptr) cpu::vectors_to_use() = std::min(set_named(name), cpu::widest_of_machine());
  return name != nullptr;
}();

}  // namespace

bool has_fused_multiply_add() { return cpu::widest_vectors() != VectorSet::baseline; }

}  // namespace idl::test
