// SPDX-License-Identifier: MIT
#include "host/io/atomic_file.hpp"
#include "idl/io.hpp"

namespace idl::io {

void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace idl::io
