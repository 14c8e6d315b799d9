// SPDX-License-Identifier: MIT
#include <cmath>

#include "idl/model.hpp"
#include "tests/fuzz/target.hpp"

namespace {

template <class T>
void load(const std::filesystem::path& path) {
  static idl::Context context({.device = idl::Device::cpu(), .log = [](auto, auto) {}});
  const idl::ImplicitModel<T> model = idl::load_model<T>(
      context, path, {.project = true, .allow_unproven = true, .cell_alone = true});
  const idl::ModelShape& shape = model.shape();
  idl::fuzz::require(shape.states >= 1 && shape.inputs >= 1 && shape.outputs >= 1,
                     "a model has states, inputs and outputs");
  for (const T value : idl::download<T>(context, model.M()))
    idl::fuzz::require(std::isfinite(value), "parameters are finite");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return idl::fuzz::run(data, size, [](const std::filesystem::path& path) {
    load<double>(path);
    load<float>(path);
  });
}
