// SPDX-License-Identifier: MIT
// Which numbers in a table are classes, and which ones no float can hold.
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "idl/io.hpp"
#include "tests/cli/program.hpp"

namespace idl::test {
namespace {

class TableNumbers : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ProgramResult train(const std::string& table, const std::string& out,
                      const std::vector<std::string>& more) const {
    std::vector<std::string> arguments = {"train",   "--data",   path(table), "--out",
                                          path(out), "--device", "cpu",       "--hidden",
                                          "4",       "--batch",  "16"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }

  TemporaryFolder folder_;
};

TEST_F(TableNumbers, WholeNumbersWithAPointAreClassesToo) {
  std::string text = "a,b,kind\n";
  for (int k = 0; k < 12; ++k)
    text += std::to_string(k % 2) + ",1," + (k % 2 == 0 ? "1.0" : k % 3 == 0 ? "2" : "2.0") + "\n";
  folder_.file("floats.csv", text);
  const ProgramResult trained =
      train("floats.csv", "run", {"--label-column", "kind", "--epochs", "1"});
  EXPECT_EQ(trained.status, 0) << trained.err;
  const ProgramResult halves = [&] {
    folder_.file("halves.csv", text + "1,1,2.5\n");
    return train("halves.csv", "other", {"--label-column", "kind", "--epochs", "1"});
  }();
  EXPECT_EQ(halves.status, 2);
  EXPECT_NE(halves.err.find("the label on line 14 is 2.5"), std::string::npos) << halves.err;
  const nlohmann::json info = nlohmann::json::parse(
      run_program({"info", "--model", path("run/best.safetensors"), "--json"}).out);
  EXPECT_NE(info.dump().find(R"("classes":["1","2"])"), std::string::npos) << info.dump();
}

TEST_F(TableNumbers, WholeNumbersOfAnySizeAreClasses) {
  constexpr std::int64_t k_large = std::int64_t(1) << 53;
  std::vector<std::int64_t> y;
  for (std::int64_t k = 0; k < 12; ++k) y.push_back(k_large + k % 3);
  y.back() = std::numeric_limits<std::int64_t>::max();
  io::write_npy(folder_ / "y.npy", io::Array::from<std::int64_t>({12}, y));
  io::write_npy(folder_ / "X.npy", io::Array::from<float>({12, 2}, std::vector<float>(24, 0.5F)));
  const ProgramResult trained =
      train("X.npy", "large", {"--labels", path("y.npy"), "--epochs", "1"});
  EXPECT_EQ(trained.status, 0) << trained.err;
  EXPECT_NE(trained.out.find("'9007199254740992', '9007199254740993', '9007199254740994', "
                             "'9223372036854775807'"),
            std::string::npos)
      << trained.out;
  std::string text = "a,kind\n";
  for (int k = 0; k < 8; ++k)
    text += std::to_string(k) + (k % 2 == 0 ? ",007\n" : ",99999999999999999999\n");
  folder_.file("agents.csv", text);
  const ProgramResult named =
      train("agents.csv", "agents", {"--label-column", "kind", "--epochs", "1"});
  EXPECT_EQ(named.status, 0) << named.err;
}

TEST_F(TableNumbers, NumbersThatFloat32CannotHoldAreNamed) {
  folder_.file("large.csv", "a,b,kind\n1,2,u\n3,1e39,v\n4,5,u\n");
  const ProgramResult single = train("large.csv", "single", {"--label-column", "kind"});
  EXPECT_EQ(single.status, 1);
  EXPECT_NE(single.err.find("its feature 1 is 1e+39, which float32 cannot hold"), std::string::npos)
      << single.err;
  EXPECT_EQ(single.err.find("learning rate"), std::string::npos) << single.err;
}

}  // namespace
}  // namespace idl::test
