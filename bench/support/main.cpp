// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/support/devices.hpp"
#include "bench/support/folders.hpp"
#include "bench/support/registered.hpp"
#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "idl/error.hpp"
#include "idl/version.hpp"
#include "kernels/backend.hpp"

/// Google Benchmark's main with flags of our own: --device=all|auto|cpu|cuda|cuda:K (all by
/// default), --models=FOLDER and --data=FOLDER.
namespace idl::bench {

Folders& folders() {
  static Folders places = {.models = std::filesystem::path(IDL_SOURCE_FOLDER) / "build/models",
                           .data = "/usr/share/datasets/fashion-mnist"};
  return places;
}

namespace {

void print_help() {
  std::fputs(
      "--device=all|auto|cpu|cuda|cuda:K\n"
      "          what is measured (all: every device that is present)\n"
      "--models=FOLDER\n"
      "          the models of bench/make_models (build/models of the source tree)\n"
      "--data=FOLDER\n"
      "          Fashion-MNIST (/usr/share/datasets/fashion-mnist)\n",
      stdout);
  benchmark::PrintDefaultHelp();
}

std::vector<Device> devices_of(const std::string& choice) {
  if (choice != "all") return {parse_device(choice)};
  std::vector<Device> devices = {Device::cpu()};
  if (cuda_devices().count > 0) devices.push_back(Device::cuda(0));
  return devices;
}

/// Removes `flag`=VALUE from the arguments and returns the value.
std::optional<std::string> take(std::string_view flag, int& argc, char** argv) {
  std::optional<std::string> value;
  int kept = 1;
  for (int k = 1; k < argc; ++k) {
    const std::string_view argument = argv[k];
    if (argument.substr(0, flag.size()) == flag && argument.substr(flag.size(), 1) == "=")
      value = argument.substr(flag.size() + 1);
    else
      argv[kept++] = argv[k];
  }
  argc = kept;
  return value;
}

bool has(std::string_view flag, int argc, char** argv) {
  return std::find(argv + 1, argv + argc, flag) != argv + argc;
}

template <class T>
void add_rates(Device device, const char* precision) {
  const Rates& best = rates<T>(device);
  const std::string name = to_string(device) + "_" + precision;
  benchmark::AddCustomContext(name + "_gemm_gflops", std::to_string(best.flops * 1e-9));
  benchmark::AddCustomContext(name + "_copy_gbytes_per_second", std::to_string(best.bytes * 1e-9));
}

/// What the records of a GPU's times need to be understood.
void add_facts(Device device) {
  if (device.kind == DeviceKind::cpu) return;
  for (const auto& [name, value] : backend_of(Context(device))->facts())
    benchmark::AddCustomContext(to_string(device) + "_" + name, value);
}

int run(int argc, char** argv) {
  // Names need no measurements.
  const bool lists =
      has("--benchmark_list_tests", argc, argv) || has("--benchmark_list_tests=true", argc, argv);
  folders().models = take("--models", argc, argv).value_or(folders().models);
  folders().data = take("--data", argc, argv).value_or(folders().data);
  const std::string choice = take("--device", argc, argv).value_or("all");
  benchmark::Initialize(&argc, argv, print_help);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("idl_version", version());
  for (const Device device : devices_of(choice)) {
    benchmark::AddCustomContext(to_string(device), describe(device));
    const bool limited = std::any_of(
        registrations().begin(), registrations().end(),
        [](const Registered& bench) { return bench.compares == Compares::with_limits; });
    if (!lists) add_facts(device);
    if (limited && !lists) {
      add_rates<float>(device, "f32");
      add_rates<double>(device, "f64");
    }
    for (const Registered& bench : registrations()) bench.add(device);
  }
  return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
}

}  // namespace
}  // namespace idl::bench

int main(int argc, char** argv) {
  try {
    return idl::bench::run(argc, argv);
  } catch (const idl::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
