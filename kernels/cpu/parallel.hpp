// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include "idl/matrix.hpp"
#include "kernels/cpu/flush_subnormals.hpp"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace idl::cpu {

/// Threads that a parallel loop gets; 1 without OpenMP.
inline int thread_count() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

/// Of the calling thread in the innermost parallel region.
inline int thread_number() {
#ifdef _OPENMP
  return omp_get_thread_num();
#else
  return 0;
#endif
}

/// Whether the caller is one of several threads of a parallel region.
inline bool in_parallel() {
#ifdef _OPENMP
  return omp_in_parallel() != 0;
#else
  return false;
#endif
}

/// Below this many cheap element operations, about 10 µs, a second thread brings little, and on a
/// machine with other work it costs: the first has to wait until the second gets its turn.
inline constexpr index_t k_parallel_work = 65536;

/// Whether parallel_for shares `count` bodies of `work_each` elements among threads.
inline bool worth_threads([[maybe_unused]] index_t count, [[maybe_unused]] index_t work_each) {
#ifdef _OPENMP
  return count > 1 && work_each > 0 && count >= (k_parallel_work + work_each - 1) / work_each &&
         !in_parallel();
#else
  return false;
#endif
}

/// body(i) for i in [0, count), in parallel where count·work_each elements are worth it. The bodies
/// must be independent; then results do not depend on the number of threads. Bodies do not throw,
/// and know no subnormal numbers.
template <class F>
void parallel_for(index_t count, [[maybe_unused]] index_t work_each, const F& body) {
#ifdef _OPENMP
  if (worth_threads(count, work_each)) {
#pragma omp parallel
    {
      const FlushSubnormals flush;
#pragma omp for schedule(static) nowait
      for (index_t i = 0; i < count; ++i) body(i);
    }
    return;
  }
#endif
  const FlushSubnormals flush;
  for (index_t i = 0; i < count; ++i) body(i);
}

}  // namespace idl::cpu
