// What the addon takes: the range of each kind of number, and what an error calls it.
#pragma once

#include <limits>

#include "core/adaptive_limit.h"
#include "core/keyed_terms.h"
#include "core/layout.h"
#include "core/number_rule.h"
#include "core/rate.h"

namespace amorsize::binding {

using core::NumberRule;

namespace rules {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr double kFinite = std::numeric_limits<double>::max();
// Whole numbers are exact as doubles up to here.
inline constexpr double kExact = 0x1p53;

inline constexpr NumberRule kTokens{"tokens", 0, core::kMaxBurst, NumberRule::kAny, NumberRule::kNotLeast};
inline constexpr NumberRule kTokensOrNone{"tokens", 0, kFinite};
inline constexpr NumberRule kRate{"requestsPerSecond", 0, core::kMaxRate, NumberRule::kAny, NumberRule::kNotLeast};
inline constexpr NumberRule kBurst{"burstSize", 1, core::kMaxBurst};
// Of a change: NaN keeps what is in force.
inline constexpr NumberRule kNewRate{"requestsPerSecond", std::numeric_limits<double>::denorm_min(), core::kMaxRate,
                                     NumberRule::kAny, NumberRule::kAlsoNaN};
inline constexpr NumberRule kNewBurst{"burstSize", 1, core::kMaxBurst, NumberRule::kAny, NumberRule::kAlsoNaN};
inline constexpr NumberRule kCapacity{"capacity", 1, static_cast<double>(core::kMaxCapacity), NumberRule::kWhole};
inline constexpr NumberRule kTime{"a time", -kInfinity, kInfinity, NumberRule::kAny, NumberRule::kAlsoNaN};
inline constexpr NumberRule kMaxWaitMs{"maxWaitMs", 0, kInfinity};
inline constexpr NumberRule kPauseMs{"ms", 0, kFinite};
// A pause of no time takes no key's slot.
inline constexpr NumberRule kKeyPauseMs{"ms", 0, kFinite, NumberRule::kAny, NumberRule::kNotLeast};
inline constexpr NumberRule kMs{"a time", -kExact, kExact};
inline constexpr NumberRule kAmount{"an amount", -kInfinity, kInfinity};
inline constexpr NumberRule kCount{"a count", 0, kExact, NumberRule::kWhole};

// Of an axis: its generations, its places, which may be told from a base of their own, and stretches of it. Sums of two
// of these stay far from any overflow.
inline constexpr double kFarthest = 0x1p61;
inline constexpr NumberRule kGeneration{"a generation", -kExact, kExact, NumberRule::kWhole};
inline constexpr NumberRule kBase{"a base", -kFarthest, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kPlace{"a place", -kFarthest, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kUnits{"units", 1, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kUnitsOrNone{"units", 0, kFarthest, NumberRule::kWhole};
inline constexpr NumberRule kReach{"a reach", 0, kFarthest, NumberRule::kWhole};
// What a row of waiting callers tells of itself.
inline constexpr NumberRule kTold{"a place or a size", -kExact, kExact, NumberRule::kWhole};

inline constexpr NumberRule kWindowMs{"windowMs", 0, static_cast<double>(core::window::kMostMs), NumberRule::kAny,
                                      NumberRule::kNotLeast};
inline constexpr NumberRule kBlockMs{"ms", 0, static_cast<double>(core::window::kMostMs), NumberRule::kAny,
                                     NumberRule::kNotLeast};
inline constexpr NumberRule kHits{"n", 1, static_cast<double>(core::window::kMostCount), NumberRule::kWhole};
// The highest stands for no limit, which is no number for who uses windows.
inline constexpr NumberRule kHitLimit{"max", 0, static_cast<double>(core::window::kMostCount), NumberRule::kWhole};
inline constexpr NumberRule kExtend{"extend", 0, 2, NumberRule::kWhole};

inline constexpr NumberRule kRows{"rows", 1, core::semaphore::kMostRows, NumberRule::kWhole};
inline constexpr NumberRule kPlaces{"places", 1, core::semaphore::kMostPlaces, NumberRule::kWhole};
inline constexpr NumberRule kPermits{"maxConcurrent", 1, core::semaphore::kMostPermits, NumberRule::kWhole};
inline constexpr NumberRule kQueue{"maxQueue", -1, kExact - 1, NumberRule::kWhole};
inline constexpr NumberRule kAdaptivePermits{"max", 1, core::adaptive::kMostLimit, NumberRule::kWhole};
inline constexpr NumberRule kLeast{"min", 0, core::adaptive::kMostLimit, NumberRule::kWhole};
// Of a change: NaN keeps what is in force.
inline constexpr NumberRule kNewPermits{"maxConcurrent", 1, core::semaphore::kMostPermits, NumberRule::kWhole,
                                        NumberRule::kAlsoNaN};
inline constexpr NumberRule kNewAdaptivePermits{"max", 1, core::adaptive::kMostLimit, NumberRule::kWhole,
                                                NumberRule::kAlsoNaN};
inline constexpr NumberRule kNewQueue{"maxQueue", -1, kExact - 1, NumberRule::kWhole, NumberRule::kAlsoNaN};
inline constexpr NumberRule kNewLeast{"min", 1, core::adaptive::kMostLimit, NumberRule::kWhole, NumberRule::kAlsoNaN};
inline constexpr NumberRule kDoorbell{"a doorbell's number", 0, 0xFFFF'FFFF, NumberRule::kWhole};

inline constexpr NumberRule kRatio{"ratio", 0, 1e3};
inline constexpr NumberRule kRetriesPerSecond{"minPerSecond", 0, 1e9};
inline constexpr NumberRule kTtl{"ttlMs", 1, 86'400'000};

inline constexpr NumberRule kBreakerState{"a breaker's state", 0, 3, NumberRule::kWhole};
inline constexpr NumberRule kCallResult{"a call's result", 0, 2, NumberRule::kWhole};

}  // namespace rules

}  // namespace amorsize::binding
