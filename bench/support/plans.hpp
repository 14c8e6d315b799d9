// SPDX-License-Identifier: MIT
#pragma once

#include <benchmark/benchmark.h>

#include <string>

#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "kernels/backend.hpp"

namespace idl::bench {

/// The label of a case: how the products made so far in its context are made, on a GPU.
inline void label_plans(benchmark::State& state, Context& context) {
  std::string label;
  for (const auto& [name, value] : backend_of(context)->facts())
    if (name.rfind("plan ", 0) == 0)
      label.append(label.empty() ? "" : "; ").append(name.substr(5)).append(": ").append(value);
  if (!label.empty()) state.SetLabel(label);
}

}  // namespace idl::bench
