#include <time.h>

#include "os/clock.h"
#include "os/clock_system.h"

namespace amorsize::os {

// mach_continuous_time in nanoseconds: what libuv reads from 1.39 on, and with it `process.hrtime()`, by which
// src/internal/time/clock.ts puts `performance.now()` on this scale. CLOCK_MONOTONIC is another there: it follows
// adjustments of the time of day, in microseconds.
int64_t monotonic_ns() { return static_cast<int64_t>(clock_gettime_nsec_np(CLOCK_MONOTONIC_RAW)); }

bool kernel_trusts_counter() { return false; }

}  // namespace amorsize::os
