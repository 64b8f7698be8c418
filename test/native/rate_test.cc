// rate.h against exact arithmetic.
#include "core/rate.h"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "check.h"

namespace amorsize::test {
namespace {

__extension__ using int128 = __int128;
constexpr int64_t kSecond = 1'000'000'000;

// The last nanosecond at which a slot with this many units a second is sure to be exact.
int64_t exact_until(int64_t units_per_second) {
  return static_cast<int64_t>((static_cast<int128>(core::kExactUnits) * kSecond - 1) / units_per_second);
}

int128 exact_units(int64_t units_per_second, int64_t elapsed_ns) {
  return static_cast<int128>(units_per_second) * elapsed_ns / kSecond;
}

void expect_exact(int64_t units_per_second, int64_t elapsed_ns, const core::Rate& rate) {
  EXPECT_EQ(core::produced_in(rate, elapsed_ns), static_cast<int64_t>(exact_units(units_per_second, elapsed_ns)));
}

// A rate as people write it: some digits and a power of ten.
std::vector<std::pair<double, int64_t>> decimal_rates(int digits) {
  std::vector<std::pair<double, int64_t>> rates;
  std::mt19937_64 random(1);
  for (int places = 0; places <= 6; ++places) {
    for (int i = 0; i < 200; ++i) {
      const auto count = static_cast<int64_t>(random() % 1'000'000 + 1);
      const double tokens = static_cast<double>(count) / static_cast<double>(core::kIntPow10[places]);
      if (digits < places) continue;
      rates.emplace_back(tokens, count * core::kIntPow10[digits - places]);
    }
  }
  return rates;
}

TEST("rate: production of every decimal rate is exact to the unit up to the rebase limit") {
  std::mt19937_64 random(2);
  for (int digits = 0; digits <= core::kMaxDigits; ++digits) {
    for (const auto& [tokens, units] : decimal_rates(digits)) {
      if (tokens * core::kHorizonSeconds * core::pow10_of(digits) >= 0x1p62) continue;
      const core::Rate rate = core::rate_of(tokens, digits);
      const int64_t limit = exact_until(units);
      for (int i = 0; i < 20; ++i) {
        // Around whole units is where rounding shows, so look there: the first nanosecond of a unit, and the one
        // before.
        const auto unit = static_cast<int64_t>(random() % static_cast<uint64_t>(core::kExactUnits - 1) + 1);
        const auto due = static_cast<int64_t>((static_cast<int128>(unit) * kSecond + units - 1) / units);
        if (due > limit) continue;
        for (const int64_t elapsed : {due - 1, due, due + 1}) expect_exact(units, elapsed, rate);
        EXPECT_EQ(core::time_to_produce(rate, unit), due);
      }
      for (const int64_t elapsed : {int64_t{0}, int64_t{1}, limit - 1, limit}) expect_exact(units, elapsed, rate);
    }
  }
}

TEST("rate: whole seconds produce whole rates at any age") {
  for (const double tokens : {1.0, 0.1, 3.0, 7.0, 1000.0, 999.999}) {
    const core::Rate rate = core::rate_of(tokens, 6);
    const auto units = static_cast<int64_t>(std::llround(tokens * 1e6));
    for (const int64_t seconds : {int64_t{1}, int64_t{86'400}, int64_t{31'557'600}, int64_t{31'557'600} * 50}) {
      const int64_t produced = core::produced_in(rate, seconds * kSecond);
      // Rounded up, by less than 1 part in 2^61: never a unit short, and at most one early.
      const int128 exact = static_cast<int128>(units) * seconds;
      CHECK(produced >= exact && produced <= exact + 1);
    }
  }
}

TEST("rate: the time to produce is the least that does") {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> exponent(-6, 15);
  for (int i = 0; i < 200'000; ++i) {
    const double tokens = std::pow(10.0, exponent(random));
    const core::Rate rate = core::rate_of(tokens, core::digits_for(tokens, 1, 0));
    const auto units = static_cast<int64_t>(random() >> (1 + random() % 62)) + 1;
    const int64_t time = core::time_to_produce(rate, units);
    if (time == core::kNever) continue;
    CHECK(core::produced_in(rate, time) >= units);
    CHECK(core::produced_in(rate, time - 1) < units);
  }
}

TEST("rate: rates of any size are within their last bit, and never too slow") {
  std::mt19937_64 random(4);
  std::uniform_real_distribution<double> exponent(-6, 9);
  for (int i = 0; i < 50'000; ++i) {
    const double tokens = std::pow(10.0, exponent(random));
    const int digits = core::digits_for(tokens, 1, 0);
    const core::Rate rate = core::rate_of(tokens, digits);
    CHECK(rate.multiplier >= int64_t{1} << 61 && rate.multiplier <= int64_t{1} << 62);
    CHECK(rate.shift >= 61 && rate.shift <= 126);
    const long double exact = static_cast<long double>(tokens) * core::pow10_of(digits) / 1e9L;
    const long double got = std::ldexp(static_cast<long double>(rate.multiplier), -static_cast<int>(rate.shift));
    CHECK(std::fabs(got - exact) <= exact * 0x1p-49L);
  }
}

TEST("rate: the smallest and the largest rate neither overflow nor stop") {
  for (const double tokens : {5e-324, 1e-300, 1e-18, 1e-6, 1e9, 1e12, core::kMaxRate}) {
    for (const double burst : {1.0, 1.5, 1e9, core::kMaxBurst}) {
      const int digits = core::digits_for(tokens, burst, 0);
      CHECK(digits >= core::kMinDigits && digits <= core::kMaxDigits);
      const core::Rate rate = core::rate_of(tokens, digits);
      CHECK(rate.multiplier >= 1 && rate.shift >= 61 && rate.shift <= 126);
      const int64_t century = static_cast<int64_t>(core::kHorizonSeconds) * kSecond;
      const int64_t produced = core::produced_in(rate, century);
      CHECK(produced >= 0);
      const double expected = tokens * core::kHorizonSeconds * core::pow10_of(digits);
      CHECK(std::fabs(static_cast<double>(produced) - expected) <= expected * 1e-12 + 1);
      CHECK(core::time_to_produce(rate, 1) >= 1);
    }
  }
  // A unit at 10^-6 tokens takes longer than any time there is, by far, where a rate has fewer bits.
  for (const double tokens : {5e-324, 1e-300, 1e-25, 1e-18, 2e-17}) {
    const core::Rate rate = core::rate_of(tokens, 6);
    EXPECT_EQ(core::produced_in(rate, std::numeric_limits<int64_t>::max()), int64_t{0});
    for (const int64_t units : {int64_t{1}, int64_t{1000}, core::kMaxUnits})
      EXPECT_EQ(core::time_to_produce(rate, units), core::kNever);
  }
  // One unit in 2^62 ns, the longest wait there is; a little less, and it is none.
  const double slowest = 1e9 / 0x1p62 / 1e6;
  EXPECT_EQ(core::time_to_produce(core::rate_of(slowest, 6), 1), core::kMaxWaitNs);
  EXPECT_EQ(core::time_to_produce(core::rate_of(slowest * (1 - 0x1p-40), 6), 1), core::kNever);
  EXPECT_EQ(core::time_to_produce(core::rate_of(1e-6, 6), 1), kSecond);
}

TEST("rate: as many digits as last a hundred years") {
  EXPECT_EQ(core::digits_for(1, 1, 0), 6);
  EXPECT_EQ(core::digits_for(1400, 10, 0), 6);
  EXPECT_EQ(core::digits_for(1500, 10, 0), 5);
  EXPECT_EQ(core::digits_for(1e6, 1, 0), 3);
  EXPECT_EQ(core::digits_for(1e9, 1, 0), 0);
  EXPECT_EQ(core::digits_for(1, 1e15, 0), 0);
  EXPECT_EQ(core::digits_for(core::kMaxRate, core::kMaxBurst, 0), -6);
  // What the axis holds already counts.
  EXPECT_EQ(core::digits_for(1, 1, 4e12), 6);
  EXPECT_EQ(core::digits_for(1, 1, 5e12), 5);
}

TEST("rate: decimals are the numbers as written") {
  EXPECT_EQ(core::cost_units(0.1, 6), 100'000);
  EXPECT_EQ(core::cost_units(0.1 + 0.2, 6), 300'000);
  EXPECT_EQ(core::cost_units(0.7 * 3, 6), 2'100'000);
  EXPECT_EQ(core::credit_units(0.3, 6), 300'000);
  EXPECT_EQ(core::credit_units(1.1 * 3, 6), 3'300'000);
  for (int i = 1; i <= 1'000'000; ++i) {
    if (core::cost_units(i / 1e6, 6) == i && core::credit_units(i / 1e6, 6) == i) continue;
    fail(__FILE__, __LINE__, "not as written: " + std::to_string(i) + "e-6");
  }
}

TEST("rate: whole costs are as many units as those that are not quite whole") {
  for (int digits = core::kMinDigits; digits <= core::kMaxDigits; ++digits) {
    for (const double whole : {1.0, 2.0, 1000.0, 0x1p31 - 1, 0x1p31, 0x1p31 + 1}) {
      const double nearly = std::nextafter(whole, 0);
      EXPECT_EQ(core::cost_units(whole, digits), core::cost_units(nearly, digits));
    }
  }
  EXPECT_EQ(core::cost_units(3, 6), 3'000'000);
  EXPECT_EQ(core::cost_units(0x1p31 - 1, 6), 2'147'483'647'000'000);
  EXPECT_EQ(core::cost_units(3, -1), 1);
}

TEST("rate: costs round up to a unit, credits round down") {
  EXPECT_EQ(core::cost_units(1.0 / 3, 6), 333'334);
  EXPECT_EQ(core::credit_units(1.0 / 3, 6), 333'333);
  EXPECT_EQ(core::cost_units(1e-9, 6), 1);
  EXPECT_EQ(core::cost_units(5e-324, 6), 1);
  EXPECT_EQ(core::credit_units(1e-9, 6), 0);
  EXPECT_EQ(core::cost_units(1.5, 0), 2);
  EXPECT_EQ(core::credit_units(1.5, 0), 1);
  EXPECT_EQ(core::cost_units(1, -6), 1);
}

TEST("rate: other digits round down or up, also below zero") {
  EXPECT_EQ(core::rescale_down(7, 0, 3), 7'000);
  EXPECT_EQ(core::rescale_down(7'999, 3, 0), 7);
  EXPECT_EQ(core::rescale_up(7'001, 3, 0), 8);
  EXPECT_EQ(core::rescale_up(7'000, 3, 0), 7);
  EXPECT_EQ(core::rescale_down(-7'001, 3, 0), -8);
  EXPECT_EQ(core::rescale_up(-7'999, 3, 0), -7);
  EXPECT_EQ(core::rescale_up(-7, 0, 3), -7'000);
  EXPECT_EQ(core::rescale_up(7, 3, 3), 7);
  // What is just not cut is exact.
  const int64_t most = core::kMaxUnits / 1000;
  EXPECT_EQ(core::rescale_down(most, 0, 3), most * 1000);
  EXPECT_EQ(core::rescale_down(-most, 0, 3), -most * 1000);
  EXPECT_EQ(core::rescale_down(most + 1, 0, 3), core::kMaxUnits);
  EXPECT_EQ(core::rescale_down(-most - 1, 0, 3), -core::kMaxUnits);
}

TEST("wide: division tells when the quotient does not fit") {
  uint64_t quotient = 0;
  uint64_t remainder = 0;
  CHECK(core::shift_divide(10, 0, 3, &quotient, &remainder));
  EXPECT_EQ(quotient, uint64_t{3});
  EXPECT_EQ(remainder, uint64_t{1});
  CHECK(core::shift_divide(1, 65, 16, &quotient, &remainder));
  EXPECT_EQ(quotient, uint64_t{1} << 61);
  CHECK(!core::shift_divide(1, 63, 1, &quotient, &remainder));
  CHECK(core::shift_divide(1, 62, 1, &quotient, &remainder));
  CHECK(!core::shift_divide(~uint64_t{0}, 65, ~uint64_t{0}, &quotient, &remainder));
  EXPECT_EQ(core::multiply_shift(~uint64_t{0}, ~uint64_t{0}, 127), uint64_t{1});
}

}  // namespace
}  // namespace amorsize::test
