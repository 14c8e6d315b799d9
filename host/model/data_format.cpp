// SPDX-License-Identifier: MIT
#include "host/model/data_format.hpp"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "host/data/scaling.hpp"
#include "host/io/json_reader.hpp"
#include "idl/error.hpp"

namespace idl {
namespace {

constexpr const char* k_label = "data.label";
constexpr std::array k_names = {std::pair{"data.features", &DataFormat::features},
                                std::pair{"data.classes", &DataFormat::classes},
                                std::pair{"data.targets", &DataFormat::targets}};
constexpr std::array k_scalings = {std::pair{"data.feature_", &DataFormat::feature_scaling},
                                   std::pair{"data.target_", &DataFormat::target_scaling}};

/// p for what is said of inputs, else q.
index_t size_of(std::string_view key, const ModelShape& shape) {
  return key.starts_with("data.feature") ? shape.inputs : shape.outputs;
}

/// JSON, which is UTF-8. @throws InvalidArgument
template <class Value>
std::string json_text(const char* key, const Value& value) {
  try {
    return nlohmann::json(value).dump();
  } catch (const nlohmann::json::exception&) {
    throw InvalidArgument(std::string(key) + ": a name is not UTF-8");
  }
}

/// What is amiss with a DataFormat; "" where nothing is.
std::string trouble(const DataFormat& data, const ModelShape& shape) {
  for (const auto& [key, member] : k_names) {
    const auto count = static_cast<index_t>((data.*member).size());
    if (count != 0 && count != size_of(key, shape))
      return std::string(key) + " names " + std::to_string(count) + ", the model has " +
             std::to_string(size_of(key, shape));
    std::vector<std::string> names = data.*member;
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice != names.end()) return std::string(key) + " names '" + *twice + "' twice";
  }
  if (!data.classes.empty() && !data.targets.empty()) return "there are both classes and targets";
  for (const auto& [prefix, member] : k_scalings) {
    const std::string found = trouble(data.*member, size_of(prefix, shape), "number");
    if (!found.empty()) return std::string(prefix) + "mean and scale: the scaling " + found;
  }
  return "";
}

std::vector<std::string> names_of(const io::Safetensors& file, const char* key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) return {};
  const auto json = io::parse_json<nlohmann::json>(found->second);
  std::vector<std::string> names;
  if (json && json->is_array())
    for (const auto& name : *json)
      if (name.is_string()) names.push_back(name.get<std::string>());
  if (!json || names.empty() || names.size() != json->size())
    throw IoError(file.path, std::string("metadata ") + key + " is no JSON array of texts");
  return names;
}

std::vector<double> numbers_of(const io::Safetensors& file, const std::string& name) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) return {};
  if (found->second.shape.size() != 1)
    throw IoError(file.path, name + " has " + std::to_string(found->second.shape.size()) +
                                 " dimensions, expected 1");
  return found->second.as<double>();
}

void put_numbers(io::Safetensors& file, const std::string& name, std::span<const double> numbers) {
  file.tensors[name] =
      io::Array::from<double>({static_cast<std::int64_t>(numbers.size())}, numbers);
}

}  // namespace

DataFormat with_inputs(const DataFormat& data, std::span<const index_t> kept) {
  DataFormat left = data;
  const auto choose = [&](const auto& all, auto& chosen) {
    chosen.clear();
    if (all.empty()) return;
    for (const index_t input : kept) {
      IDL_CHECK(input >= 0 && input < static_cast<index_t>(all.size()),
                "kept holds " + std::to_string(input) + ", but there are " +
                    std::to_string(all.size()) + " inputs");
      chosen.push_back(all[static_cast<std::size_t>(input)]);
    }
  };
  choose(data.features, left.features);
  choose(data.feature_scaling.mean, left.feature_scaling.mean);
  choose(data.feature_scaling.scale, left.feature_scaling.scale);
  return left;
}

bool is_data_key(std::string_view key) {
  for (const auto& [name, member] : k_names)
    if (key == name) return true;
  return key == k_label;
}

void validate(const DataFormat& data, const ModelShape& shape) {
  const std::string found = trouble(data, shape);
  IDL_CHECK(found.empty(), "DataFormat: " + found);
  for (const auto& [key, member] : k_names) json_text(key, data.*member);
  json_text(k_label, data.label);
}

void put_data_format(io::Safetensors& file, const DataFormat& data, const ModelShape& shape) {
  validate(data, shape);
  if (!data.label.empty()) file.metadata[k_label] = data.label;
  for (const auto& [key, member] : k_names)
    if (!(data.*member).empty()) file.metadata[key] = json_text(key, data.*member);
  for (const auto& [prefix, member] : k_scalings) {
    const Scaling& scaling = data.*member;
    if (scaling.empty()) continue;
    put_numbers(file, std::string(prefix) + "mean", scaling.mean);
    put_numbers(file, std::string(prefix) + "scale", scaling.scale);
  }
}

DataFormat take_data_format(const io::Safetensors& file, const ModelShape& shape) {
  DataFormat data;
  if (const auto label = file.metadata.find(k_label); label != file.metadata.end())
    data.label = label->second;
  for (const auto& [key, member] : k_names) data.*member = names_of(file, key);
  for (const auto& [prefix, member] : k_scalings)
    data.*member = {numbers_of(file, std::string(prefix) + "mean"),
                    numbers_of(file, std::string(prefix) + "scale")};
  const std::string found = trouble(data, shape);
  if (!found.empty()) throw IoError(file.path, found);
  return data;
}

}  // namespace idl
