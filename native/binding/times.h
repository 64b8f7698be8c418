// Times as JavaScript gives them, in ms, as the core wants them.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include "core/rate.h"
#include "os/clock.h"

namespace amorsize::binding {

inline constexpr double kNsPerMs = 1e6;
// Times and waits beyond 73 years are cut there, far from any overflow.
inline constexpr double kMaxNs = 0x1p61;

// The same as src/memory/shared/rate.ts:nsFromMs.
inline int64_t ns_from_ms(double ms) {
  const double ns = std::floor(ms * kNsPerMs + 0.5);
  if (std::abs(ns) < 0x1p53) return static_cast<int64_t>(ns);
  if (ns >= kMaxNs) return static_cast<int64_t>(kMaxNs);
  if (ns <= -kMaxNs) return -static_cast<int64_t>(kMaxNs);
  // Times of a wall clock: as one number they would be off by 256 ns, and a window of 100 ms would not be over after
  // 100 ms.
  const double whole = std::floor(ms);
  return static_cast<int64_t>(whole) * 1'000'000 + static_cast<int64_t>(std::floor((ms - whole) * kNsPerMs + 0.5));
}

// When a subject is founded that is to run on the time `ms`, NaN for the system's clock.
inline int64_t founding_ns(double ms) { return std::isnan(ms) ? os::monotonic_ns() : ns_from_ms(ms); }

inline int64_t wait_ns_from_ms(double ms) { return ms * kNsPerMs >= kMaxNs ? core::kNever - 1 : ns_from_ms(ms); }

inline double ms_from_wait(int64_t ns) {
  return ns == core::kNever ? std::numeric_limits<double>::infinity() : static_cast<double>(ns) / kNsPerMs;
}

}  // namespace amorsize::binding
