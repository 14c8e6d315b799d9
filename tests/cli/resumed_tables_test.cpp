// SPDX-License-Identifier: MIT
// Trainings on tables that go on: resumed, or from a model that is there.
#include "idl/model_description.hpp"
#include "tests/cli/tables_fixture.hpp"

namespace idl::test {
namespace {

TEST_F(Tables, ResumedTrainingsDecideAnewWhichEpochIsTheBestWhereATestSetIsNew) {
  const std::vector<std::string> flags = {"--label-column", "kind", "--standardise", "--epochs"};
  std::vector<std::string> first = flags;
  first.emplace_back("10");
  ASSERT_EQ(train("trees.csv", "run", first).status, 0);
  // Of these no model knows more than a third: they are never as many as were right before.
  folder_.file("strange.csv",
               "length,weight,zero,kind\n0,0,0,ash\n0,0,0,oak\n0,0,0,\"elm, young\"\n");
  const std::string best = read_text(folder_ / "run/best.safetensors");
  const ProgramResult resumed =
      run_program({"train", "--resume", "--out", path("run"), "--epochs", "11", "--test-data",
                   path("strange.csv"), "--device", "cpu"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_NE(resumed.err.find("a test set is new"), std::string::npos) << resumed.err;
  EXPECT_NE(read_text(folder_ / "run/best.safetensors"), best);
  EXPECT_EQ(read_text(folder_ / "run/best.safetensors"),
            read_text(folder_ / "run/last.safetensors"));
}

TEST_F(Tables, ResumedTrainingsEndWithTheSameBits) {
  const std::vector<std::string> flags = {"--target-columns", "price", "--standardise",
                                          "--validation", "0.2"};
  auto with_epochs = [&](const char* epochs) {
    std::vector<std::string> all = flags;
    all.insert(all.end(), {"--epochs", epochs});
    return all;
  };
  ASSERT_EQ(train("prices.csv", "whole", with_epochs("4")).status, 0);
  ASSERT_EQ(train("prices.csv", "longer", with_epochs("2")).status, 0);
  const std::vector<std::string> resume = {"train", "--resume",     "--epochs", "4",
                                           "--out", path("longer"), "--device", "cpu"};
  const std::string table = read_text(folder_ / "prices.csv");
  folder_.file("prices.csv", table.substr(0, table.rfind("\n", table.size() - 2)) + "\n9,9,9\n");
  expect_refusal(run_program(resume), {"other data"});
  folder_.file("prices.csv", table);
  const ProgramResult resumed = run_program(resume);
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  for (const char* name : {"last.safetensors", "best.safetensors"})
    EXPECT_EQ(read_text(folder_ / "whole" / name), read_text(folder_ / "longer" / name));
}

TEST_F(Tables, GoOnFromAModelWithItsNamesAndScalings) {
  ASSERT_EQ(
      train("trees.csv", "first", {"--label-column", "kind", "--standardise", "--epochs", "1"})
          .status,
      0);
  folder_.file("few.csv", "kind,zero,weight,length\noak,0,10,0\nash,0,-10,2\n");
  const ProgramResult second =
      train("few.csv", "second", {"--init", path("first/last.safetensors"), "--epochs", "1"});
  ASSERT_EQ(second.status, 0) << second.err;
  const auto data_of = [&](const char* run) {
    return examine_model(folder_ / run / "last.safetensors").description.data;
  };
  EXPECT_EQ(data_of("first"), data_of("second"));
  expect_refusal(
      train("few.csv", "third", {"--init", path("first/last.safetensors"), "--standardise"}),
      {"first/last.safetensors", "scaled"});
}

TEST_F(Tables, AreStandardisedAnewWhereTheModelBeforeWasNot) {
  ASSERT_EQ(train("trees.csv", "first", {"--label-column", "kind", "--epochs", "1"}).status, 0);
  const auto second = [&](const char* epochs) {
    return std::vector<std::string>{"--init", path("first/last.safetensors"), "--standardise",
                                    "--epochs", epochs};
  };
  ASSERT_EQ(train("trees.csv", "whole", second("3")).status, 0);
  ASSERT_EQ(train("trees.csv", "longer", second("1")).status, 0);
  const ProgramResult resumed = run_program(
      {"train", "--resume", "--epochs", "3", "--out", path("longer"), "--device", "cpu"});
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(read_text(folder_ / "whole/last.safetensors"),
            read_text(folder_ / "longer/last.safetensors"));
}

TEST_F(Tables, WhoseTargetsAreLargeAreResumedInDouble) {
  std::string text = "x,y\n";
  for (int k = 0; k < 40; ++k) text += std::to_string(k) + "," + std::to_string(k % 7) + "e20\n";
  folder_.file("large.csv", text);
  ASSERT_EQ(train("large.csv", "large",
                  {"--target-columns", "y", "--precision", "f64", "--epochs", "2", "--quiet"})
                .status,
            0);
  const ProgramResult resumed =
      run_program({"train", "--resume", "--out", path("large"), "--epochs", "3", "--quiet"});
  EXPECT_EQ(resumed.status, 0) << resumed.err;
}

}  // namespace
}  // namespace idl::test
