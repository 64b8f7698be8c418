#include <time.h>

#include "os/clock.h"
#include "os/clock_system.h"

namespace amorsize::os {

int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

bool kernel_trusts_counter() { return false; }

}  // namespace amorsize::os
