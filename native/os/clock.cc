#include "os/clock.h"

#include <cmath>

#include "os/clock_system.h"

namespace amorsize::os {
namespace {

constexpr int64_t kWindowNs = 1'000'000;          // how long the counter is followed without asking the kernel
constexpr int64_t kLearnNs = 2'000'000;           // how long the frequency is learnt at least
constexpr int64_t kForgetNs = 3'600'000'000'000;  // learn anew after an hour, so that the baseline stays recent
constexpr int64_t kDisagreeNs = 1'000;            // a prediction off by more than this (or 1 in 10,000) is not trusted
constexpr int64_t kTightNs = 500;                 // both clocks were read within this time, so nothing came in between

}  // namespace

bool counter_is_trustworthy() {
  static const bool trusted = kernel_trusts_counter();
  return trusted;
}

int64_t FastClock::synchronize() {
  const int64_t before = monotonic_ns();
  if (!counter_is_trustworthy()) return before;
  const uint64_t ticks = read_counter();
  const int64_t now = monotonic_ns();
  if (now - before > kTightNs) {
    // Another thread had the processor meanwhile, so the two readings do not belong together.
    window_ticks_ = 0;
    return now;
  }
  if (window_ticks_ != 0) {
    const double predicted =
        static_cast<double>(ticks - anchor_ticks_) * static_cast<double>(ns_per_tick_q32_) * 0x1p-32;
    const auto passed = static_cast<double>(now - anchor_ns_);
    const bool agrees = std::fabs(predicted - passed) < static_cast<double>(kDisagreeNs) + passed * 1e-4;
    if (!agrees || now - base_ns_ > kForgetNs) base_ns_ = 0;
  }
  if (base_ns_ == 0) {
    base_ns_ = now;
    base_ticks_ = ticks;
    window_ticks_ = 0;
    return now;
  }
  const int64_t learnt_ns = now - base_ns_;
  if (learnt_ns < kLearnNs || ticks <= base_ticks_) return now;
  const double ns_per_tick = static_cast<double>(learnt_ns) / static_cast<double>(ticks - base_ticks_);
  // Outside 10 MHz .. 100 GHz this is no counter to follow.
  if (ns_per_tick < 0.01 || ns_per_tick > 100) {
    base_ns_ = 0;
    window_ticks_ = 0;
    return now;
  }
  ns_per_tick_q32_ = static_cast<uint64_t>(ns_per_tick * 0x1p32);
  window_ticks_ = static_cast<uint64_t>(static_cast<double>(kWindowNs) / ns_per_tick);
  anchor_ticks_ = ticks;
  anchor_ns_ = now;
  return now;
}

}  // namespace amorsize::os
