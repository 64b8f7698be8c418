// What a circuit breaker goes by: what it was made with, or what came after that.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

#include "core/layout.h"

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

  // Whether a breaker can be made with these.
  bool valid() const {
    namespace p = breaker_parameter;
    const auto whole = [this](size_t index, double max) {
      return values[index] >= 1 && values[index] <= max && std::floor(values[index]) == values[index];
    };
    const auto ms = [this](size_t index) { return values[index] > 0 && values[index] <= kMaxMs; };
    const bool size_ok = values[p::kMode] == 0 ? whole(p::kSize, kMaxCount)
                         : values[p::kMode] == 1
                             ? whole(p::kSize, breaker::kMaxCalls)
                             : values[p::kMode] == 2 && values[p::kSize] >= 1 && values[p::kSize] <= kMaxMs;
    return size_ok && values[p::kFailureRate] > 0 && values[p::kSlowRate] > 0 && values[p::kSlowCallMs] >= 0 &&
           whole(p::kMinimumCalls, kMaxCount) && whole(p::kSuccessThreshold, breaker::kMaxProbes) &&
           ms(p::kResetTimeoutMs) && values[p::kResetTimeoutFactor] >= 1 && values[p::kResetTimeoutFactor] <= kMaxMs &&
           ms(p::kMaxResetTimeoutMs) && ms(p::kProbeLeaseMs) && values[p::kProbeFailureRate] >= 0 &&
           values[p::kProbeFailureRate] <= 1;
  }

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
};

}  // namespace amorsize::core
