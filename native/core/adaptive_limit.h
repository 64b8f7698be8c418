// How many calls may run at once so that they take hardly longer than when few run: a limit that follows the mean time
// of the calls. `LimitState` is the rule, pure arithmetic; `AdaptiveLimit` feeds it from shared words.
//
// The rule. The mean time of a window of 100 ms is compared with `base`, the mean time when few calls run: as long as
// it is below 1.5 x base the limit grows by its square root, else it shrinks in proportion. The base follows the mean
// while less than half of the limit is in use, and otherwise only downwards; so that it does not stay too low when
// calls have become slower, or too high when it was learnt under load, every 10 to 100 busy windows half of the limit
// is tried for two windows (a dip), and what calls take then corrects it.
//
// Source: the gradient of Netflix' concurrency-limits, the dips of Envoy's adaptive concurrency filter, made short.
//
// Every operation is lock-free and may run in any thread or process at the same time as any other.
// src/memory/semaphore/adaptive-limit.ts does the same on the same words.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>

#include "core/layout.h"

namespace amorsize::core {

// What a window has seen.
struct LatencyWindow {
  int64_t calls;  // that ended
  int64_t us;     // that they took, together
  int64_t most;   // permits in use
  int64_t drops;  // calls that were cut off
};

// Between which a limit may be, least <= most. They may change while it is in use.
struct LimitBounds {
  uint32_t least;
  uint32_t most;
};

// The parts of the word `limit`.
struct LimitState {
  double limit;       // calls at once, with a fraction
  double base_us;     // what a call takes when few run; 0: not known yet
  uint32_t dip;       // windows that are left of a dip
  uint32_t patience;  // how long until the next dip, as an index
  uint32_t busy;      // busy windows since the last dip

  static constexpr double kFirstLimit = 16;
  static constexpr double kTolerance = 1.5;
  static constexpr double kDrop = 0.9;
  static constexpr double kDipDepth = 0.5;
  static constexpr uint32_t kDipWindows = 2;
  static constexpr uint32_t kFirstPatience = 10;
  static constexpr uint32_t kMostPatience = 100;
  static constexpr uint32_t kLastPatience = 4;  // 10, 20, 40, 80, 100

  static LimitState first(LimitBounds bounds) {
    return {std::clamp<double>(kFirstLimit, bounds.least, bounds.most), 0, 0, 0, 0};
  }

  static LimitState of_word(int64_t word) {
    const auto bits = [word](int shift, int count) {
      return static_cast<uint32_t>(static_cast<uint64_t>(word) >> shift & ((uint64_t{1} << count) - 1));
    };
    return {static_cast<double>(bits(adaptive::kLimitShift, 64 - adaptive::kLimitShift)) /
                (1 << adaptive::kLimitFractionBits),
            static_cast<double>(bits(adaptive::kBaseShift, adaptive::kBaseBits)),
            bits(adaptive::kDipShift, adaptive::kDipBits), bits(adaptive::kPatienceShift, adaptive::kPatienceBits),
            bits(0, adaptive::kPatienceShift)};
  }

  int64_t word() const {
    return rounded(limit * (1 << adaptive::kLimitFractionBits)) << adaptive::kLimitShift |
           std::clamp<int64_t>(rounded(base_us), 0, adaptive::kMostUs) << adaptive::kBaseShift |
           int64_t{dip} << adaptive::kDipShift | int64_t{patience} << adaptive::kPatienceShift | int64_t{busy};
  }

  // The same between other bounds. What was scribbled over the word does no harm either.
  LimitState within(LimitBounds bounds) const {
    LimitState next = *this;
    next.limit = std::clamp<double>(limit, bounds.least, bounds.most);
    return next;
  }

  // How many may be in use now.
  uint32_t in_force(LimitBounds bounds) const {
    const LimitState now = within(bounds);
    return static_cast<uint32_t>(dip > 0 ? std::fmax(bounds.least, now.limit * kDipDepth) : now.limit);
  }

  // The state after a window, in which the limit was within bounds.
  LimitState after(const LatencyWindow& window, LimitBounds bounds) const {
    const double mean = window.calls > 0 ? static_cast<double>(window.us) / static_cast<double>(window.calls) : 0;
    LimitState next = *this;
    if (dip > 0) return --next.dip > 0 ? next : next.after_dip(mean, bounds);
    const bool is_idle = static_cast<double>(window.most) * 2 < limit;
    if (window.calls > 0) {
      if (base_us == 0)
        next.base_us = std::fmax(mean, 1);
      else if (is_idle || mean < base_us)
        next.base_us += (mean - base_us) / 8;
    }
    if (window.drops > 0) {
      next.limit = std::fmax(bounds.least, limit * kDrop);
      return next;
    }
    // The limit is not what holds anybody back.
    if (is_idle || window.calls == 0) return next;
    const double gradient = std::clamp(kTolerance * next.base_us / std::fmax(mean, 1), 0.5, 1.0);
    const double room = std::sqrt(limit) / (gradient == 1 ? 1 : 2);
    const double target = limit * gradient + room;
    next.limit = std::clamp<double>(limit + (target - limit) / 4, bounds.least, bounds.most);
    if (++next.busy >= std::min(kFirstPatience << patience, kMostPatience)) {
      next.dip = kDipWindows;
      next.busy = 0;
    }
    return next;
  }

