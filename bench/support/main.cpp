// SPDX-License-Identifier: MIT
#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>
#include <vector>

#include "bench/support/devices.hpp"
#include "bench/support/registered.hpp"
#include "idl/error.hpp"
#include "idl/version.hpp"

/// Google Benchmark's main with one flag more: --device=all|auto|cpu|cuda|cuda:K (all by default).
namespace idl::bench {
namespace {

std::vector<Device> devices_of(const std::string& choice) {
  if (choice != "all") return {parse_device(choice)};
  std::vector<Device> devices = {Device::cpu()};
  if (cuda_devices().count > 0) devices.push_back(Device::cuda(0));
  return devices;
}

/// Removes --device=... from the arguments and returns what it says.
std::string take_device(int& argc, char** argv) {
  const std::string flag = "--device=";
  std::string choice = "all";
  int kept = 1;
  for (int k = 1; k < argc; ++k) {
    const std::string argument = argv[k];
    if (argument.rfind(flag, 0) == 0)
      choice = argument.substr(flag.size());
    else
      argv[kept++] = argv[k];
  }
  argc = kept;
  return choice;
}

template <class T>
void add_rates(Device device, const char* precision) {
  const Rates& best = rates<T>(device);
  const std::string name = to_string(device) + "_" + precision;
  benchmark::AddCustomContext(name + "_gemm_gflops", std::to_string(best.flops * 1e-9));
  benchmark::AddCustomContext(name + "_copy_gbytes_per_second", std::to_string(best.bytes * 1e-9));
}

int run(int argc, char** argv) {
  const std::vector<Device> devices = devices_of(take_device(argc, argv));
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::AddCustomContext("idl_version", version());
  for (const Device device : devices) {
    benchmark::AddCustomContext(to_string(device), describe(device));
    add_rates<float>(device, "f32");
    add_rates<double>(device, "f64");
    for (const Registration registration : registrations()) registration(device);
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
