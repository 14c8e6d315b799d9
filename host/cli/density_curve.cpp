// SPDX-License-Identifier: MIT
#include "host/cli/density_curve.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "host/io/binary_file.hpp"
#include "host/io/json_bytes.hpp"
#include "host/io/json_reader.hpp"
#include "idl/error.hpp"
#include "idl/io.hpp"

namespace idl::cli {
namespace {

/// Trainings and evaluations of one curve.
template <class T>
class Measurement {
 public:
  Measurement(Context& context, const ImplicitModel<T>& model, const DatasetPair& data,
              const DensityCurveSettings& settings)
      : context_(context), model_(model), data_(data), settings_(settings) {}

  DensityPoint at(double density) {
    DensityPoint point = {.density = density};
    const SparsifyOptions largest = {.target = settings_.target, .density = density};
    SparsifyOptions random = largest;
    random.by = SparsifyRule::random;
    random.seed = settings_.seed;
    ImplicitModel<T> one_shot = chosen(largest);
    point.one_shot = test(one_shot).accuracy;
    point.fine_tuned = test(fine_tuned(std::move(one_shot))).accuracy;
    point.random = test(fine_tuned(chosen(random))).accuracy;
    const ImplicitModel<T> pruned = gradually_pruned(density);
    const Evaluation evaluation = test(pruned);
    point.gradual = evaluation.accuracy;
    point.iterations = evaluation.mean_iterations;
    point.stored = pruned.M().rows * pruned.M().cols;
    return point;
  }

 private:
  /// A model with all entries stays a dense one.
  ImplicitModel<T> chosen(const SparsifyOptions& options) {
    return options.density < 1 ? sparsify(context_, model_, options) : model_.clone(context_);
  }
  ImplicitModel<T> fine_tuned(ImplicitModel<T> model) {
    if (settings_.fine_tune_epochs > 0) train(model, settings_.fine_tune_epochs, {});
    return model;
  }
  ImplicitModel<T> gradually_pruned(double density) {
    ImplicitModel<T> model(context_, model_.shape(), model_.options(), settings_.seed);
    // The pattern is there after gradual_epochs; an epoch more makes the last choice.
    train(model, settings_.gradual_epochs + std::max<std::int64_t>(settings_.fine_tune_epochs, 1),
          {.density = density, .epochs = settings_.gradual_epochs, .target = settings_.target});
    return model;
  }
  void train(ImplicitModel<T>& model, std::int64_t epochs, const PruningOptions& pruning) {
    TrainerOptions options = {.epochs = epochs, .batch_size = settings_.batch_size};
    options.optimizer.learning_rate = settings_.learning_rate;
    options.schedule.kind = ScheduleKind::cosine;
    options.seed = settings_.seed;
    options.pruning = pruning;
    Trainer<T> trainer(context_, model, data_.train, nullptr, options);
    trainer.fit();
  }
  Evaluation test(const ImplicitModel<T>& model) {
    constexpr index_t k_batch = 500;
    return evaluate(context_, model, data_.test, LossKind::softmax_cross_entropy, k_batch);
  }

  Context& context_;
  const ImplicitModel<T>& model_;
  const DatasetPair& data_;
  DensityCurveSettings settings_;
};

/// Calls visit(key, value) for each figure of a point, in the order of density.json.
template <class Visit>
void for_each_figure(DensityPoint& point, const Visit& visit) {
  visit("density", point.density);
  visit("stored", point.stored);
  visit("one_shot", point.one_shot);
  visit("fine_tuned", point.fine_tuned);
  visit("gradual", point.gradual);
  visit("random", point.random);
  visit("iterations", point.iterations);
}

}  // namespace

template <class T>
void measure_density_curve(Context& context, const ImplicitModel<T>& model, const DatasetPair& data,
                           const DensityCurveSettings& settings,
                           const std::function<void(const std::vector<DensityPoint>&)>& on_point) {
  Measurement<T> measurement(context, model, data, settings);
  std::vector<DensityPoint> points;
  for (const double density : k_curve_densities) {
    points.push_back(measurement.at(density));
    on_point(points);
  }
}

void write_density_json(const std::filesystem::path& path, const DensityCurveSettings& settings,
                        const DensityCurve& curve) {
  nlohmann::ordered_json json = {{"model", io::json_of_bytes(curve.model)},
                                 {"data", io::json_of_bytes(curve.data)},
                                 {"states", curve.states},
                                 {"target", to_string(settings.target)},
                                 {"gradual_epochs", settings.gradual_epochs},
                                 {"fine_tune_epochs", settings.fine_tune_epochs},
                                 {"batch", settings.batch_size},
                                 {"learning_rate", settings.learning_rate},
                                 {"seed", settings.seed},
                                 {"points", nlohmann::ordered_json::array()}};
  for (DensityPoint point : curve.points) {
    nlohmann::ordered_json& entry = json["points"].emplace_back();
    for_each_figure(point, [&](const char* key, const auto& value) { entry[key] = value; });
  }
  const std::string text = json.dump(2) + "\n";
  io::write_file_atomically(path, std::as_bytes(std::span(text)));
}

DensityCurve read_density_json(const std::filesystem::path& path) {
  const std::string name = path.string();
  const auto json = io::parse_json<nlohmann::json>(io::read_text(path));
  if (!json || !json->is_object() || !json->contains("points") || !(*json)["points"].is_array())
    throw IoError(name, "is no JSON object with points, as sparsify --curve writes it");
  DensityCurve curve;
  if (json->contains("data")) io::take_member(*json, "data", curve.data, name, "the curve");
  if (json->contains("states")) io::take_member(*json, "states", curve.states, name, "the curve");
  for (const nlohmann::json& entry : (*json)["points"]) {
    const std::string what = "point " + std::to_string(curve.points.size() + 1);
    if (!entry.is_object()) throw IoError(name, what + " is no JSON object");
    DensityPoint& point = curve.points.emplace_back();
    for_each_figure(point, [&](const char* key, auto& value) {
      io::take_member(entry, key, value, name, what.c_str());
    });
    if (!(point.density > 0.0))
      throw IoError(name,
                    what + ": density is " + entry["density"].dump() + ", expected one above 0");
  }
  return curve;
}

template void measure_density_curve(Context&, const ImplicitModel<float>&, const DatasetPair&,
                                    const DensityCurveSettings&,
                                    const std::function<void(const std::vector<DensityPoint>&)>&);
template void measure_density_curve(Context&, const ImplicitModel<double>&, const DatasetPair&,
                                    const DensityCurveSettings&,
                                    const std::function<void(const std::vector<DensityPoint>&)>&);

}  // namespace idl::cli
