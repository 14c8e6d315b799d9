// SPDX-License-Identifier: MIT
#include "bench/support/devices.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "bench/support/registered.hpp"
#include "bench/support/timing.hpp"
#include "idl/context.hpp"
#include "kernels/backend.hpp"

namespace idl::bench {
namespace {

std::vector<Registration>& list() {
  static std::vector<Registration> registrations;
  return registrations;
}

template <class T>
Rates measure(Device device) {
  Context context(device);
  Backend& backend = *context.backend();
  const bool cpu = device.kind == DeviceKind::cpu;
  Rates result;
  // The best of two sizes: large products are the BLAS's, smaller ones may be the library's own.
  for (const index_t n : {index_t(256), index_t(cpu ? 1536 : 8192)}) {
    const auto A = Matrix<T>::zeros(context, n, n);
    auto C = Matrix<T>::zeros(context, n, n);
    const double size = static_cast<double>(n);
    const double seconds =
        seconds_of(context, [&] { backend.run(Gemm<T>{.A = A, .B = A, .C = C}); });
    result.flops = std::max(result.flops, 2.0 * size * size * size / seconds);
  }
  {
    // Larger than any cache.
    const index_t cols = cpu ? 8192 : 65536;
    const auto X = Matrix<T>::zeros(context, 4096, cols);
    auto Y = Matrix<T>::zeros(context, 4096, cols);
    result.bytes = 2.0 * 4096.0 * static_cast<double>(cols) * sizeof(T) /
                   seconds_of(context, [&] { backend.run(CopyMatrix<T>{.X = X, .Y = Y}); });
  }
  return result;
}

}  // namespace

bool add_benches(Registration registration) {
  list().push_back(registration);
  return true;
}

const std::vector<Registration>& registrations() { return list(); }

template <class T>
const Rates& rates(Device device) {
  static std::map<std::string, Rates> measured;
  const std::string name = to_string(device);
  const auto found = measured.find(name);
  return found != measured.end() ? found->second
                                 : measured.emplace(name, measure<T>(device)).first->second;
}

template const Rates& rates<float>(Device);
template const Rates& rates<double>(Device);

}  // namespace idl::bench
