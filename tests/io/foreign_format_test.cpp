// SPDX-License-Identifier: MIT
#include "idl/io.hpp"
#include "tests/io/files.hpp"

/// Files of other formats that are given as safetensors are called by their names.
namespace idl::io {
namespace {

using test::expect_error;
using test::TemporaryFolder;

/// A zip archive's first 30 bytes, then the name of its first member.
std::string zip(const std::string& member) {
  return std::string("PK\x03\x04", 4) + std::string(26, '\0') + member + std::string(80, '\0');
}

TEST(ForeignFormat, IsNamedByItsContentWithTheWayOut) {
  const TemporaryFolder folder;
  struct File {
    std::string content;
    std::initializer_list<std::string> parts;
  };
  for (const File& file :
       {File{zip("archive/data.pkl"),
             {"a PyTorch file", "import torch", "safetensors.torch.save_file(", "torch.load('"}},
        File{"\x80\x02}q\x00",
             {"is a Python pickle, expected", "where torch.save wrote it, in Python",
              "torch.load('"}},
        File{zip("A.npy"), {"a NumPy archive", "numpy.load('", "safetensors.numpy.save_file("}},
        File{zip("word/document.xml"), {"a zip archive"}},
        File{"MATLAB 5.0 MAT-file, Platform: GLNXA64", {"a MATLAB file", "scipy.io.loadmat('"}},
        File{"MATLAB 7.3 MAT-file, Platform: GLNXA64", {"a MATLAB 7.3 file", "h5py.File('"}},
        File{"\x89HDF\r\n\x1a\n..............", {"an HDF5 file"}},
        File{std::string("GGUF\3\0\0\0", 8), {"a GGUF file", "gguf.GGUFReader('"}},
        File{"\x93NUMPY\1\0v", {"a NumPy array"}},
        File{"\x89PNG\r\n\x1a\n and pixels", {"a picture (.png)"}},
        File{"\x1f\x8b\b and more", {"compressed by gzip"}},
        File{"version https://git-lfs.github.com/spec/v1", {"Git LFS", "git lfs pull"}},
        File{"L\u00e4nge,width\r\n1.5,2\n", {"is a text file, expected"}},
        File{"{\"loss\":\t0.5}", {"is a text file, expected"}}}) {
    const std::filesystem::path path = folder.file("it's", file.content);
    expect_error([&] { read_safetensors(path); }, {path.string(), "expected safetensors"});
    expect_error([&] { read_safetensors(path); }, file.parts);
  }
  // The path in the command is quoted, and the result goes beside the file.
  const std::filesystem::path path = folder.file("it's.pt", zip("x/data.pkl"));
  expect_error([&] { read_safetensors(path); }, {"it\\'s.pt', map", "it\\'s.safetensors')"});
}

TEST(ForeignFormat, IsNamedByItsEndingWhereItsContentSaysNothing) {
  const TemporaryFolder folder;
  for (const auto& [name, part] :
       {std::pair{"w.mat", "a MATLAB file"}, std::pair{"w.pth", "a PyTorch file"},
        std::pair{"w.onnx", "an ONNX file"}, std::pair{"w.bin", "raw numbers"}}) {
    const std::filesystem::path path = folder.file(name, std::string(64, '\1'));
    expect_error([&] { read_safetensors(path); }, {part, "expected safetensors"});
  }
}

TEST(ForeignFormat, IsNotSeenInASafetensorsFileOfAnyName) {
  const TemporaryFolder folder;
  for (const char* name : {"w.mat", "w.pt", "w.bin"}) {
    Safetensors content;
    content.tensors["A"] = Array::from<float>({1}, std::vector<float>{1});
    write_safetensors(folder / name, content);
    EXPECT_EQ(read_safetensors(folder / name).tensors.size(), 1U) << name;
  }
}

}  // namespace
}  // namespace idl::io
