#include <time.h>

#include <cstdio>
#include <cstring>

#include "os/clock.h"
#include "os/clock_system.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace amorsize::os {
namespace {

// How the kernel calls the counter that `read_counter` reads; null where that may not run at a constant rate.
const char* counter_name() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  // CPUID 8000_0007H, EDX bit 8: the counter runs at a constant rate in every power state.
  return __get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx) != 0 && (edx & (1u << 8)) != 0 ? "tsc" : nullptr;
#elif defined(__aarch64__)
  return "arch_sys_counter";
#else
  return nullptr;
#endif
}

}  // namespace

int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

bool kernel_trusts_counter() {
  const char* const wanted = counter_name();
  if (wanted == nullptr) return false;
  // The kernel compares its clock sources and abandons a counter that drifts or differs between processors.
  std::FILE* file = std::fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "re");
  if (file == nullptr) return false;
  char name[32] = {};
  const bool read = std::fgets(name, sizeof name, file) != nullptr;
  std::fclose(file);
  if (!read) return false;
  name[std::strcspn(name, "\n")] = '\0';
  return std::strcmp(name, wanted) == 0;
}

}  // namespace amorsize::os
