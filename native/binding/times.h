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

inline int64_t ns_from_ms(double ms) {
  const double ns = std::floor(ms * kNsPerMs + 0.5);
  return ns >= kMaxNs    ? static_cast<int64_t>(kMaxNs)
         : ns <= -kMaxNs ? -static_cast<int64_t>(kMaxNs)
                         : static_cast<int64_t>(ns);
}

// When a subject is founded that is to run on the time `ms`, NaN for the system's clock.
inline int64_t founding_ns(double ms) { return std::isnan(ms) ? os::monotonic_ns() : ns_from_ms(ms); }

inline int64_t wait_ns_from_ms(double ms) { return ms * kNsPerMs >= kMaxNs ? core::kNever - 1 : ns_from_ms(ms); }

inline double ms_from_wait(int64_t ns) {
  return ns == core::kNever ? std::numeric_limits<double>::infinity() : static_cast<double>(ns) / kNsPerMs;
}

}  // namespace amorsize::binding
