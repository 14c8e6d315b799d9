// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <string>
#include <type_traits>

#include "bench/support/devices.hpp"
#include "bench/support/variant.hpp"

/// The ways of a forward solve side by side, beyond the sizes at which they are taken: what the
/// thresholds between them rest on. `cost` is the time as a multiple of the way that is taken by
/// itself (fused, conditional, replay: the strategies of a GPU's loops) or of the plain loop
/// (refined: bfloat16 products in refinement; compacted: running columns moved together).
namespace idl::bench {
namespace {

/// Of a problem with few inputs: it is the loop that is compared.
constexpr index_t k_inputs = 16;
/// Enough for a median; the cases are many.
constexpr int k_runs = 15;

template <class T>
void add(Device device, index_t n, index_t m, const Variant& variant) {
  const Problem problem = {.size = {.n = n, .p = k_inputs, .q = 1, .m = m}};
  add_case(case_name<T>("strategies", device) + "/n" + std::to_string(n) + "_m" +
               std::to_string(m) + "/" + variant.name,
           [=](benchmark::State& state) { time_variant<T>(state, device, problem, variant); })
      ->Iterations(k_runs);
}

template <class T>
void add_loops(Device device) {
  // One block holds the first three in float, clusters of 2 to 16 the others.
  for (const index_t n : {64, 128, 192, 208, 256, 300, 416, 576, 896}) {
    const bool fits = std::is_same_v<T, float> || n <= 576;
    for (const index_t m : {1, 32, 100, 256, 1024, 4096}) {
      if (fits) add<T>(device, n, m, {.name = "fused", .strategy = LoopStrategy::fused});
      add<T>(device, n, m, {.name = "conditional", .strategy = LoopStrategy::conditional_node});
      add<T>(device, n, m, {.name = "replay", .strategy = LoopStrategy::block_replay});
    }
  }
}

/// The ways that are made of other programs, against the plain loop, at sizes at which they would
/// not be taken by themselves, too. On the CPU products in bfloat16 bring nothing and loops leave
/// columns out by themselves: only that it works is seen. The first size is one for an emulation of
/// a GPU.
void add_composed(Device device) {
  const bool cpu = device.kind == DeviceKind::cpu;
  for (const index_t n : {64, 512, 1024, 2048, 4096}) {
    if (cpu && n > 512) continue;
    for (const LoopStrategy strategy : {LoopStrategy::refined, LoopStrategy::compacted})
      add<float>(device, n, n,
                 {.name = std::string(to_string(strategy)),
                  .strategy = strategy,
                  .usual = LoopStrategy::conditional_node});
  }
}

[[maybe_unused]] const bool k_added = add_benches(
    [](Device device) {
      if (device.kind == DeviceKind::cuda) {
        add_loops<float>(device);
        add_loops<double>(device);
      }
      add_composed(device);
    },
    Compares::with_nothing);

}  // namespace
}  // namespace idl::bench
