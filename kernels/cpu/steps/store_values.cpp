// SPDX-License-Identifier: MIT
#include <algorithm>

#include "kernels/cpu/runtime/execute.hpp"

namespace idl::cpu {

template <class T>
void execute(const StoreValues<T>& store, Scratch&) {
  std::copy_n(store.values.begin(), store.to.size, store.to.data);
}

template void execute(const StoreValues<float>&, Scratch&);
template void execute(const StoreValues<double>&, Scratch&);

}  // namespace idl::cpu
