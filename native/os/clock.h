// Monotonic time in nanoseconds, the same scale in every thread and process of the machine.
#pragma once

#include <cstdint>

#if defined(__x86_64__) || defined(_M_X64)
#if defined(_MSC_VER)
#include <intrin.h>
#else
#include <x86intrin.h>
#endif
#endif

namespace amorsize::os {

// The kernel's monotonic clock, the one that libuv reads: CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW on macOS, or
// QueryPerformanceCounter on Windows.
int64_t monotonic_ns();

// Whether the processor's counter may stand in for the kernel's clock: the counter is invariant and the kernel itself
// runs its clock on it. Decided once per process; false on every system where that cannot be established.
bool counter_is_trustworthy();

// The processor's counter; 0 where there is none we know.
inline uint64_t read_counter() {
#if defined(__x86_64__) || defined(_M_X64)
  return __rdtsc();
#elif defined(__aarch64__) && !defined(_MSC_VER)
  uint64_t value;
  asm volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#else
  return 0;
#endif
}

// A clock for one thread: reads the processor's counter and asks the kernel once a millisecond, which keeps it within
// nanoseconds of the kernel's clock at a third of the cost. It learns the counter's frequency from the kernel in its
// first milliseconds, during which it is simply the kernel's clock; if the two disagree later (a virtual machine that
// was moved, a counter that was written) it starts to learn anew. May step back by a few nanoseconds when it
// re-anchors.
//
// Not thread-safe: one object a thread.
class FastClock {
 public:
  int64_t now_ns() {
    const uint64_t elapsed = read_counter() - anchor_ticks_;
    if (elapsed < window_ticks_) [[likely]]
      return anchor_ns_ + static_cast<int64_t>((elapsed * ns_per_tick_q32_) >> 32);
    return synchronize();
  }

 private:
  int64_t synchronize();

  uint64_t anchor_ticks_ = 0;
  uint64_t window_ticks_ = 0;  // 0: always ask the kernel
  uint64_t ns_per_tick_q32_ = 0;
  int64_t anchor_ns_ = 0;
  // Where learning began.
  uint64_t base_ticks_ = 0;
  int64_t base_ns_ = 0;
};

}  // namespace amorsize::os
