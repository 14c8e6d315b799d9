// SPDX-License-Identifier: MIT
#include "host/options/named_enums.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace idl::test {
namespace {

template <class E>
class NamedEnums : public testing::Test {};

using Enumerations = testing::Types<SolveStatus, Sweep, Acceleration, Precision, WellPosednessKind,
                                    LossKind, OptimizerKind, ScheduleKind>;
TYPED_TEST_SUITE(NamedEnums, Enumerations);

TYPED_TEST(NamedEnums, HaveAnotherNameForEachValueThatReadsBackAsThatValue) {
  const NamedEnum<TypeParam>& named = k_named<TypeParam>;
  std::set<std::string_view> seen;
  for (const auto& row : named.values) {
    EXPECT_TRUE(seen.insert(row.name).second) << row.name;
    EXPECT_EQ(to_string(row.value), row.name);
    EXPECT_EQ(named.parse(row.name), row.value);
    EXPECT_NE(named.explained_names().find(row.help), std::string::npos);
  }
  ASSERT_GE(seen.size(), 2U);
  // Values are numbered from 0: a table with a gap would have this one.
  const auto beyond = static_cast<TypeParam>(seen.size());
  EXPECT_EQ(named.find(beyond), nullptr);
  EXPECT_EQ(to_string(beyond), "unknown");
}

TYPED_TEST(NamedEnums, RefuseAnUnknownNameAndListTheKnownOnes) {
  const NamedEnum<TypeParam>& named = k_named<TypeParam>;
  for (const std::string wrong : {"", "Jacobi", "unknown", "none "}) {
    try {
      named.parse(wrong);
      FAIL() << wrong;
    } catch (const InvalidArgument& error) {
      EXPECT_EQ(std::string(error.what()), "unknown " + std::string(named.what) + " '" + wrong +
                                               "', known are: " + named.names());
    }
  }
}

TEST(NamedEnums, AreListedInOneLineWithAndWithoutTheirMeaning) {
  EXPECT_EQ(k_named<Sweep>.names(), "jacobi, gauss_seidel, automatic");
  EXPECT_EQ(k_named<Sweep>.explained_names(),
            "jacobi (Picard), gauss_seidel, automatic (what is faster here)");
  EXPECT_EQ(k_named<OptimizerKind>.explained_names(), "adam, adamw, sgd");
}

}  // namespace
}  // namespace idl::test
