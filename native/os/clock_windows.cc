#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "os/clock.h"
#include "os/clock_system.h"

namespace amorsize::os {

int64_t monotonic_ns() {
  LARGE_INTEGER frequency, counter;
  QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&counter);
  const int64_t seconds = counter.QuadPart / frequency.QuadPart;
  const int64_t rest = counter.QuadPart % frequency.QuadPart;
  return seconds * 1'000'000'000 + rest * 1'000'000'000 / frequency.QuadPart;
}

bool kernel_trusts_counter() { return false; }

}  // namespace amorsize::os
