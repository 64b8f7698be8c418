// What the addon takes: the range of each kind of number, and what an error says of it.
#pragma once

#include <cmath>
#include <limits>

#include "core/adaptive_limit.h"
#include "core/keyed_terms.h"
#include "core/layout.h"
#include "core/rate.h"

namespace amorsize::binding {

struct NumberRule {
  const char* demand;  // ends the error's message
  double least;
  double most;
  enum Kind { kAny, kWhole } kind = kAny;
  enum Extra { kNothing, kAlsoNaN, kNotLeast } extra = kNothing;

  bool allows(double value) const {
    const bool is_in_range = value >= least && value <= most && !(extra == kNotLeast && value == least) &&
                             !(kind == kWhole && std::floor(value) != value);
    return is_in_range || (extra == kAlsoNaN && std::isnan(value));
  }
};

namespace rules {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Whole numbers are exact as doubles up to here.
inline constexpr double kExact = 0x1p53;

inline constexpr NumberRule kTokens{"tokens must be > 0 and at most 1e15", 0, core::kMaxBurst, NumberRule::kAny,
                                    NumberRule::kNotLeast};
inline constexpr NumberRule kTokensOrNone{"tokens must be >= 0", 0, kInfinity};
inline constexpr NumberRule kRate{"a rate must be > 0 and at most 1e15", 0, core::kMaxRate, NumberRule::kAny,
                                  NumberRule::kNotLeast};
inline constexpr NumberRule kBurst{"a burst must be >= 1 and at most 1e15", 1, core::kMaxBurst};
// Of a change: NaN keeps what is in force.
inline constexpr NumberRule kNewRate{"a rate must be > 0 and at most 1e15, or NaN",
                                     std::numeric_limits<double>::denorm_min(), core::kMaxRate, NumberRule::kAny,
                                     NumberRule::kAlsoNaN};
inline constexpr NumberRule kNewBurst{"a burst must be >= 1 and at most 1e15, or NaN", 1, core::kMaxBurst,
                                      NumberRule::kAny, NumberRule::kAlsoNaN};
inline constexpr NumberRule kCapacity{"a capacity must be a whole number from 1 to 1e8", 1,
                                      static_cast<double>(core::kMaxCapacity), NumberRule::kWhole};
inline constexpr NumberRule kTime{"a time must be a number of ms, or NaN for the system's clock", -kInfinity, kInfinity,
                                  NumberRule::kAny, NumberRule::kAlsoNaN};
inline constexpr NumberRule kDuration{"a duration must be >= 0 ms", 0, kInfinity};
inline constexpr NumberRule kPause{"a pause must be > 0 ms", 0, kInfinity, NumberRule::kAny, NumberRule::kNotLeast};
inline constexpr NumberRule kMs{"a time must be a number of ms", -kExact, kExact};
inline constexpr NumberRule kAmount{"a number was expected", -kInfinity, kInfinity};
inline constexpr NumberRule kCount{"a count must be a whole number from 0 to 2^53", 0, kExact, NumberRule::kWhole};

// Of an axis: its generations, its places, which may be told from a base of their own, and stretches of it. Sums of two
// of these stay far from any overflow.
inline constexpr double kFarthest = 0x1p61;
inline constexpr NumberRule kGeneration{"a generation must be a whole number", -kExact, kExact, NumberRule::kWhole};
inline constexpr NumberRule kBase{"a base must be a whole number", -kFarthest, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kPlace{"a place must be a whole number", -kFarthest, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kUnits{"units must be a whole number >= 1", 1, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kUnitsOrNone{"units must be a whole number >= 0", 0, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kReach{"a reach must be a whole number >= 0", 0, kFarthest, NumberRule::kWhole};
// What a row of waiting callers tells of itself.
inline constexpr NumberRule kTold{"a place or a size must be a whole number", -kExact, kExact, NumberRule::kWhole};

inline constexpr NumberRule kWindowMs{"a window must last from 0 ms to its longest", 0,
                                      static_cast<double>(core::window::kMostMs)};
inline constexpr NumberRule kHits{"hits must be >= 1", 1, static_cast<double>(core::window::kMostCount)};
inline constexpr NumberRule kHitLimit{"a limit must be >= 0", 0, static_cast<double>(core::window::kMostCount)};
inline constexpr NumberRule kExtend{"extend must be 0, 1 or 2", 0, 2, NumberRule::kWhole};

inline constexpr NumberRule kRows{"rows must be a whole number from 1 on", 1, core::semaphore::kMostRows,
                                  NumberRule::kWhole};
inline constexpr NumberRule kPlaces{"places must be a whole number from 1 on", 1, core::semaphore::kMostPlaces,
                                    NumberRule::kWhole};
inline constexpr NumberRule kPermits{"maxConcurrent must be a whole number from 1 on", 1, core::semaphore::kMostPermits,
                                     NumberRule::kWhole};
inline constexpr NumberRule kQueue{"maxQueue must be a whole number, or -1 for no bound", -1, kExact,
                                   NumberRule::kWhole};
inline constexpr NumberRule kLeast{"the least limit must be a whole number", 0, core::adaptive::kMostLimit,
                                   NumberRule::kWhole};
// Of a change: NaN keeps what is in force.
inline constexpr NumberRule kNewPermits{"maxConcurrent must be a whole number from 1 on, or NaN", 1,
                                        core::semaphore::kMostPermits, NumberRule::kWhole, NumberRule::kAlsoNaN};
inline constexpr NumberRule kNewQueue{"maxQueue must be a whole number, or -1 for no bound, or NaN", -1, kExact,
                                      NumberRule::kWhole, NumberRule::kAlsoNaN};
inline constexpr NumberRule kNewLeast{"the least limit must be a whole number from 1 on, or NaN", 1,
                                      core::adaptive::kMostLimit, NumberRule::kWhole, NumberRule::kAlsoNaN};
inline constexpr NumberRule kDoorbell{"a doorbell's number was expected", 0, 0xFFFF'FFFF, NumberRule::kWhole};

inline constexpr NumberRule kRatio{"a ratio must be from 0 to 1000", 0, 1e3};
inline constexpr NumberRule kRetriesPerSecond{"retries per second must be >= 0", 0, kInfinity};
inline constexpr NumberRule kTtl{"a budget's time must be from 1 to 1e9 ms", 1, 1e9};

inline constexpr NumberRule kBreakerState{"a breaker's state must be a whole number from 0 to 5", 0, 5,
                                          NumberRule::kWhole};
inline constexpr NumberRule kCallResult{"a call's result must be 0, 1 or 2", 0, 2, NumberRule::kWhole};
inline constexpr NumberRule kThread{"a thread's number was expected", -0x1p31, 0x1p31 - 1, NumberRule::kWhole};

}  // namespace rules

}  // namespace amorsize::binding
