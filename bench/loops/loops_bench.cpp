// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "bench/support/devices.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "idl/error.hpp"
#include "idl/matrix.hpp"
#include "kernels/backend.hpp"

/// What one iteration of a loop costs beside its work: 1000 iterations of 1 or of 4 steps that add
/// one number to another, with an `active` that never becomes 0.
///
/// Cases: `while`, the device decides (on a GPU in a conditional node); `replay`, the host looks
/// after blocks of iterations (GPU only); `straight`, all iterations in one program, nobody
/// decides. Counter: seconds per iteration.
namespace idl::bench {
namespace {

constexpr std::int32_t k_iterations = 1000;

enum class Form { while_loop, replay, straight };

struct Loop {
  const char* name;
  Form form;
};

/// C += 1, `steps` times.
Sequence body(const Matrix<float>& one, Matrix<float>& C, int steps) {
  Sequence sequence;
  for (int k = 0; k < steps; ++k) sequence.emplace_back(AddScaled<float>{.X = one, .Y = C});
  return sequence;
}

std::unique_ptr<Program> compile(Backend& backend, Form form, const Sequence& body,
                                 VectorView<const std::int32_t> active) {
  if (form != Form::straight) {
    backend.choose_loop_strategy(form == Form::replay ? LoopStrategy::block_replay
                                                      : LoopStrategy::conditional_node);
    return backend.compile_while(body, active, k_iterations);
  }
  Sequence all;
  for (std::int32_t k = 0; k < k_iterations; ++k) all.insert(all.end(), body.begin(), body.end());
  return backend.compile(std::move(all));
}

void time_loop(benchmark::State& state, Device device, const Loop& loop, int steps) {
  Context context(device);
  const auto one = Matrix<float>::from_host(context, 1, 1, std::vector<float>{1.0F});
  auto C = Matrix<float>::zeros(context, 1, 1);
  Vector<std::int32_t> active(context, 1);
  backend_of(context)->upload({.destination = active.view().data,
                               .destination_pitch = sizeof k_iterations,
                               .source = &k_iterations,
                               .source_pitch = sizeof k_iterations,
                               .width = sizeof k_iterations});
  const auto program = compile(*backend_of(context), loop.form, body(one, C, steps), active);
  program->launch();
  const float sum = download<float>(context, C.view())[0];
  if (sum != static_cast<float>(k_iterations * steps))
    throw Error("the loop has added " + std::to_string(sum) + " times");
  const double seconds = measure(state, context, Cache::warm, [&] { program->launch(); });
  state.counters["seconds_per_iteration"] = seconds / k_iterations;
}

[[maybe_unused]] const bool k_added = add_benches(
    [](Device device) {
      constexpr std::array k_loops = {Loop{"while", Form::while_loop}, Loop{"replay", Form::replay},
                                      Loop{"straight", Form::straight}};
      for (const Loop& loop : k_loops) {
        if (loop.form == Form::replay && device.kind == DeviceKind::cpu) continue;
        for (const int steps : {1, 4})
          add_case(
              "loops/" + to_string(device) + "/" + loop.name + "/steps" + std::to_string(steps),
              [=](benchmark::State& state) { time_loop(state, device, loop, steps); });
      }
    },
    Compares::with_nothing);

}  // namespace
}  // namespace idl::bench
