// SPDX-License-Identifier: MIT
// Tables as files: what is read of them, and what is refused where.
#include <gtest/gtest.h>

#include <cmath>

#include "host/cli/class_names.hpp"
#include "host/cli/csv_rows.hpp"
#include "host/cli/prediction_csv.hpp"
#include "host/cli/table.hpp"
#include "tests/io/files.hpp"

namespace idl::test {
namespace {

using cli::Table;
using cli::TableFlags;
using cli::TableUse;

class Csv : public testing::Test {
 protected:
  Table read(const std::string& text, const TableFlags& flags, const DataFormat& known = {},
             TableUse use = TableUse::answers_wanted) {
    return cli::read_table(folder_.file("t.csv", text).string(), flags, known, use);
  }
  static TableFlags labels(const std::string& column) { return {.label_column = column}; }
  static TableFlags targets(const std::string& columns) { return {.target_columns = columns}; }
  static std::vector<double> values(const Table& table) {
    return std::get<std::vector<double>>(table.values);
  }
  template <class Error = IoError>
  void refuse(const std::string& text, const TableFlags& flags,
              std::initializer_list<std::string> parts, const DataFormat& known = {}) {
    expect_error<Error>([&] { read(text, flags, known); }, parts);
  }

  TemporaryFolder folder_;
};

TEST_F(Csv, FindsSeparatorAndHeader) {
  for (const std::string separator : {",", ";", "\t"}) {
    const auto joined = [&](const std::string& text) {
      std::string line = text;
      for (std::size_t at = line.find('|'); at != std::string::npos; at = line.find('|'))
        line.replace(at, 1, separator);
      return line;
    };
    const Table named = read(joined("a|b|kind\r\n1|2.5|x\r\n-3e2|+4|y z\r\n"), labels("kind"));
    EXPECT_EQ(named.features, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(named.label, "kind");
    EXPECT_EQ(values(named), (std::vector<double>{1, 2.5, -300, 4}));
    EXPECT_EQ(named.labels, (std::vector<std::string>{"x", "y z"}));
    const Table bare = read(joined("1|x|2\n3|y|4"), labels("2"));
    EXPECT_TRUE(bare.features.empty());
    EXPECT_EQ(bare.rows, 2);
    EXPECT_EQ(values(bare), (std::vector<double>{1, 2, 3, 4}));
  }
  EXPECT_EQ(values(read("+1,x\n+2,y\n", labels("2"))), (std::vector<double>{1, 2}));
  refuse("nan,x\n1,y\n", labels("2"), {"line 1, column 1", "'nan' is no finite number"});
  TableFlags numbered = labels("9");
  numbered.header = "yes";
  EXPECT_EQ(read("7,8,9\n1,2,x\n", numbered).label, "9");
  numbered.header = "perhaps";
  refuse<InvalidArgument>("1,2\n", numbered, {"--header is perhaps"});
}

TEST_F(Csv, TakesQuotedFieldsBlankLinesAndAByteOrderMark) {
  const Table table =
      read("\xEF\xBB\xBF\"the; value\",\"kind\"\n\n 1 ,\"say \"\"a,b\"\"\nagain\"\n2,c\n",
           labels("kind"));
  EXPECT_EQ(table.features, (std::vector<std::string>{"the; value"}));
  EXPECT_EQ(table.labels, (std::vector<std::string>{"say \"a,b\"\nagain", "c"}));
  EXPECT_EQ(table.lines, (std::vector<std::int64_t>{3, 5}));
}

TEST_F(Csv, TellsLineAndColumnOfWhatIsNoNumber) {
  const std::string head = "age,size,y\n1,2,3\n";
  const TableFlags flags = targets("y");
  refuse(head + "1,,3\n", flags, {"t.csv", "line 3, column 2 ('size')", "missing"});
  refuse(head + "1,NA,3\n", flags, {"line 3, column 2", "missing ('NA')"});
  refuse(head + "\n1,2,many\n", flags, {"line 4, column 3 ('y')", "'many' is no number"});
  refuse(head + "1,nan,3\n", flags, {"line 3, column 2", "'nan' is no finite number"});
  refuse(head + "1,2,-inf\n", flags, {"line 3, column 3", "'-inf' is no finite"});
  refuse("a;y\n1,5;2\n", flags, {"line 2, column 1 ('a')", "decimal comma"});
  refuse(head + "1,2\n", flags, {"line 3 has 2 fields", "3"});
  refuse(head + "1,2,3,4\n", flags, {"line 3 has 4 fields"});
  refuse("1,2,3\n4,x,6\n", targets("3"), {"line 2, column 2: 'x'"});
  refuse("a,k\n1,\n", labels("k"), {"line 2, column 2 ('k')", "missing"});
  refuse(head + "+-1,2,3\n", flags, {"line 3, column 1", "'+-1' is no number"});
  refuse(head + "1e400,2,3\n", flags, {"line 3, column 1", "'1e400' is no finite number"});
  EXPECT_EQ(values(read(head + "1e-400,+2,3\n", flags)), (std::vector<double>{1, 2, 0, 2}));
}

TEST_F(Csv, TellsWhereANameIsNotUtf8) {
  refuse("y,a\nok,1\ncaf\xE9,2\n", labels("y"), {"t.csv", "line 3, column 1", "not UTF-8"});
  refuse(
      "y,gr\xF6\xDF"
      "e\nok,1\n",
      labels("y"), {"line 1, column 2", "not UTF-8"});
}

TEST_F(Csv, RefusesFilesThatAreNoTables) {
  refuse("", labels("1"), {"no samples"});
  refuse("a,b\n", labels("b"), {"no samples"});
  refuse("a,a,b\n1,2,3\n", labels("b"), {"two columns named 'a'"});
  refuse("a,b\n1,\"x\"y\n", labels("b"), {"line 2", "quote"});
  refuse("a,b\n1,\"x\n2,y\n", labels("b"), {"quote", "began on line 2"});
  refuse(std::string("a\0,\0b\0", 6), labels("b"), {"UTF-16"});
  refuse("\x1F\x8B\x08\x01", labels("b"), {"compressed by gzip"});
  expect_error<IoError>([] { cli::read_table("/nowhere.csv", {}, {}, TableUse::inputs_only); },
                        {"/nowhere.csv"});
}

TEST_F(Csv, RefusesColumnsThatAreNotThereOrHaveTwoUses) {
  const std::string text = "a,b,c\n1,2,3\n";
  refuse<InvalidArgument>(text, labels("d"), {"--label-column names 'd'", "'a', 'b', 'c'"});
  refuse<InvalidArgument>(text, labels("4"), {"'4'"});
  refuse<InvalidArgument>("1,2\n", labels("a"), {"2 columns without names", "--header yes"});
  refuse<InvalidArgument>(text, targets("b,b"), {"column 2 ('b')", "another use"});
  refuse<InvalidArgument>(text, targets("a, b ,c"), {"no column that is a feature"});
  refuse<InvalidArgument>(text, {}, {"--label-column", "--target-columns"});
  TableFlags both = labels("a");
  both.target_columns = "b";
  refuse<InvalidArgument>(text, both, {"classification", "regression"});
  TableFlags ignoring = labels("c");
  ignoring.ignore_columns = "1";
  EXPECT_EQ(read(text, ignoring).features, (std::vector<std::string>{"b"}));
}

TEST_F(Csv, FindsTheColumnsThatAModelKnowsByTheirNames) {
  const DataFormat known = {
      .features = {"a", "b"}, .label = "kind", .classes = {"x", "y"}, .targets = {}};
  const std::string text = "kind,b,a\ny,2,1\n";
  const Table table = read(text, {}, known);
  EXPECT_EQ(values(table), (std::vector<double>{1, 2}));
  EXPECT_EQ(cli::number_labels(table, known.classes), (std::vector<std::int32_t>{1}));
  // Where only inputs are asked for, the label may be anything, or not there.
  EXPECT_EQ(values(read("kind,b,a\n,2,1\n", {}, known, TableUse::inputs_only)),
            (std::vector<double>{1, 2}));
  EXPECT_EQ(values(read("b,a\n2,1\n", {}, known, TableUse::inputs_only)),
            (std::vector<double>{1, 2}));
  refuse<InvalidArgument>("kind,a\ny,1\n", {}, {"lacks 1 of the 2 columns", "'b'"}, known);
  refuse<InvalidArgument>("kind,a,b,id\ny,1,2,3\n", {}, {"'id'", "--ignore-columns"}, known);
}

TEST_F(Csv, PutsTargetsInTheOrderOfTheModelThatKnowsThem) {
  const DataFormat known = {.features = {}, .label = {}, .classes = {}, .targets = {"u", "v"}};
  const std::string text = "v,a,u\n1,2,3\n";
  for (const char* said : {"u,v", "v,u", "1,3", "3,1"})
    EXPECT_EQ(read(text, targets(said), known).targets, (std::vector<double>{3, 1})) << said;
  EXPECT_EQ(read(text, targets("v,u")).targets, (std::vector<double>{1, 3}));
  // Where the model knows none of the names, they are the user's to say.
  EXPECT_EQ(read("v2,a,u2\n1,2,3\n", targets("v2,u2"), known).targets, (std::vector<double>{1, 3}));
  refuse<InvalidArgument>(text, targets("u,a"), {"--target-columns names 'u', 'a'", "'u', 'v'"},
                          known);
}

TEST_F(Csv, NumbersClassesBySizeOrByName) {
  EXPECT_EQ(cli::find_classes(read("1,10\n1,9\n1,-1\n1,9\n", labels("2"))),
            (std::vector<std::string>{"-1", "9", "10"}));
  const Table names = read("a,k\n1,b\n1,a\n1,10\n", labels("k"));
  EXPECT_EQ(cli::find_classes(names), (std::vector<std::string>{"10", "a", "b"}));
  expect_error<InvalidArgument>(
      [&] {
        cli::number_labels(names, {"a", "b"});
      },
      {"line 4", "'10'", "'a', 'b'"});
  const Table one = read("a,k\n1,b\n1,b\n", labels("k"));
  expect_error<InvalidArgument>([&] { cli::find_classes(one); }, {"all 2 labels are 'b'"});
  const Table measured = read("a,k\n1,2\n1,0.5\n", labels("k"));
  expect_error<InvalidArgument>([&] { cli::find_classes(measured); },
                                {"line 3", "0.5", "whole", "--target-columns"});
}

TEST_F(Csv, ReadsArraysWithLabelsOrTargets) {
  const auto write = [&](const char* name, std::vector<std::int64_t> shape,
                         const std::vector<double>& numbers) {
    io::write_npy(folder_ / name, io::Array::from<double>(std::move(shape), numbers));
    return (folder_ / name).string();
  };
  const std::string X = write("X.npy", {2, 2}, {1, 2, 3, 4});
  const std::string y = write("y.npy", {2}, {7, -1});
  const auto arrays = [&](const TableFlags& flags) {
    return cli::read_table(X, flags, {}, TableUse::answers_wanted);
  };
  const auto refused = [&](const TableFlags& flags, std::initializer_list<std::string> parts) {
    expect_error<InvalidArgument>([&] { arrays(flags); }, parts);
  };
  EXPECT_EQ(arrays({.labels = y}).labels, (std::vector<std::string>{"7", "-1"}));
  EXPECT_EQ(arrays({.targets = y}).targets, (std::vector<double>{7, -1}));
  refused({.labels = write("half.npy", {2}, {1, 0.5})}, {"half.npy", "label 1 is 0.5", "whole"});
  refused({.labels = write("nan.npy", {2}, {1, NAN})}, {"label 1 is nan"});
  refused({.labels = write("more.npy", {3}, {1, 2, 3})}, {"3 samples", "are 2"});
  refused({.labels = write("wide.npy", {2, 2}, {1, 2, 3, 4})}, {"2 labels for each sample"});
  refused({}, {"--labels", "--targets"});
  refused({.labels = y, .targets = y}, {"--labels is for classification", "both"});
  refused({.labels = y, .label_column = "1"}, {"CSV files"});
  expect_error<IoError>(
      [&] {
        arrays({.targets = write("inf.npy", {2}, {1, INFINITY})});
      },
      {"inf.npy", "sample 1, target 0 is inf"});
  const std::string bad = write("bad.npy", {2, 2}, {1, 2, NAN, 4});
  expect_error<IoError>([&] { cli::read_table(bad, {.labels = y}, {}, TableUse::answers_wanted); },
                        {"bad.npy", "sample 1, feature 0 is nan"});
}

TEST_F(Csv, PredictionsAreWrittenSoThatTheyAreReadAgain) {
  const std::vector<double> Y = {1, 2, 0.1, -3, NAN, 5};
  const DataFormat classes = {
      .features = {}, .label = "the, kind", .classes = {"a \"b\"", "c"}, .targets = {}};
  EXPECT_EQ(cli::prediction_csv<double>(classes, Y, 2),
            "\"the, kind\"\nc\n\"a \"\"b\"\"\"\n\"\"\n");
  const DataFormat targets = {.features = {}, .label = {}, .classes = {}, .targets = {"u", "v"}};
  EXPECT_EQ(cli::prediction_csv<double>(targets, Y, 2), "u,v\n1,2\n0.1,-3\nnan,5\n");
  EXPECT_EQ(cli::prediction_csv<double>({}, std::span(Y).first(2), 2), "output 0,output 1\n1,2\n");
}

}  // namespace
}  // namespace idl::test
