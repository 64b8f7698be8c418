// What a thread does after it has lost a swap to another.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#elif defined(__x86_64__)
#include <immintrin.h>
#endif

namespace amorsize::core {

// Leaves the cache line to the other thread for a moment: back at once, each would take it from the other after every
// swap, and moving it takes longer than several decisions. On this path only.
class Backoff {
 public:
  void lost() {
    for (int64_t i = pauses(); i > 0; --i) pause();
    if (ns_ < kMostNs) ns_ *= 2;
  }

  // How many instructions the next moment takes.
  int64_t pauses() const {
    // order: relaxed. A number that any of its values will do for.
    return ns_ * pauses_per_us_.load(std::memory_order_relaxed) / 1000;
  }

  // Learns by `now_ns`, a clock, how long a pause takes, as processors differ by a factor of ten. Takes some
  // microseconds; the shortest of several counts, as the system may have had the thread wait.
  template <class Clock>
  static void calibrate(Clock now_ns) {
    constexpr int64_t kPauses = 64;
    int64_t least_ns = kPauses * 1000;
    for (int round = 0; round < 4; ++round) {
      const int64_t from_ns = now_ns();
      for (int64_t i = 0; i < kPauses; ++i) pause();
      least_ns = std::min(least_ns, now_ns() - from_ns);
    }
    // A clock that stood still, or a processor without a pause, leaves the bounds of what there is.
    const int64_t per_us = std::clamp<int64_t>(kPauses * 1000 / std::max<int64_t>(least_ns, 1), 1, 1000);
    // order: relaxed. As above.
    pauses_per_us_.store(per_us, std::memory_order_relaxed);
  }

 private:
  static constexpr int64_t kLeastNs = 1000;
  static constexpr int64_t kMostNs = 4000;

  static void pause() {
#if defined(_MSC_VER) && !defined(__clang__) && defined(_M_X64)
    _mm_pause();
#elif defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    asm volatile("isb");  // `yield` is over in a cycle or two
#endif
  }

  // Until it is calibrated: a pause of 23 ns.
  static inline std::atomic<int64_t> pauses_per_us_{44};

  int64_t ns_ = kLeastNs;
};

// How often an operation begins anew. Without the backoff one thread can lose a thousand times in a row: whoever holds
// the cache line makes several swaps while the other fetches it.
class Attempts {
 public:
  explicit Attempts(int most) : left_(most) {}

  // Whether there is another attempt; after the first one, a moment later.
  bool next() {
    if (left_ <= 0) return false;
    --left_;
    if (has_begun_) backoff_.lost();
    has_begun_ = true;
    return true;
  }

 private:
  int left_;
  bool has_begun_ = false;
  Backoff backoff_;
};

}  // namespace amorsize::core
