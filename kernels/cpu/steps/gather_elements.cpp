// SPDX-License-Identifier: MIT
#include <algorithm>
#include <string>

#include "kernels/cpu/runtime/execute.hpp"
#include "kernels/cpu/runtime/parallel.hpp"

namespace idl::cpu {
namespace {

constexpr index_t k_task_elements = 4096;

}  // namespace

template <class T>
void execute(const GatherElements<T>& g, Scratch&) {
  const index_t tasks = (g.to.size + k_task_elements - 1) / k_task_elements;
  parallel_for(tasks, k_task_elements, [&](index_t task) {
    const index_t end = std::min(g.to.size, (task + 1) * k_task_elements);
    for (index_t k = task * k_task_elements; k < end; ++k) {
      const std::int64_t index = g.indices.data[k];
      IDL_CHECK(index >= 0 && index < g.from.size,
                "GatherElements: indices[" + std::to_string(k) + "] is " + std::to_string(index) +
                    ", from has " + std::to_string(g.from.size) + " elements");
      g.to.data[k] = g.from.data[index];
    }
  });
}

template void execute(const GatherElements<float>&, Scratch&);
template void execute(const GatherElements<double>&, Scratch&);

}  // namespace idl::cpu
