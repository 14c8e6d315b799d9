// SPDX-License-Identifier: MIT
#pragma once

#include "host/io/binary_file.hpp"

namespace idl::io {

/// @throws IoError where the file is none of safetensors but of another format in which models are
/// kept (PyTorch's, NumPy's, MATLAB's, GGUF, HDF5): it says which, and how to convert it
void refuse_foreign_format(const BinaryFile& file);

}  // namespace idl::io
