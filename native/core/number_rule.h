// The range of a number that comes from outside. Options have the same ranges in TypeScript, which
// test/unit/memory/binding-ranges.test.ts compares.
#pragma once

#include <cmath>

namespace amorsize::core {

struct NumberRule {
  const char* name;  // of the option, or of what only the package itself hands over
  double least;
  double most;
  enum Kind { kAny, kWhole } kind = kAny;
  enum Extra { kNothing, kAlsoNaN, kNotLeast, kAlsoInfinity } extra = kNothing;

  bool allows(double value) const {
    const bool is_in_range = value >= least && value <= most && !(extra == kNotLeast && value == least) &&
                             !(kind == kWhole && std::floor(value) != value);
    return is_in_range || (extra == kAlsoNaN && std::isnan(value)) || (extra == kAlsoInfinity && value == HUGE_VAL);
  }
};

}  // namespace amorsize::core