 private:
  static int64_t rounded(double value) { return static_cast<int64_t>(std::floor(value + 0.5)); }

  // A dip is over, and calls took `mean` in it: 0 if none ended.
  LimitState after_dip(double mean, LimitBounds bounds) const {
    LimitState next = *this;
    // Half as many were much faster: too many ran before, and a look is due soon again.
    const bool was_too_much = mean > 0 && mean < 0.8 * base_us;
    next.patience = was_too_much ? 0 : std::min(patience + 1, kLastPatience);
    if (was_too_much) next.limit = std::fmax(bounds.least, limit * kDipDepth * 1.5);
    if (mean > 0) next.base_us = std::fmax(mean > base_us ? base_us + (mean - base_us) / 2 : mean, 1);
    return next;
  }
};

// The words in which threads measure, and the limit that follows from it.
template <class W = Word>
class AdaptiveLimit {
 public:
  static constexpr int64_t kWindowMs = 100;
  static constexpr int64_t kFewestCalls = 10;

  // `limit`: the word; `line`: the words of `adaptive`.
  AdaptiveLimit(W* limit, W* line, LimitBounds bounds) : limit_(limit), line_(line), bounds_(bounds) {}

  // Into memory no other thread can see yet.
  void initialize() { limit_->store(LimitState::first(bounds_).word(), std::memory_order_relaxed); }

  // order: relaxed, all here. The words are numbers by themselves: what a sum and a peak of different windows tell
  // together is a little off, and the next window tells better.
  LimitState state() const { return LimitState::of_word(limit_->load(std::memory_order_relaxed)); }
  uint32_t in_force() const { return state().in_force(bounds_); }

  // A call has ended after `us`, when `in_use` permits were in use. Returns whether that has moved the limit.
  bool add(int64_t now_ms, int64_t us, int64_t in_use) {
    const int64_t sample = std::clamp<int64_t>(us, 0, adaptive::kMostUs);
    line_[adaptive::kSum].fetch_add((int64_t{1} << adaptive::kSumCountShift) + sample, std::memory_order_relaxed);
    int64_t peak = line_[adaptive::kPeak].load(std::memory_order_relaxed);
    while (in_use > most_of(peak)) {
      const int64_t higher = drops_of(peak) << adaptive::kDropsShift | in_use;
      if (line_[adaptive::kPeak].compare_exchange_weak(peak, higher, std::memory_order_relaxed,
                                                       std::memory_order_relaxed))
        break;
    }
    return close_if_over(now_ms);
  }

  // A call was cut off by a time limit.
  bool drop(int64_t now_ms) {
    line_[adaptive::kPeak].fetch_add(int64_t{1} << adaptive::kDropsShift, std::memory_order_relaxed);
    return close_if_over(now_ms);
  }

  // What a window is closed by, in two steps that a test stops between.
  struct Closing {
    int64_t before;  // the limit's word as it was when the window was taken
    LatencyWindow window;
  };

  Closing take_window() {
    const int64_t before = limit_->load(std::memory_order_relaxed);
    const auto sum = static_cast<uint64_t>(line_[adaptive::kSum].exchange(0, std::memory_order_relaxed));
    const int64_t peak = line_[adaptive::kPeak].exchange(0, std::memory_order_relaxed);
    return {
        before,
        {static_cast<int64_t>(sum >> adaptive::kSumCountShift),
         static_cast<int64_t>(sum & ((uint64_t{1} << adaptive::kSumCountShift) - 1)), most_of(peak), drops_of(peak)}};
  }

  // False if another has moved the limit meanwhile: this window then tells of a limit that is gone.
  bool decide(const Closing& closing) {
    int64_t before = closing.before;
    const int64_t next = LimitState::of_word(before).within(bounds_).after(closing.window, bounds_).word();
    return limit_->compare_exchange_strong(before, next, std::memory_order_relaxed, std::memory_order_relaxed);
  }

 private:
  static int64_t most_of(int64_t peak) { return peak & ((int64_t{1} << adaptive::kDropsShift) - 1); }
  static int64_t drops_of(int64_t peak) {
    return static_cast<int64_t>(static_cast<uint64_t>(peak) >> adaptive::kDropsShift);
  }

  bool close_if_over(int64_t now_ms) {
    W& end = line_[adaptive::kWindowEnd];
    int64_t over = end.load(std::memory_order_relaxed);
    if (over == 0) {
      end.compare_exchange_strong(over, now_ms + kWindowMs, std::memory_order_relaxed, std::memory_order_relaxed);
      return false;
    }
    if (now_ms < over || seen() < kFewestCalls) return false;
    // Of several that find it over, one closes it.
    if (!end.compare_exchange_strong(over, now_ms + kWindowMs, std::memory_order_relaxed, std::memory_order_relaxed))
      return false;
    const Closing closing = take_window();
    // Whoever slept since the window was over may find that the next one took its calls, too.
    return closing.window.calls + closing.window.drops > 0 && decide(closing);
  }

  int64_t seen() const {
    return static_cast<int64_t>(static_cast<uint64_t>(line_[adaptive::kSum].load(std::memory_order_relaxed)) >>
                                adaptive::kSumCountShift) +
           drops_of(line_[adaptive::kPeak].load(std::memory_order_relaxed));
  }

  W* limit_;
  W* line_;
  LimitBounds bounds_;
};

}  // namespace amorsize::core
