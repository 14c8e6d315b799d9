// SPDX-License-Identifier: MIT
// Contexts of the C interface, and its structs that may grow.
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "host/c_api/handles.hpp"
#include "tests/host/c_api_fixture.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

using Messages = std::vector<std::pair<idl_severity, std::string>>;

void keep(void* data, idl_severity severity, const char* text) {
  static_cast<Messages*>(data)->emplace_back(severity, text);
}

Handle<idl_context> context_with(const idl_context_settings* settings) {
  idl_context* context = nullptr;
  EXPECT_EQ(idl_context_create_with(settings, &context), IDL_STATUS_OK) << idl_last_error();
  return Handle<idl_context>(context);
}

TEST(CApiContext, HandsTheFirstWarningOrEveryOneToTheSink) {
  for (const int every : {0, 1}) {
    Messages messages;
    auto settings = sized<idl_context_settings>();
    settings.device = "cpu";
    settings.log = keep;
    settings.log_data = &messages;
    settings.every_solve_warning = every;
    const auto context = context_with(&settings);
    idl_model* made = nullptr;
    ASSERT_EQ(idl_model_create(context.get(), IDL_FLOAT64, 2, 1, 1, "relu", 0.9, 0, 1, &made),
              IDL_STATUS_OK);
    const Handle<idl_model> model(made);
    const double U = std::numeric_limits<double>::quiet_NaN();
    double Y = 0;
    for (int call = 0; call < 3; ++call)
      EXPECT_EQ(idl_model_predict(context.get(), model.get(), 1, &U, 1, &Y, 1, nullptr, 0,
                                  IDL_MEMORY_HOST, nullptr, nullptr),
                IDL_STATUS_NOT_CONVERGED);
    ASSERT_EQ(messages.size(), every == 1 ? 3U : 1U);
    EXPECT_EQ(messages[0].first, IDL_SEVERITY_WARNING);
    EXPECT_TRUE(holds(messages[0].second, {"1 of 1 columns did not converge"}));
  }
}

TEST(CApiContext, IsToldThatTheDataOfAFileWereScaled) {
  Messages messages;
  auto settings = sized<idl_context_settings>();
  settings.device = "cpu";
  settings.log = keep;
  settings.log_data = &messages;
  const auto context = context_with(&settings);
  const TemporaryFolder folder;
  const std::string path = (folder / "scaled").string();
  Context own(Device::cpu());
  const ImplicitModel<float> model(own, {.states = 2, .inputs = 1, .outputs = 1});
  for (const bool scaled : {false, true}) {
    DataFormat data;
    if (scaled) data.target_scaling = {{0.5}, {2.0}};
    save_model(own, model, path, 0, data);
    idl_model* made = nullptr;
    ASSERT_EQ(idl_model_load(context.get(), path.c_str(), IDL_FLOAT32, &made), IDL_STATUS_OK);
    const Handle<idl_model> loaded(made);
    ASSERT_EQ(messages.size(), scaled ? 1U : 0U);
  }
  EXPECT_EQ(messages[0].first, IDL_SEVERITY_WARNING);
  EXPECT_TRUE(holds(messages[0].second, {path, "trained on scaled data", "its outputs as"}));
}

TEST(CApiContext, IsBatchInvariantInAllSolvesWhereThatIsAskedFor) {
  auto settings = sized<idl_context_settings>();
  settings.device = "cpu";
  for (const int wanted : {0, 1}) {
    settings.batch_invariant = wanted;
    const auto context = context_with(&settings);
    EXPECT_EQ(c_api::solver_options(*context, nullptr, nullptr).batch_invariant, wanted == 1);
  }
}

TEST(CApiContext, TellsItsMemoryAndKeepsItsPlaceAmongStreams) {
  auto settings = sized<idl_context_settings>();
  settings.device = "cpu";
  const auto context = context_with(&settings);
  std::int64_t before = -1, after = -1, calls = -1;
  ASSERT_EQ(idl_context_memory(context.get(), &before, nullptr), IDL_STATUS_OK);
  idl_model* made = nullptr;
  ASSERT_EQ(idl_model_create(context.get(), IDL_FLOAT32, 16, 8, 4, "relu", 0.9, 0, 1, &made),
            IDL_STATUS_OK);
  const Handle<idl_model> model(made);
  ASSERT_EQ(idl_context_memory(context.get(), &after, &calls), IDL_STATUS_OK);
  EXPECT_GE(after - before, (16 + 4) * (16 + 8) * 4);
  EXPECT_GE(calls, 1);
  EXPECT_EQ(idl_context_wait_for(context.get(), nullptr), IDL_STATUS_OK);
  EXPECT_EQ(idl_context_record_for(context.get(), nullptr), IDL_STATUS_OK);
  expect_refused(idl_context_wait_for(nullptr, nullptr), "context is a null pointer");
}

