// SPDX-License-Identifier: MIT
#include "tests/fuzz/target.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "idl/error.hpp"

namespace idl::fuzz {
namespace {

std::string& refusal() {
  static std::string text;
  return text;
}

/// One file for all inputs: nothing to clean up.
int memory_file() {
  static const int descriptor = ::memfd_create("input", MFD_CLOEXEC);
  require(descriptor >= 0, "a file in memory can be made");
  return descriptor;
}

void fill(int descriptor, const std::uint8_t* data, std::size_t size) {
  require(::ftruncate(descriptor, 0) == 0, "the file in memory can be emptied");
  std::size_t done = 0;
  while (done < size) {
    const ssize_t count = ::pwrite(descriptor, data + done, size - done, static_cast<off_t>(done));
    require(count > 0, "the file in memory can be written");
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace

int run(const std::uint8_t* data, std::size_t size,
        const std::function<void(const std::filesystem::path&)>& read) {
  const int descriptor = memory_file();
  fill(descriptor, data, size);
  refusal().clear();
  try {
    read("/proc/self/fd/" + std::to_string(descriptor));
  } catch (const Error& error) {
    refusal() = error.what();
    require(!refusal().empty(), "an error has a text");
  }
  return 0;
}

const std::string& last_refusal() { return refusal(); }

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

}  // namespace idl::fuzz
