#include "os/futex.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <thread>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#endif

namespace amorsize::os {

#if defined(__linux__)

static_assert(std::endian::native == std::endian::little, "a futex is 32 bits wide: the first four bytes of a word are its low half");

namespace {

// Shared: without FUTEX_PRIVATE_FLAG the kernel finds sleepers by the page, so that other processes' mappings count.
const uint32_t* futex_of(const core::Word& word) { return reinterpret_cast<const uint32_t*>(&word); }

}  // namespace

void sleep_while(const core::Word& word, int64_t expected, int64_t timeout_ns) {
  if (timeout_ns <= 0) return;
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(timeout_ns / 1'000'000'000);
  timeout.tv_nsec = static_cast<long>(timeout_ns % 1'000'000'000);
  // Woken, timed out, interrupted by a signal, or the word had changed: the caller looks again in every case.
  syscall(SYS_futex, futex_of(word), FUTEX_WAIT, static_cast<uint32_t>(expected), &timeout, nullptr, 0);
}

void wake(const core::Word& word, int sleepers) { syscall(SYS_futex, futex_of(word), FUTEX_WAKE, sleepers, nullptr, nullptr, 0); }

#else

void sleep_while(const core::Word& word, int64_t expected, int64_t timeout_ns) {
  constexpr int64_t kSliceNs = 1'000'000;
  // order: acquire. Pairs with the release of whoever changed the word: what came before the change is visible after the sleep.
  const auto low = [&word] { return static_cast<uint32_t>(word.load(std::memory_order_acquire)); };
  if (timeout_ns > 0 && low() == static_cast<uint32_t>(expected)) std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(timeout_ns, kSliceNs)));
}

void wake(const core::Word&, int) {}

#endif

}  // namespace amorsize::os
