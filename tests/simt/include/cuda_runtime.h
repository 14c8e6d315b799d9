// SPDX-License-Identifier: MIT
#pragma once

#include <vector_types.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tests/simt/grid.hpp"

/// The part of CUDA's C++ that the kernels use, for the host compiler.

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __forceinline__ inline
#define __launch_bounds__(...)

struct CUstream_st;
using cudaStream_t = CUstream_st*;

enum cudaError_t { cudaSuccess = 0, cudaErrorMemoryAllocation = 2 };

struct cudaFuncAttributes {};
template <class Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes*, Kernel*) {
  return cudaSuccess;
}

/// The address of an unsigned that says whether the loop goes on.
using cudaGraphConditionalHandle = std::uint64_t;
inline void cudaGraphSetConditional(cudaGraphConditionalHandle handle, unsigned value) {
  *reinterpret_cast<unsigned*>(handle) = value;
}

// Barriers.

inline void __syncthreads(idl::simt::Where where = idl::simt::Where::current()) {
  idl::simt::wait_for_block(idl::simt::Combine::nothing, 0, where);
}
inline int __syncthreads_or(int predicate, idl::simt::Where where = idl::simt::Where::current()) {
  return idl::simt::wait_for_block(idl::simt::Combine::any, predicate, where);
}
inline int __syncthreads_and(int predicate, idl::simt::Where where = idl::simt::Where::current()) {
  return idl::simt::wait_for_block(idl::simt::Combine::all, predicate, where);
}
inline int __syncthreads_count(int predicate,
                               idl::simt::Where where = idl::simt::Where::current()) {
  return idl::simt::wait_for_block(idl::simt::Combine::count, predicate, where);
}
inline void __syncwarp(unsigned mask = ~0U, idl::simt::Where where = idl::simt::Where::current()) {
  idl::simt::Exchange exchange;
  exchange.name = "__syncwarp";
  exchange.mask = mask;
  idl::simt::exchange_in_warp(exchange, where);
}

// Shuffles and votes.

namespace idl::simt {

template <class V>
V shuffle(const char* name, unsigned mask, V value, unsigned source, Where where) {
  static_assert(std::is_arithmetic_v<V> && (sizeof(V) == 4 || sizeof(V) == 8));
  V result{};
  Exchange exchange;
  exchange.name = name;
  exchange.mask = mask;
  exchange.value = &value;
  exchange.result = &result;
  exchange.bytes = sizeof(V);
  exchange.source = source;
  exchange_in_warp(exchange, where);
  return result;
}

inline unsigned vote(const char* name, unsigned mask, bool predicate, Where where) {
  Exchange exchange;
  exchange.name = name;
  exchange.mask = mask;
  exchange.predicate = predicate;
  exchange_in_warp(exchange, where);
  return exchange.ballot;
}

/// The first lane of the segment of `width` lanes that has this thread.
inline unsigned segment(int width) {
  return lane_of_thread() & ~(static_cast<unsigned>(width) - 1U);
}

}  // namespace idl::simt

template <class V>
V __shfl_sync(unsigned mask, V value, int source, int width = 32,
              idl::simt::Where where = idl::simt::Where::current()) {
  const unsigned inside = static_cast<unsigned>(source) & (static_cast<unsigned>(width) - 1U);
  return idl::simt::shuffle("__shfl_sync", mask, value, idl::simt::segment(width) + inside, where);
}
template <class V>
V __shfl_up_sync(unsigned mask, V value, unsigned delta, int width = 32,
                 idl::simt::Where where = idl::simt::Where::current()) {
  const unsigned lane = idl::simt::lane_of_thread();
  const unsigned source = lane >= idl::simt::segment(width) + delta ? lane - delta : lane;
  return idl::simt::shuffle("__shfl_up_sync", mask, value, source, where);
}
template <class V>
V __shfl_down_sync(unsigned mask, V value, unsigned delta, int width = 32,
                   idl::simt::Where where = idl::simt::Where::current()) {
  const unsigned lane = idl::simt::lane_of_thread();
  const unsigned end = idl::simt::segment(width) + static_cast<unsigned>(width);
  const unsigned source = lane + delta < end ? lane + delta : lane;
  return idl::simt::shuffle("__shfl_down_sync", mask, value, source, where);
}
template <class V>
V __shfl_xor_sync(unsigned mask, V value, int lanes, int width = 32,
                  idl::simt::Where where = idl::simt::Where::current()) {
  const unsigned lane = idl::simt::lane_of_thread();
  const unsigned other = lane ^ static_cast<unsigned>(lanes);
  const unsigned end = idl::simt::segment(width) + static_cast<unsigned>(width);
  return idl::simt::shuffle("__shfl_xor_sync", mask, value, other < end ? other : lane, where);
}

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              idl::simt::Where where = idl::simt::Where::current()) {
  return idl::simt::vote("__ballot_sync", mask, predicate != 0, where);
}
inline int __any_sync(unsigned mask, int predicate,
                      idl::simt::Where where = idl::simt::Where::current()) {
  return idl::simt::vote("__any_sync", mask, predicate != 0, where) != 0 ? 1 : 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      idl::simt::Where where = idl::simt::Where::current()) {
  return idl::simt::vote("__all_sync", mask, predicate != 0, where) == mask ? 1 : 0;
}

inline unsigned __reduce_max_sync(unsigned mask, unsigned value,
                                  idl::simt::Where where = idl::simt::Where::current()) {
  idl::simt::Exchange exchange;
  exchange.name = "__reduce_max_sync";
  exchange.mask = mask;
  exchange.number = value;
  idl::simt::exchange_in_warp(exchange, where);
  return exchange.largest;
}

inline int __popc(unsigned bits) { return std::popcount(bits); }
inline int __ffs(int bits) {
  return bits == 0 ? 0 : std::countr_zero(static_cast<unsigned>(bits)) + 1;
}

// Memory. One thread runs at a time, so that every access is atomic and in order.

inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}

template <class V>
V atomicExch(V* at, std::type_identity_t<V> value) {
  const V before = *at;
  *at = value;
  return before;
}
template <class V>
V atomicAdd(V* at, std::type_identity_t<V> value) {
  return atomicExch(at, static_cast<V>(*at + value));
}
template <class V>
V atomicSub(V* at, std::type_identity_t<V> value) {
  return atomicExch(at, static_cast<V>(*at - value));
}
template <class V>
V atomicMax(V* at, std::type_identity_t<V> value) {
  return atomicExch(at, *at < value ? value : *at);
}
template <class V>
V atomicMin(V* at, std::type_identity_t<V> value) {
  return atomicExch(at, value < *at ? value : *at);
}
template <class V>
V atomicCAS(V* at, std::type_identity_t<V> expected, std::type_identity_t<V> value) {
  return atomicExch(at, *at == expected ? value : *at);
}
