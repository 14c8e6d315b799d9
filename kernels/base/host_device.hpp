// SPDX-License-Identifier: MIT
#pragma once

/// Marks the element functions that both backends share: compiled for the host by every compiler
/// and, under nvcc, for the device too.
#ifdef __CUDACC__
#define IDL_HOST_DEVICE __host__ __device__
#else
#define IDL_HOST_DEVICE
#endif
