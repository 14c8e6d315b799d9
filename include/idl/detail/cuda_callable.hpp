// SPDX-License-Identifier: MIT
#pragma once

/// Marks functions of entries, such as φ and φ' of an own activation, which every compiler compiles
/// for the host and nvcc for the device too.
#ifdef __CUDACC__
#define IDL_CUDA_CALLABLE __host__ __device__
#else
#define IDL_CUDA_CALLABLE
#endif
