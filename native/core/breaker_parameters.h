// What a circuit breaker goes by: what it was made with, or what came after that.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/layout.h"
#include "core/number_rule.h"

namespace amorsize::core {

enum class BreakerMode : int64_t { kConsecutive, kCalls, kTime };

struct BreakerParameters {
  double values[breaker_parameter::kCount];

  // What the breaker in these cells was made with.
  template <class W>
  static BreakerParameters read(const W* cell) {
    BreakerParameters parameters{};
    for (size_t i = 0; i < breaker_parameter::kCount; ++i) {
      // order: relaxed. Never change; ordered by the kind word.
      parameters.values[i] = std::bit_cast<double>(cell[breaker::kFirstParameter + i].load(std::memory_order_relaxed));
    }
    return parameters;
  }

  double operator[](size_t index) const { return values[index]; }
  bool operator==(const BreakerParameters&) const = default;
  BreakerMode mode() const { return static_cast<BreakerMode>(static_cast<int64_t>(values[breaker_parameter::kMode])); }
  int64_t size() const { return static_cast<int64_t>(values[breaker_parameter::kSize]); }
  int64_t minimum_calls() const { return static_cast<int64_t>(values[breaker_parameter::kMinimumCalls]); }
  int64_t success_threshold() const { return static_cast<int64_t>(values[breaker_parameter::kSuccessThreshold]); }

  // The range of parameter `index`, by the name of the option that it comes from.
  NumberRule rule_of(size_t index) const {
    constexpr auto kWhole = NumberRule::kWhole;
    constexpr auto kAny = NumberRule::kAny;
    constexpr auto kNotLeast = NumberRule::kNotLeast;
    constexpr auto kAlsoInfinity = NumberRule::kAlsoInfinity;
    namespace p = breaker_parameter;
    switch (index) {
      case p::kMode:
        return {"a breaker's mode", 0, 2, kWhole};
      case p::kSize:
        if (values[p::kMode] == 0) return {"failureThreshold", 1, kMaxCount, kWhole};
        if (values[p::kMode] == 1) return {"window.calls", 1, breaker::kMaxCalls, kWhole};
        return {"window.ms", 1, kMaxMs};
      case p::kFailureRate:
        return {"window.failureRate", kLeastShare, 1, kAny, kAlsoInfinity};
      case p::kSlowRate:
        return {"window.slowRate", kLeastShare, 1, kAny, kAlsoInfinity};
      case p::kSlowCallMs:
        return {"window.slowCallMs", 0, kMaxMs, kAny, kAlsoInfinity};
      case p::kMinimumCalls:
        return {"window.minimumCalls", 1, kMaxCount, kWhole};
      case p::kSuccessThreshold:
        return {"successThreshold", 1, breaker::kMaxProbes, kWhole};
      case p::kResetTimeoutMs:
        return {"resetTimeoutMs", 0, kMaxMs, kAny, kNotLeast};
      case p::kResetTimeoutFactor:
        return {"resetTimeoutFactor", 1, 1000};
      case p::kMaxResetTimeoutMs:
        return {"maxResetTimeoutMs", values[p::kResetTimeoutMs], kMaxMs};
      case p::kProbeLeaseMs:
        return {"probeLeaseMs", 0, kMaxMs, kAny, kNotLeast};
      default:
        return {"halfOpen.failureRate", 0, 1};
    }
  }

  // The first parameter that no breaker can be made with; kCount: there is none.
  size_t wrong() const {
    size_t index = 0;
    while (index < breaker_parameter::kCount && rule_of(index).allows(values[index])) ++index;
    return index;
  }

  // Whether a breaker can be made with these.
  bool valid() const { return wrong() == breaker_parameter::kCount; }

  // Whether a breaker that was made with `founding` can go by these, in the memory that it has.
  bool fits(const BreakerParameters& founding) const {
    return valid() && mode() == founding.mode() && success_threshold() <= founding.probe_places() &&
           (mode() != BreakerMode::kCalls || size() <= founding.size());
  }

  // How many probes there is room for.
  int64_t probe_places() const {
    constexpr auto kLine = static_cast<int64_t>(kWordsPerCell);
    return (success_threshold() + kLine - 1) / kLine * kLine;
  }

  // How many cells a valid breaker takes.
  size_t cells() const {
    const auto calls = static_cast<size_t>(size());
    const size_t window = mode() == BreakerMode::kCalls
                              ? 1 + (calls + breaker::kCallsPerWord - 1) / breaker::kCallsPerWord
                          : mode() == BreakerMode::kTime ? breaker::kSlices * breaker::kWordsPerSlice
                                                         : 0;
    return (first_window_word() + window + kWordsPerCell - 1) / kWordsPerCell;
  }

  size_t first_window_word() const { return breaker::kFirstProbe + static_cast<size_t>(probe_places()); }

  // How long a breaker stays open that has been opened `reopenings` times since it was last closed, beyond the first.
  double reset_timeout_ms(int64_t reopenings) const {
    double ms = values[breaker_parameter::kResetTimeoutMs];
    for (int64_t i = 0; i < reopenings && ms < values[breaker_parameter::kMaxResetTimeoutMs]; ++i)
      ms *= values[breaker_parameter::kResetTimeoutFactor];
    return std::min(ms, values[breaker_parameter::kMaxResetTimeoutMs]);
  }

  // More than three years, in which all times below keep far from any overflow.
  static constexpr double kMaxMs = 1e11;
  static constexpr double kMaxCount = 1e6;
  static constexpr double kLeastShare = std::numeric_limits<double>::denorm_min();
};

}  // namespace amorsize::core
