// SPDX-License-Identifier: MIT
#include "host/io/foreign_format.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "idl/error.hpp"

namespace idl::io {
namespace {

/// A format, and the Python expressions that read its tensors.
struct Format {
  const char* name;
  const char* modules;              ///< to import; none where there is no way by a line of Python
  const char* tensors;              ///< a dict from names to arrays; FILE stands for the file
  const char* writer;               ///< the module whose save_file takes them
  const char* load = nullptr;       ///< what comes before, and has FILE then
  const char* metadata = nullptr;   ///< a dict of texts
  const char* condition = nullptr;  ///< under which that is a way
};

constexpr Format k_pytorch = {
    "a PyTorch file (torch.save)", "torch, safetensors.torch",
    "{k: v.contiguous() for k, v in torch.load(FILE, map_location='cpu').items()}",
    "safetensors.torch"};
constexpr Format k_pickle = {"a Python pickle",          k_pytorch.modules, k_pytorch.tensors,
                             k_pytorch.writer,           nullptr,           nullptr,
                             "where torch.save wrote it"};
constexpr Format k_npz = {"a NumPy archive (.npz)", "numpy, safetensors.numpy",
                          "dict(numpy.load(FILE))", "safetensors.numpy"};
// Of what this library's program writes (host/cli/weights_file.cpp) and of others with a part of
// it: A or its factors, in compressed columns or not, and the head of a recurrent model.
constexpr Format k_matlab = {
    "a MATLAB file (.mat)",
    "numpy, scipy.io, safetensors.numpy",
    "{{'W': 'linear.weight', 'b': 'linear.bias'}.get(k, 'recurrent.layer.' * ('W' in m) + k): "
    "numpy.ascontiguousarray(v.toarray() if hasattr(v, 'toarray') else v.ravel() if k == 'b' else "
    "v) for k, v in m.items() if k in 'ABCDLRWb'}",
    "safetensors.numpy",
    "m = scipy.io.loadmat(FILE)",
    "{k: str(t(m[k].item())) for k, t in dict(activation=str, alpha=float, well_posedness=str, "
    "kappa=float, bias=bool).items() if k in m}"};
constexpr Format k_matlab_7_3 = {
    "a MATLAB 7.3 file (.mat)", "numpy, h5py, safetensors.numpy",
    "{k: numpy.ascontiguousarray(numpy.transpose(v)) for k, v in h5py.File(FILE).items() if k in "
    "'ABCD'}",
    "safetensors.numpy"};
constexpr Format k_hdf5 = {"an HDF5 file", nullptr, nullptr, nullptr};
constexpr Format k_gguf = {"a GGUF file", "numpy, gguf, safetensors.numpy",
                           "{t.name: numpy.array(t.data) for t in gguf.GGUFReader(FILE).tensors}",
                           "safetensors.numpy"};
constexpr Format k_npy = {"a NumPy array (.npy), one matrix and no model", nullptr, nullptr,
                          nullptr};
constexpr Format k_zip = {"a zip archive", nullptr, nullptr, nullptr};
constexpr Format k_onnx = {"an ONNX file", nullptr, nullptr, nullptr};
constexpr Format k_lfs = {"a pointer of Git LFS (git lfs pull fetches the file)", nullptr, nullptr,
                          nullptr};
constexpr Format k_picture = {"a picture (.png)", nullptr, nullptr, nullptr};
constexpr Format k_gzip = {"compressed by gzip: unpack it first", nullptr, nullptr, nullptr};
constexpr Format k_text = {"a text file", nullptr, nullptr, nullptr};
constexpr Format k_raw = {"a file of raw numbers, whose shapes nobody knows", nullptr, nullptr,
                          nullptr};

struct Beginning {
  std::string_view bytes;
  const Format* format;
};

// A zip archive is told further by what it holds.
constexpr std::array k_beginnings = {
    Beginning{"PK\x03\x04", &k_zip},
    Beginning{"\x93NUMPY", &k_npy},
    Beginning{"MATLAB 7.3", &k_matlab_7_3},
    Beginning{"MATLAB 5.0", &k_matlab},
    Beginning{"\x89HDF\r\n\x1a\n", &k_hdf5},
    Beginning{"GGUF", &k_gguf},
    Beginning{"\x89PNG\r\n\x1a\n", &k_picture},
    Beginning{"\x1f\x8b", &k_gzip},
    Beginning{"version https://git-lfs", &k_lfs},
    Beginning{"\x80\x02", &k_pickle},  // in which PyTorch wrote before 1.6, as others do
    Beginning{"\x80\x03", &k_pickle},
    Beginning{"\x80\x04", &k_pickle},
    Beginning{"\x80\x05", &k_pickle}};

struct Ending {
  std::string_view extension;
  const Format* format;
};

constexpr std::array k_endings = {Ending{".pt", &k_pytorch}, Ending{".pth", &k_pytorch},
                                  Ending{".mat", &k_matlab}, Ending{".npz", &k_npz},
                                  Ending{".onnx", &k_onnx},  Ending{".bin", &k_raw}};

/// By the name of the first member, which begins at byte 30.
const Format* kind_of_zip(std::string_view start) {
  const std::string_view name = start.substr(std::min<std::size_t>(30, start.size()));
  if (name.find("data.pkl") != std::string_view::npos) return &k_pytorch;
  return name.find(".npy") != std::string_view::npos ? &k_npz : &k_zip;
}

/// Whether no byte is one that texts do not have; of none nobody knows.
bool is_text(std::string_view start) {
  return !start.empty() && std::ranges::none_of(start, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && (byte < '\t' || byte > '\r')) || byte == 0x7f;
  });
}

const Format* format_of(std::string_view start, const std::string& path) {
  for (const Beginning& beginning : k_beginnings)
    if (start.starts_with(beginning.bytes))
      return beginning.format == &k_zip ? kind_of_zip(start) : beginning.format;
  if (is_text(start)) return &k_text;
  const std::string extension = std::filesystem::path(path).extension().string();
  for (const Ending& ending : k_endings)
    if (extension == ending.extension) return ending.format;
  return nullptr;
}

/// `text` with a quoted path for FILE.
std::string with_file(std::string_view text, const std::string& path) {
  const std::size_t place = text.find("FILE");
  std::string quoted;
  for (const char c : path)
    quoted += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return std::string(text.substr(0, place)) + "'" + quoted + "'" +
         std::string(text.substr(place + 4));
}

}  // namespace

void refuse_foreign_format(const BinaryFile& file) {
  std::string start(static_cast<std::size_t>(std::min<std::uint64_t>(file.size(), 256)), '\0');
  file.read(0, std::as_writable_bytes(std::span(start)), "the beginning");
  // 8 bytes of length, then the header's JSON.
  if (start.size() > 8 && start[8] == '{') return;
  const Format* const format = format_of(start, file.path());
  if (format == nullptr) return;
  std::string text = std::string("is ") + format->name + ", expected safetensors";
  if (format->modules != nullptr) {
    const std::string target =
        std::filesystem::path(file.path()).replace_extension(".safetensors").string();
    const auto filled = [&](const char* code) { return with_file(code, file.path()); };
    text += std::string("; ") + (format->condition ? std::string(format->condition) + ", " : "") +
            "in Python: import " + format->modules + "; " +
            (format->load ? filled(format->load) + "; " : "") + format->writer + ".save_file(" +
            (format->load ? format->tensors : filled(format->tensors)) + ", " +
            with_file("FILE", target) +
            (format->metadata ? std::string(", ") + format->metadata : "") + ")";
  }
  throw IoError(file.path(), text);
}

}  // namespace idl::io
