// SPDX-License-Identifier: MIT
#include "kernels/base/number_range.hpp"

#include <gtest/gtest.h>

#include <cstdint>

#include "host/options/validate.hpp"
#include "tests/host/device_test.hpp"

/// Which numbers from outside are taken, and with which words the others are refused.
namespace idl::test {
namespace {

constexpr double k_nan = std::numeric_limits<double>::quiet_NaN();
constexpr double k_infinity = std::numeric_limits<double>::infinity();

TEST(ParseNumber, TakesWholeNumbersOfBaseTenAndNothingElse) {
  EXPECT_EQ(parse_number<std::int64_t>("0"), 0);
  EXPECT_EQ(parse_number<std::int64_t>("-12"), -12);
  EXPECT_EQ(parse_number<std::int64_t>("9223372036854775807"), 9223372036854775807);
  EXPECT_EQ(parse_number<std::uint64_t>("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "-", "+1", "010", "-010", "00", "0x10", "1e3", "1.0", " 1", "1 ",
                           "1\n", "one", "9223372036854775808", "99999999999999999999"})
    EXPECT_EQ(parse_number<std::int64_t>(text), std::nullopt) << text;
  for (const char* text : {"-1", "18446744073709551616", "010"})
    EXPECT_EQ(parse_number<std::uint64_t>(text), std::nullopt) << text;
  EXPECT_EQ(parse_number<std::int32_t>("2147483648"), std::nullopt);
  EXPECT_EQ(parse_number<std::int64_t>(std::string_view("1\0", 2)), std::nullopt);
}

TEST(ParseNumber, TakesNumbersWithAFraction) {
  EXPECT_EQ(parse_number<double>("5e-3"), 5e-3);
  EXPECT_EQ(parse_number<double>("-0.1"), -0.1);
  EXPECT_EQ(parse_number<double>("7"), 7.0);
  for (const char* text : {"", "+1", "0x1p3", "1e999", "1e", "0.5x", " 1", "1,5"})
    EXPECT_EQ(parse_number<double>(text), std::nullopt) << text;
}

TEST(NumberRanges, HoldNoNumberThatIsNotFiniteAndRespectTheirEnds) {
  for (const NumberRange& range : {NumberRange{}, ranges::k_not_negative, ranges::k_kappa})
    for (const double bad : {k_nan, k_infinity, -k_infinity, 1e300})
      EXPECT_FALSE(contains(range, bad));
  EXPECT_TRUE(contains(ranges::k_not_negative, 0.0));
  EXPECT_FALSE(contains(ranges::k_not_negative, -1e-300));
  EXPECT_FALSE(contains(ranges::k_kappa, 0.0));
  EXPECT_FALSE(contains(ranges::k_kappa, 1.0));
  EXPECT_TRUE(contains(ranges::k_kappa, 0.5));
  EXPECT_TRUE(contains(ranges::k_decay, 0.0));
  EXPECT_FALSE(contains(ranges::k_decay, 1.0));
  EXPECT_TRUE(contains(ranges::k_share, 1.0));
  EXPECT_TRUE(contains(ranges::k_positive_count, std::numeric_limits<std::int64_t>::max()));
  EXPECT_FALSE(contains(ranges::k_positive_count, std::int64_t{0}));
}

TEST(NumberRanges, AreToldWithTheNameAndWhatWasGiven) {
  const auto refusal = [](std::string_view text, auto type, const NumberRange& range) {
    return text_of<InvalidArgument>(
        [&] { number_from_text<decltype(type)>("--flag", text, range); });
  };
  EXPECT_EQ(refusal("010", std::uint64_t{}, NumberRange{}),
            "--flag is '010', expected a whole number in [0, 18446744073709551615], in base ten");
  EXPECT_EQ(refusal("0", std::int32_t{}, ranges::k_positive_count),
            "--flag is '0', expected a whole number in [1, 2147483647], in base ten");
  EXPECT_EQ(refusal("nan", double{}, ranges::k_kappa),
            "--flag is 'nan', expected a number in (0, 1), in base ten");
  EXPECT_EQ(refusal("1", double{}, ranges::k_decay),
            "--flag is '1', expected a number in [0, 1), in base ten");
}

TEST(ParseDevice, NumbersGpusInBaseTen) {
  for (const char* text : {"cuda:010", "cuda:+1", "cuda:-1", "cuda:", "cuda:0x1", "cuda:1 ",
                           "cuda:99999999999999999999"})
    EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { parse_device(text); }), {text, "cuda:K"}));
}

