// SPDX-License-Identifier: MIT
#include <cstdlib>

#include "idl/io.hpp"
#include "tests/io/files.hpp"

/// What we save, read by NumPy and by Python's safetensors. Skipped where python3, or the program
/// that IDL_TEST_PYTHON names, does not have them.
namespace idl::io {
namespace {

std::string python() {
  const char* const given = std::getenv("IDL_TEST_PYTHON");
  return given != nullptr ? given : "python3";
}

/// Runs a script. @returns its exit status as a shell gives it, 0 for success
int run(const test::TemporaryFolder& folder, const std::string& script) {
  folder.file("script.py", script);
  const std::string command = "'" + python() + "' '" + (folder / "script.py").string() + "' '" +
                              folder.path().string() + "' >'" + (folder / "output").string() +
                              "' 2>&1";
  return std::system(command.c_str());
}

class Python : public testing::Test {
 protected:
  void SetUp() override {
    if (run(folder_, "import numpy, safetensors.numpy") != 0)
      GTEST_SKIP() << python() << " has no numpy or no safetensors";
  }

  /// Runs a script, in which `folder` is this folder's path.
  void expect_success(const std::string& script) {
    const int status =
        run(folder_, "import sys\nimport numpy as np\nfolder = sys.argv[1]\n" + script);
    EXPECT_EQ(status, 0) << test::read_text(folder_ / "output");
  }

  test::TemporaryFolder folder_;
};

TEST_F(Python, SafetensorsReadsWhatWeSave) {
  Safetensors content;
  content.metadata = {{"activation", "relu"}, {"note", "\u03ba \"0.95\""}};
  content.tensors["A"] = Array::from<float>({2, 3}, std::vector<float>{1, 2, 3, 4, 5, 0.1F});
  content.tensors["b"] = Array::from<double>({2}, std::vector<double>{0.1, -0.0});
  content.tensors["i"] = Array::from<std::int64_t>({}, std::vector<std::int64_t>{-1LL << 40});
  content.tensors["j"] = Array::from<std::int32_t>({1, 1}, std::vector<std::int32_t>{-7});
  content.tensors["empty"] = Array::from<float>({0, 4}, {});
  content.tensors["bytes"] = Array::from<std::uint8_t>({3}, std::vector<std::uint8_t>{0, 1, 255});
  write_safetensors(folder_ / "f.safetensors", content);
  expect_success(R"(
from safetensors import safe_open
def same(name, array):
    read = file.get_tensor(name)
    assert read.dtype == array.dtype and read.shape == array.shape, name
    assert read.tobytes() == array.tobytes(), name
with safe_open(folder + "/f.safetensors", "np") as file:
    assert sorted(file.keys()) == ["A", "b", "bytes", "empty", "i", "j"]
    assert file.metadata() == {"activation": "relu", "note": "\u03ba \"0.95\""}
    same("A", np.array([[1, 2, 3], [4, 5, 0.1]], dtype="f4"))
    same("b", np.array([0.1, -0.0]))
    same("i", np.array(-2**40))
    same("j", np.array([[-7]], dtype="i4"))
    same("empty", np.zeros((0, 4), dtype="f4"))
    same("bytes", np.array([0, 1, 255], dtype="u1"))
)");
}

TEST_F(Python, NumPyReadsWhatWeSave) {
  write_npy(folder_ / "f.npy", Array::from<double>({2, 2}, std::vector<double>{1, 2, 3, 0.1}));
  write_npy(folder_ / "scalar.npy", Array::from<float>({}, std::vector<float>{0.5F}));
  expect_success(R"(
read = np.load(folder + "/f.npy")
assert read.dtype == np.float64 and read.tolist() == [[1, 2], [3, 0.1]]
scalar = np.load(folder + "/scalar.npy")
assert scalar.dtype == np.float32 and scalar.shape == () and scalar == 0.5
)");
}

TEST_F(Python, WeReadWhatItSaves) {
  expect_success(R"(
from safetensors.numpy import save_file
save_file({"x": np.arange(12.0).reshape(3, 4), "k": np.array([3, -4])}, folder + "/f.safetensors")
np.save(folder + "/f.npy", np.asfortranarray(np.arange(12.0, dtype="f4").reshape(3, 4)))
)");
  const Safetensors content = read_safetensors(folder_ / "f.safetensors");
  const std::vector<double> expected = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  EXPECT_EQ(content.at("x").as<double>(), expected);
  EXPECT_EQ(content.at("k").as<std::int64_t>(), (std::vector<std::int64_t>{3, -4}));
  EXPECT_EQ(read_npy(folder_ / "f.npy").as<double>(), expected);
}

}  // namespace
}  // namespace idl::io
