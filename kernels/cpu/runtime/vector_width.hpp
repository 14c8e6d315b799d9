// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <type_traits>

/// One binary, the widest vectors of the machine it runs on.
///
/// with_widest_vectors(f) calls f(VectorBytes<W>{}) compiled for AVX-512 (W = 64), AVX2 (W = 32) or
/// the build's own target (W = 16). f must be a lambda marked __attribute__((always_inline)), so
/// that its body takes on the instruction set of its caller; so do the small inline functions that
/// it calls. As the CPU backend is compiled without contraction to fused multiply-add, the three
/// give the same bits wherever f fixes the order of its sums; in the sources of kernels/cpu/product
/// that are compiled with it, which cmake/IdlLibrary.cmake names, the first two do.
namespace idl::cpu {

template <std::size_t W>
using VectorBytes = std::integral_constant<std::size_t, W>;

/// W bytes of T as one value, for sums whose order must not be left to the compiler. Load and store
/// by memcpy; never passed to or returned from a function that is not inlined.
template <class T, std::size_t W>
struct PackOf {
  typedef T type __attribute__((vector_size(W)));
};
template <class T, std::size_t W>
using Pack = typename PackOf<T, W>::type;

enum class VectorSet { baseline, avx2, avx512 };

#if defined(__GNUC__) && defined(__x86_64__)

inline VectorSet widest_of_machine() {
  __builtin_cpu_init();
  // Fused multiply-add comes with AVX-512, and in all but name with AVX2.
  if (!__builtin_cpu_supports("fma")) return VectorSet::baseline;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
    return VectorSet::avx512;
  }
  return __builtin_cpu_supports("avx2") ? VectorSet::avx2 : VectorSet::baseline;
}

/// Those of the machine. Tests set narrower ones, before they compute anything.
inline std::atomic<VectorSet>& vectors_to_use() {
  static std::atomic<VectorSet> vectors = widest_of_machine();
  return vectors;
}

inline VectorSet widest_vectors() { return vectors_to_use().load(std::memory_order_relaxed); }

// A processor without prefetchw that is new enough for AVX2 takes it for a no-operation.
template <class F>
__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,fma,prfchw"))) void call_with_avx512(
    const F& f) {
  f(VectorBytes<64>{});
}

template <class F>
__attribute__((target("avx2,fma,prfchw"))) void call_with_avx2(const F& f) {
  f(VectorBytes<32>{});
}

template <class F>
void with_widest_vectors(const F& f) {
  switch (widest_vectors()) {
    case VectorSet::avx512:
      return call_with_avx512(f);
    case VectorSet::avx2:
      return call_with_avx2(f);
    case VectorSet::baseline:
      break;
  }
  f(VectorBytes<16>{});
}

#else

inline VectorSet widest_vectors() { return VectorSet::baseline; }

template <class F>
void with_widest_vectors(const F& f) {
  f(VectorBytes<16>{});
}

#endif

}  // namespace idl::cpu