TEST(CApiContext, TakesTheDefaultsOfWhatIsNotSaid) {
  const auto context = context_with(nullptr);
  EXPECT_EQ(idl_context_is_cuda(context.get()), cuda_devices().count > 0 ? 1 : 0);
}

TEST(CApiContext, RefusesDevicesAndThreadsThatThereAreNot) {
  auto settings = sized<idl_context_settings>();
  idl_context* context = nullptr;
  settings.device = "gpu";
  expect_refused(idl_context_create_with(&settings, &context), "gpu");
  settings.device = "cpu";
  settings.threads = 257;
  expect_refused(idl_context_create_with(&settings, &context), "threads is 257");
  EXPECT_EQ(context, nullptr);
  settings.threads = 0;
  expect_refused(idl_context_create_with(&settings, nullptr), "context is a null pointer");
}

TEST(CApiVersion, IsThatOfTheHeader) {
  char text[32];
  std::snprintf(text, sizeof(text), "%d.%d.%d", IDL_VERSION_MAJOR, IDL_VERSION_MINOR,
                IDL_VERSION_PATCH);
  EXPECT_STREQ(idl_version(), text);
  EXPECT_EQ(idl_version_number(), IDL_VERSION_NUMBER);
}

TEST(CApiStructs, OfAnOlderVersionAreTakenAndOfALaterOneRefused) {
  auto settings = sized<idl_context_settings>();
  settings.device = "cpu";
  settings.threads = 9999;  // beyond the size that is told
  settings.struct_size = offsetof(idl_context_settings, stream);
  EXPECT_NE(context_with(&settings), nullptr);

  idl_context* context = nullptr;
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{12}}) {
    settings.struct_size = size;
    expect_refused(idl_context_create_with(&settings, &context),
                   "struct_size of idl_context_settings is " + std::to_string(size));
  }
  settings.struct_size = sizeof(settings) + 8;
  expect_refused(idl_context_create_with(&settings, &context),
                 "this library knows " + std::to_string(sizeof(settings)) + " bytes");
}

TEST(CApiStructs, AreFilledAsFarAsTheCallerKnowsThem) {
  const auto context = context_with(nullptr);
  idl_model* made = nullptr;
  ASSERT_EQ(idl_model_create(context.get(), IDL_FLOAT64, 5, 4, 3, "tanh", 0.9, 1, 1, &made),
            IDL_STATUS_OK);
  const Handle<idl_model> model(made);
  auto older = sized<idl_model_settings>();
  older.struct_size = offsetof(idl_model_settings, outputs);
  older.outputs = -7;
  ASSERT_EQ(idl_model_describe(model.get(), &older), IDL_STATUS_OK);
  EXPECT_EQ(older.struct_size, offsetof(idl_model_settings, outputs));
  EXPECT_EQ(older.inputs, 4);
  EXPECT_EQ(older.outputs, -7) << "beyond the caller's struct";
  older.struct_size = sizeof(older) + 8;
  expect_refused(idl_model_describe(model.get(), &older), "struct_size of idl_model_settings");
}

// A later member in what is padding today would be read from callers who never wrote it.
TEST(CApiStructs, HaveNoPaddingAtTheirEnds) {
  const auto ends = [](std::size_t offset, std::size_t size, std::size_t whole) {
    return offset + size == whole;
  };
  EXPECT_TRUE(
      ends(offsetof(idl_context_settings, every_solve_warning), 8, sizeof(idl_context_settings)));
  EXPECT_TRUE(ends(offsetof(idl_model_settings, rank), 8, sizeof(idl_model_settings)));
  EXPECT_TRUE(ends(offsetof(idl_matrix, right), 8, sizeof(idl_matrix)));
  EXPECT_TRUE(ends(offsetof(idl_sparsify_settings, seed), 8, sizeof(idl_sparsify_settings)));
  EXPECT_TRUE(ends(offsetof(idl_tensor, reserved), 4, sizeof(idl_tensor)));
  EXPECT_TRUE(ends(offsetof(idl_save_settings, step), 8, sizeof(idl_save_settings)));
  EXPECT_TRUE(ends(offsetof(idl_pass_settings, input_gradient), 4, sizeof(idl_pass_settings)));
  EXPECT_TRUE(ends(offsetof(idl_trainer_settings, frozen), 8, sizeof(idl_trainer_settings)));
  EXPECT_TRUE(ends(offsetof(idl_step_figures, not_converged), 8, sizeof(idl_step_figures)));
}

}  // namespace
}  // namespace idl::test
