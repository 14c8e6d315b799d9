// SPDX-License-Identifier: MIT
#include "bench/support/devices.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "bench/support/registered.hpp"
#include "bench/support/stopwatch.hpp"
#include "host/backend_of.hpp"
#include "idl/context.hpp"
#include "kernels/backend.hpp"

namespace idl::bench {
namespace {

std::vector<Registered>& list() {
  static std::vector<Registered> registrations;
  return registrations;
}

template <class T>
Rates measure_rates(Device device) {
  Context context(device);
  Backend& backend = *backend_of(context);
  const bool cpu = device.kind == DeviceKind::cpu;
  Rates result;
  // The best of two sizes: one stays in the cache.
  for (const index_t n : {index_t(256), index_t(cpu ? 1536 : 8192)}) {
    // Not zeros, which cost a GPU less power and so run at a higher clock.
    auto A = Matrix<T>::zeros(context, n, n);
    backend.run(FillRandom<T>{.A = A, .seed = 1});
    auto C = Matrix<T>::zeros(context, n, n);
    const double size = static_cast<double>(n);
    const double seconds =
        shortest(context, 0.25, [&] { backend.run(Gemm<T>{.A = A, .B = A, .C = C}); });
    result.flops = std::max(result.flops, 2.0 * size * size * size / seconds);
  }
  {
    // Larger than any cache.
    const index_t cols = cpu ? 8192 : 65536;
    const auto X = Matrix<T>::zeros(context, 4096, cols);
    auto Y = Matrix<T>::zeros(context, 4096, cols);
    result.bytes = 2.0 * 4096.0 * static_cast<double>(cols) * sizeof(T) /
                   shortest(context, 0.25, [&] { backend.run(CopyMatrix<T>{.X = X, .Y = Y}); });
  }
  return result;
}

}  // namespace

bool add_benches(Registration registration, Compares compares) {
  list().push_back({registration, compares});
  return true;
}

const std::vector<Registered>& registrations() { return list(); }

template <class T>
const Rates& rates(Device device) {
  static std::map<std::string, Rates> measured;
  const std::string name = to_string(device);
  const auto found = measured.find(name);
  return found != measured.end() ? found->second
                                 : measured.emplace(name, measure_rates<T>(device)).first->second;
}

template const Rates& rates<float>(Device);
template const Rates& rates<double>(Device);

}  // namespace idl::bench
