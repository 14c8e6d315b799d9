// SPDX-License-Identifier: MIT
// Hands every file of a folder to a fuzz target, for builds without libFuzzer.
//   idl_fuzz_NAME corpus/NAME
// What a file called valid_* holds must be accepted, what one called bad_* holds must be refused.
#include <algorithm>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <new>
#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

// As scripts/fuzz tells libFuzzer: files of a few kilobytes need no more.
constexpr std::size_t k_largest_allocation = std::size_t{16} << 20U;

void* allocate(std::size_t size) {
  idl::fuzz::require(size <= k_largest_allocation, "an allocation fits the input");
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

/// Whether the target says of the file what the file's name asks for.
bool replay(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  std::cout << name << ": " << std::flush;  // the last line, where the target crashes
  std::ifstream stream(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream),
                                std::istreambuf_iterator<char>()};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  const std::string& refusal = idl::fuzz::last_refusal();
  std::cout << (refusal.empty() ? "accepted" : "refused: " + refusal) << "\n";
  const bool wrong = (name.starts_with("valid_") && !refusal.empty()) ||
                     (name.starts_with("bad_") && refusal.empty());
  if (wrong) std::cout << "  which its name forbids\n";
  return !wrong;
}

int replay_folder(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files{std::filesystem::directory_iterator(folder), {}};
  std::sort(files.begin(), files.end());
  const auto wrong =
      std::count_if(files.begin(), files.end(), [](const auto& file) { return !replay(file); });
  std::cout << files.size() << " files, " << wrong << " wrong\n";
  return files.empty() || wrong > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::cerr << "usage: " << arguments[0] << " FOLDER\n";
    return 2;
  }
  try {
    return replay_folder(arguments[1]);
  } catch (const std::exception& error) {
    std::cout << "escaped: " << error.what() << std::endl;
    return EXIT_FAILURE;
  }
}
