// SPDX-License-Identifier: MIT
#include "host/cli/train_settings.hpp"
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return idl::fuzz::run(data, size, [](const std::filesystem::path& path) {
    const idl::cli::TrainSettings settings = idl::cli::read_config(path);
    const nlohmann::ordered_json json = idl::cli::to_json(settings);
    idl::fuzz::require(idl::cli::to_json(idl::cli::settings_from_json(json, "json")) == json,
                       "settings survive being written and read");
    idl::cli::model_options(settings);
    idl::cli::trainer_options(settings);
  });
}
