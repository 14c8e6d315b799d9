// SPDX-License-Identifier: MIT
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "host/cli/command.hpp"
#include "host/cli/model_flags.hpp"
#include "host/cli/table.hpp"
#include "host/io/json_bytes.hpp"
#include "host/options/named_enums.hpp"
#include "idl/error.hpp"
#include "idl/model_description.hpp"

namespace idl::cli {
namespace {

struct InfoSettings {
  ModelFlags model;
  bool json = false;
};

/// What had to be assumed, and what loading will refuse. Unless --precision says otherwise models
/// are loaded in float.
void add_remarks(nlohmann::ordered_json& json, const ModelExamination& examination) {
  const ModelDescription& model = examination.description;
  const bool outside = examination.constraint_in_float.outside();
  const std::string where = to_text(model.constraint, model.options.well_posedness);
  json["assumed"] = assumed_json(model);
  json["outside"] = outside ? model.constraint.distance : 0.0;
  std::vector<std::string> remarks;
  for (const Assumption& assumption : model.assumptions) remarks.push_back(to_text(assumption));
  if (outside)
    remarks.push_back("A lies outside its constraint and will not be loaded so: " + where);
  else if (model.constraint.outside())
    remarks.push_back(
        "A lies outside its constraint by more than float64 rounds, and less than float32 does: it "
        "will be loaded, but not with --precision f64: " +
        where);
  if (!examination.beyond_float.empty()) remarks.push_back(examination.beyond_float);
  json["remarks"] = remarks;
}

nlohmann::ordered_json examine(const ModelFlags& flags) {
  const ModelExamination examination = examine_model(flags.path, flags.load);
  const ModelDescription& model = examination.description;
  const ModelOptions& options = model.options;
  const ModelShape& shape = model.shape;
  const WellPosednessReport& report = examination.well_posedness;
  nlohmann::ordered_json json = {
      {"file", io::json_of_bytes(flags.path)},
      {"states", shape.states},
      {"inputs", shape.inputs},
      {"outputs", shape.outputs},
      {"parameters", examination.parameters},
      {"rank", options.rank ? nlohmann::ordered_json(*options.rank) : nlohmann::ordered_json()},
      {"precision", examination.type == io::DataType::f64 ? "f64" : "f32"},
      {"activation", to_string(options.activation)}};
  if (has_alpha(options.activation)) json["alpha"] = options.activation.alpha;
  if (const auto& recurrent = model.recurrent)
    json["recurrent"] = {{"inputs", recurrent->inputs},
                         {"hidden", recurrent->hidden},
                         {"outputs", recurrent->outputs}};
  json["lipschitz_constant"] = lipschitz_constant(options.activation);
  json["constraint"] = to_string(options.well_posedness.kind);
  if (options.well_posedness.kind == WellPosednessKind::inf_norm_ball)
    json["kappa"] = options.well_posedness.kappa;
  json["bias"] = options.bias;
  json["no_D"] = options.no_D;
  json["steps"] = model.step;
  json["inf_norm"] = report.inf_norm;
  json["contraction"] = report.contraction;
  json["perron_root"] = report.perron_root;
  const DataFormat& data = model.data;
  const std::pair<const char*, const std::vector<std::string>&> names[] = {
      {"features", data.features}, {"classes", data.classes}, {"targets", data.targets}};
  if (!data.label.empty()) json["label"] = data.label;
  for (const auto& [key, values] : names)
    if (!values.empty()) json[key] = values;
  json["scaled"] = !data.feature_scaling.empty();
  json["density_A"] = report.density;
  json["density_M"] = examination.density;
  json["well_posed"] = report.well_posed();
  const auto* proof = k_named<WellPosednessProof>.find(report.proof);
  json["proof"] = proof->name;
  json["proof_sentence"] = proof->help;
  add_remarks(json, examination);
  return json;
}

void print(const nlohmann::ordered_json& json, const std::string& path) {
  const auto line = [](const std::string& name, const auto& value) {
    std::cout << std::left << std::setw(16) << name << value << "\n";
  };
  const auto percent = [](double share) {
    std::ostringstream text;
    text << std::fixed << std::setprecision(1) << 100.0 * share << " %";
    return text.str();
  };
  const auto text = [&](const char* key) { return json.at(key).get<std::string>(); };
  const auto number = [&](const char* key) { return json.at(key).get<double>(); };
  const auto count = [&](const char* key) { return json.at(key).get<std::int64_t>(); };
  line("model", path);
  if (json.contains("recurrent")) {
    const auto& sizes = json.at("recurrent");
    const auto size = [&](const char* key) {
      return std::to_string(sizes.at(key).get<std::int64_t>());
    };
    line("recurrent",
         size("inputs") + " inputs in each step, h of " + size("hidden") +
             (sizes.at("outputs") == 0 ? ", no head"
                                       : ", " + size("outputs") + " outputs of the last h") +
             "; below is its cell");
  }
  line("sizes", "n = " + std::to_string(count("states")) +
                    " states, p = " + std::to_string(count("inputs")) +
                    " inputs, q = " + std::to_string(count("outputs")) + " outputs, " +
                    std::to_string(count("parameters")) + " parameters (" + text("precision") +
                    ")");
  std::ostringstream activation;
  activation << text("activation");
  if (json.contains("alpha")) activation << ", alpha = " << number("alpha");
  activation << ", Lipschitz constant L = " << number("lipschitz_constant");
  line("activation", activation.str());
  std::ostringstream constraint;
  constraint << text("constraint");
  if (json.contains("kappa")) constraint << ", kappa = " << number("kappa");
  constraint << (json.at("bias") ? ", bias" : "") << (json.at("no_D") ? ", no D" : "");
  line("constraint", constraint.str());
  line("trained", std::to_string(count("steps")) + " optimiser steps");
  for (const char* key : {"features", "classes", "targets"})
    if (json.contains(key)) line(key, listed(json.at(key).get<std::vector<std::string>>()));
  if (json.at("scaled")) line("scaled", "inputs, as the file says; predict and evaluate do that");
  const bool low_rank = !json.at("rank").is_null();
  if (low_rank)
    line("rank", std::to_string(count("rank")) + ": A = L R^T; below, |A| stands for |L||R|^T");
  line("|A|_inf", number("inf_norm"));
  line("L*|A|_inf", number("contraction"));
  line("lambda_pf(|A|)", number("perron_root"));
  line("density", percent(number("density_A")) + (low_rank ? " of L and R, " : " of A, ") +
                      percent(number("density_M")) + (low_rank ? " of all parameters" : " of M"));
  line("well posed", text("proof_sentence"));
  for (const auto& remark : json.at("remarks")) line("beware", remark.get<std::string>());
}

}  // namespace

void add_info(CLI::App& app, int& status) {
  auto settings = std::make_shared<InfoSettings>();
  CLI::App* command = app.add_subcommand("info", "Show a model's sizes, norms and well-posedness");
  add_model_flags(*command, settings->model, true);
  command->add_flag("--json", settings->json, "Print JSON");
  command->callback([settings, &status] {
    IDL_CHECK(!settings->model.path.empty(), "--model is required");
    nlohmann::ordered_json json = examine(settings->model);
    if (settings->json) {
      json.erase("proof_sentence");
      json.erase("remarks");
      std::cout << json.dump(2) << "\n";
    } else {
      print(json, settings->model.path);
    }
    flush_answer();
    status = k_success;
  });
}

}  // namespace idl::cli
