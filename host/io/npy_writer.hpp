// SPDX-License-Identifier: MIT
#pragma once

#include "host/io/atomic_file.hpp"
#include "idl/io.hpp"

namespace idl::io {

/// Writes a .npy file into `file` as write_npy() of a path does; the caller commits it.
/// @throws as that
void write_npy(AtomicFile& file, const Array& array);

}  // namespace idl::io
