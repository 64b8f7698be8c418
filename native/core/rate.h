// What a rate is in integers: pure arithmetic between tokens per second and units per nanosecond.
// src/memory/shared/rate.ts computes the same; property tests compare every result.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/wide.h"

namespace amorsize::core {

inline constexpr int kMaxDigits = 6;
inline constexpr int kMinDigits = -6;
// The axis of units must last this long at full rate: 100 years.
inline constexpr double kHorizonSeconds = 3.15576e9;
// Accepted parameters; beyond them a unit would be coarser than 10^6 tokens.
inline constexpr double kMaxRate = 1e15;
inline constexpr double kMaxBurst = 1e15;
// A wait that never ends.
inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kMaxWaitNs = int64_t{1} << 62;

// Powers of ten by digits; negative ones only scale doubles. Padded so that four bits of a torn read stay inside.
inline constexpr double kPow10[16] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1,
                                      1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8, 1e9};
inline constexpr int64_t kIntPow10[17] = {1,
                                          10,
                                          100,
                                          1'000,
                                          10'000,
                                          100'000,
                                          1'000'000,
                                          10'000'000,
                                          100'000'000,
                                          1'000'000'000,
                                          10'000'000'000,
                                          100'000'000'000,
                                          1'000'000'000'000,
                                          10'000'000'000'000,
                                          100'000'000'000'000,
                                          1'000'000'000'000'000,
                                          10'000'000'000'000'000};
inline constexpr double pow10_of(int digits) { return kPow10[digits - kMinDigits]; }

// How many decimal digits of a token are counted: as many as let the axis last for the horizon and a burst be less than
// what `hot` has bits for, at most 6. Decimal, so that ten times 0.1 is exactly 1. `total` is what the axis holds
// already, in tokens.
inline int digits_for(double rate, double burst, double total) {
  const double need = rate * kHorizonSeconds + burst + total;
  int digits = kMaxDigits;
  while (digits > kMinDigits && (need * pow10_of(digits) >= 0x1p62 || burst * pow10_of(digits) > 0x1p50)) --digits;
  return digits;
}

// Units per nanosecond as multiplier / 2^shift, rounded up: too much by less than 1 part in 2^61.
//
// Why up: a rate of a whole number of units a second is n / 10^9 units per nanosecond, so what it has produced is never
// nearer below the next unit than 10^-9. As long as a slot has produced less than 2^31 units the excess is below 2^-30,
// and `produced_in` is exactly floor(elapsed * rate). Rounded down it would be one unit short at every whole unit. For
// other rates a unit may appear early by less than 2^-61 of the time the slot has been in force.
struct Rate {
  int64_t multiplier;  // 2^61 .. 2^62; 1 for rates so small that no time there is produces a unit
  unsigned shift;      // 61 .. 126
};
inline constexpr int64_t kExactUnits = int64_t{1} << 31;

// `amount` counted in 10^-digits: the nearest whole number if a double cannot tell the two apart (0.1 is one tenth,
// not the double just above it), else rounded as asked. At most 2^53.
enum class Rounding { kUp, kDown };
inline double count_of(double amount, int digits, Rounding rounding, bool* whole = nullptr) {
  const double exact = amount * pow10_of(digits);
  const double nearest = std::floor(exact + 0.5);
  const bool is_whole = nearest >= 1 && std::fabs(exact - nearest) <= nearest * 0x1p-50;
  if (whole != nullptr) *whole = is_whole;
  const double count = is_whole ? nearest : rounding == Rounding::kUp ? std::ceil(exact) : std::floor(exact);
  return count < 0x1p53 ? count : 0x1p53;
}

inline Rate rate_of(double tokens_per_second, int digits) {
  bool whole = false;
  const double units_per_second = count_of(tokens_per_second, digits, Rounding::kDown, &whole);
  // units per ns = units per second / 10^9 = tokens per second / 10^(9 - digits)
  const double dividend = whole ? units_per_second : tokens_per_second;
  const auto divisor = static_cast<uint64_t>(kIntPow10[whole ? 9 : 9 - digits]);
  int exponent = 0;
  const auto mantissa = static_cast<uint64_t>(std::ldexp(std::frexp(dividend, &exponent), 53));
  exponent -= 53;
  unsigned up = 62 - 53 + static_cast<unsigned>(std::bit_width(divisor));
  uint64_t quotient = 0;
  uint64_t remainder = 0;
  while (!shift_divide(mantissa, up, divisor, &quotient, &remainder) || quotient >= (uint64_t{1} << 62)) --up;
  const auto rounded_up = static_cast<int64_t>(quotient + (remainder != 0 ? 1 : 0));
  const int shift = static_cast<int>(up) - exponent;
  if (shift > 126) return {1, 126};
  return {rounded_up, static_cast<unsigned>(shift)};
}

// Units produced in `elapsed_ns` >= 0.
inline int64_t produced_in(const Rate& rate, int64_t elapsed_ns) {
  return static_cast<int64_t>(
      multiply_shift(static_cast<uint64_t>(elapsed_ns), static_cast<uint64_t>(rate.multiplier), rate.shift));
}

// The least number of nanoseconds that produces `units` > 0, or kNever.
inline int64_t time_to_produce(const Rate& rate, int64_t units) {
  // ceil(units * 2^shift / multiplier) in two steps, since the numerator can exceed 128 bits.
  const auto multiplier = static_cast<uint64_t>(rate.multiplier);
  const unsigned rest = rate.shift - 61;
  uint64_t whole = 0;
  uint64_t part = 0;
  uint64_t remainder = 0;
  if (!shift_divide(static_cast<uint64_t>(units), 61, multiplier, &whole, &remainder)) return kNever;
  // Of 63 and more none is little enough but 0.
  const unsigned shift = std::min(rest, 63U);
  if (whole > (static_cast<uint64_t>(kMaxWaitNs) >> shift)) return kNever;
  if (!shift_divide(remainder, rest, multiplier, &part, &remainder)) return kNever;
  const uint64_t total = (whole << shift) + part + (remainder != 0 ? 1 : 0);
  return total > static_cast<uint64_t>(kMaxWaitNs) ? kNever : static_cast<int64_t>(total);
}

// A cost in units, rounded up; at least one.
inline int64_t cost_units(double tokens, int digits) {
  // Most are whole and small: the same without the steps that fractions take.
  const auto whole = static_cast<int64_t>(tokens);
  if (static_cast<double>(whole) == tokens && whole > 0 && whole < int64_t{1} << 31 && digits >= 0)
    return whole * kIntPow10[digits];
  return static_cast<int64_t>(std::max(1.0, count_of(tokens, digits, Rounding::kUp)));
}

// A credit in units, rounded down.
inline int64_t credit_units(double tokens, int digits) {
  return static_cast<int64_t>(count_of(tokens, digits, Rounding::kDown));
}

// Units in tokens.
inline double tokens_in(int64_t units, int digits) {
  return digits >= 0 ? static_cast<double>(units) / pow10_of(digits) : static_cast<double>(units * kIntPow10[-digits]);
}

// The same amount counted with other digits; rounded down or up. Cut at kMaxUnits, beyond what an axis ever holds: a
// burst that was enormous, or the place of a reservation that was, can be more than that in the units of later, smaller
// parameters.
inline constexpr int64_t kMaxUnits = int64_t{1} << 62;
inline int64_t rescale_down(int64_t units, int from_digits, int to_digits) {
  if (to_digits >= from_digits) {
    const int64_t more = kIntPow10[to_digits - from_digits];
    const int64_t limit = kMaxUnits / more;
    return units > limit ? kMaxUnits : units < -limit ? -kMaxUnits : units * more;
  }
  const int64_t factor = kIntPow10[from_digits - to_digits];
  const int64_t quotient = units / factor;
  return quotient * factor > units ? quotient - 1 : quotient;
}
inline int64_t rescale_up(int64_t units, int from_digits, int to_digits) {
  const int64_t down = rescale_down(units, from_digits, to_digits);
  return to_digits < from_digits && down * kIntPow10[from_digits - to_digits] != units ? down + 1 : down;
}

}  // namespace amorsize::core
