// SPDX-License-Identifier: MIT
#include "host/io/json_bytes.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "host/io/json_reader.hpp"

namespace idl::io {
namespace {

using Json = nlohmann::ordered_json;

TEST(JsonOfBytes, IsAStringWhereTheyAreUtf8) {
  for (const std::string text : {"", "/data/set", "caf\u00e9 \u20ac", "a \"b\"\n\\", "%E9"})
    EXPECT_EQ(json_of_bytes(text), Json(text));
}

TEST(JsonOfBytes, IsPercentEncodedWhereTheyAreNot) {
  EXPECT_EQ(json_of_bytes("/d/caf\xe9 100%").dump(), R"({"percent_encoded":"/d/caf%E9%20100%25"})");
}

TEST(JsonOfBytes, GivesEveryNameBackAsTextOfAFile) {
  std::string all;
  for (int byte = 1; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& name :
       {all, std::string("caf\xe9"), std::string("caf\xc3\xa9"), std::string("\xed\xb3\xa9"),
        std::string("\xff\xfe"), std::string("a\nb\"c\\"), std::string()}) {
    const auto json = parse_json<Json>(json_of_bytes(name).dump());
    ASSERT_TRUE(json.has_value());
    EXPECT_EQ(bytes_of_json(*json), name);
  }
}

TEST(BytesOfJson, RefusesWhatStandsForNoName) {
  for (const char* text : {"5", "null", "[]", "{}", R"("a\u0000b")", R"({"percent_encoded":5})",
                           R"({"percent_encoded":"a%00b"})", R"({"percent_encoded":"%"})",
                           R"({"percent_encoded":"%E"})", R"({"percent_encoded":"%G9"})",
                           R"({"percent_encoded":"%-1"})", R"({"percent_encoded":"a","more":"b"})"})
    EXPECT_EQ(bytes_of_json(Json::parse(text)), std::nullopt) << text;
}

TEST(ParseJson, RefusesANameThatAnObjectHasTwice) {
  EXPECT_FALSE(parse_json<Json>(R"({"a":1,"a":2})").has_value());
  EXPECT_FALSE(parse_json<Json>(R"({"b":[{"a":1},{"a":2,"c":{},"a":1}]})").has_value());
  EXPECT_EQ(parse_json<Json>(R"({"b":[{"a":1},{"a":{"a":2}}],"a":{}})").value().size(), 2U);
}

TEST(ParseJson, RefusesANulAndWhateverFollowsIt) {
  EXPECT_TRUE(parse_json<Json>("{} \n").has_value());
  EXPECT_FALSE(parse_json<Json>(std::string_view("{}\0", 3)).has_value());
  EXPECT_FALSE(parse_json<Json>(std::string_view("{}\0{", 4)).has_value());
  EXPECT_FALSE(parse_json<Json>("{} no JSON").has_value());
}

}  // namespace
}  // namespace idl::io
