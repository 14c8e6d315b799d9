// SPDX-License-Identifier: MIT
// What inputs and outputs are, in model files.
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "idl/idl.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

class DataFormatFile : public testing::Test {
 protected:
  DataFormatFile() : model_(context_, {.states = 3, .inputs = 2, .outputs = 2}) {}

  std::filesystem::path path() const { return folder_ / "model.safetensors"; }
  DataFormat saved(const DataFormat& data) {
    save_model(context_, model_, path(), 7, data);
    return examine_model(path()).description.data;
  }
  void expect_no_save(const DataFormat& data, std::initializer_list<std::string> parts) {
    expect_error<InvalidArgument>([&] { saved(data); }, parts);
    EXPECT_EQ(folder_.count(), 0);
  }
  /// Changes the file, which is then no longer loaded.
  void expect_no_load(const std::function<void(io::Safetensors&)>& change,
                      std::initializer_list<std::string> parts) {
    saved(names_);
    io::Safetensors file = io::read_safetensors(path());
    change(file);
    io::write_safetensors(path(), file);
    expect_error<IoError>([&] { load_model<double>(context_, path()); }, parts);
  }

  Context context_{Device::cpu()};
  ImplicitModel<float> model_;
  TemporaryFolder folder_;
  DataFormat names_ = {.features = {"a", "é, \"b\""},
                       .label = "kind",
                       .classes = {"x", ""},
                       .targets = {},
                       .feature_scaling = {{1, 1.0 / 3}, {2, 1e-300}}};
};

TEST_F(DataFormatFile, ComesBackAsItWasAndIsNoPartOfPlainFiles) {
  EXPECT_EQ(saved(names_), names_);
  const DataFormat measured = {.features = {},
                               .label = {},
                               .classes = {},
                               .targets = {"u", "v"},
                               .target_scaling = {{0, -5}, {1, 2}}};
  EXPECT_EQ(saved(measured), measured);
  EXPECT_EQ(saved({}), DataFormat{});
  EXPECT_EQ(io::read_safetensors(path()).tensors.size(), 4U);
  EXPECT_EQ(load_model<float>(context_, path()).shape(), model_.shape());
}

TEST_F(DataFormatFile, ThatDoesNotFitTheModelIsNotWritten) {
  DataFormat data = names_;
  data.features = {"a"};
  expect_no_save(data, {"data.features names 1", "has 2"});
  data = names_;
  data.targets = {"u", "v"};
  expect_no_save(data, {"classes", "targets"});
  data = names_;
  data.feature_scaling.scale[1] = 0;
  expect_no_save(data, {"number 1", "positive scale"});
  data.feature_scaling.scale.pop_back();
  expect_no_save(data, {"2 means and 1 scales"});
  data = names_;
  data.classes[0] = "caf\xE9";
  expect_no_save(data, {"data.classes", "UTF-8"});
}

TEST_F(DataFormatFile, ThatIsSpoiltIsRefused) {
  expect_no_load([](auto& file) { file.metadata["data.features"] = "[\"a\"]"; },
                 {"data.features names 1"});
  expect_no_load([](auto& file) { file.metadata["data.classes"] = "[1, 2]"; },
                 {"data.classes", "JSON array of texts"});
  expect_no_load([](auto& file) { file.metadata["data.classes"] = "["; }, {"JSON array of texts"});
  expect_no_load([](auto& file) { file.metadata["data.classes"] = R"(["x", "x"])"; },
                 {"data.classes", "'x' twice"});
  expect_no_load([](auto& file) { file.metadata["data.colours"] = "[]"; },
                 {"unknown metadata 'data.colours'"});
  expect_no_load([](auto& file) { file.tensors.erase("data.feature_scale"); },
                 {"2 means and 0 scales"});
  expect_no_load(
      [](auto& file) {
        const double nan = std::numeric_limits<double>::quiet_NaN();
        file.tensors["data.feature_mean"] = io::Array::from<double>({2}, std::vector{1.0, nan});
      },
      {"number 1", "nan"});
}

}  // namespace
}  // namespace idl::test