/// Every number of an options struct, set to what it may not be.
template <class Options>
void expect_refused(const std::string& name, double Options::*member,
                    std::initializer_list<double> bad) {
  for (const double value : bad) {
    Options options;
    options.*member = value;
    EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { validate(options); }),
                      {name, " is " + number_text(value), "expected a number in"}));
  }
}

TEST(Validate, RefusesEveryOptionThatIsNotFiniteOrOutOfItsRange) {
  for (const auto member : {&OptimizerOptions::learning_rate, &OptimizerOptions::epsilon,
                            &OptimizerOptions::weight_decay})
    expect_refused("optimizer", member, {k_nan, k_infinity, -1.0, 1e300});
  expect_refused("learning_rate", &OptimizerOptions::learning_rate, {k_nan, -1.0});
  for (const auto member :
       {&OptimizerOptions::beta1, &OptimizerOptions::beta2, &OptimizerOptions::momentum})
    expect_refused("optimizer", member, {k_nan, k_infinity, -0.1, 1.0});
  expect_refused("gamma", &Schedule::gamma, {k_nan, k_infinity, -0.1, 1.5});
  expect_refused("floor", &Schedule::floor, {k_nan, k_infinity, -0.1, 1.5});
  EXPECT_NO_THROW(validate(OptimizerOptions{}));
  EXPECT_NO_THROW(validate(Schedule{}));
  EXPECT_NO_THROW(validate(SolverOptions{}));
  EXPECT_NO_THROW(validate(ModelOptions{}));
}

TEST(Validate, LooksAtAllThatATrainingIsTold) {
  const auto refusal = [](auto&& change) {
    TrainerOptions options;
    change(options);
    return text_of<InvalidArgument>([&] { validate(options); });
  };
  EXPECT_TRUE(holds(refusal([](auto& o) { o.epochs = -1; }), {"epochs is -1", "[0, "}));
  EXPECT_TRUE(holds(refusal([](auto& o) { o.batch_size = 0; }), {"batch_size is 0", "[1, "}));
  EXPECT_TRUE(holds(refusal([](auto& o) { o.checkpoint_interval = -5; }), {"interval is -5"}));
  EXPECT_TRUE(holds(refusal([](auto& o) { o.schedule.period = 0; }), {"period is 0"}));
  EXPECT_TRUE(holds(refusal([](auto& o) { o.optimizer.momentum = k_nan; }), {"momentum is nan"}));
  EXPECT_TRUE(holds(refusal([](auto& o) { o.solver.adjoint.relative = k_infinity; }),
                    {"adjoint.relative is inf"}));
}

TEST(Validate, RefusesAKappaOutOfRangeEvenWhereItIsNotUsed) {
  // A file of the model would hold it, and nobody could read that.
  const ModelOptions options{.well_posedness = {WellPosednessKind::none, k_nan}};
  EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { validate(options); }), {"kappa is nan"}));
}

TEST(Validate, NoLipschitzConstantIsKnownForASlopeThatIsNoNumber) {
  for (const Activation& activation : {Activation::leaky_relu(k_nan), Activation::elu(k_infinity)})
    EXPECT_TRUE(holds(text_of<InvalidArgument>([&] { (void)lipschitz_constant(activation); }),
                      {"alpha is " + number_text(activation.alpha)}));
}

}  // namespace
}  // namespace idl::test
