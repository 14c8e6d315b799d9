// SPDX-License-Identifier: MIT
#pragma once

/// Named by kernels/cuda/runtime/check.hpp; products are no kernels of ours.
enum cublasStatus_t { CUBLAS_STATUS_SUCCESS = 0 };
