// The window over which a circuit breaker counts: failures in a row, the last calls, or the last milliseconds. Words
// carry the generation of the breaker they count for; what carries another counts as nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>

#include "core/breaker_parameters.h"
#include "core/layout.h"
#include "core/slice_number.h"

namespace amorsize::core {

constexpr int64_t low_bits(int bits) { return (int64_t{1} << bits) - 1; }

// Generations wrap in every tag; a word would have to be left alone for as many generations to be taken for a fresh
// one.
constexpr int64_t tag_of(int64_t generation, int bits) { return generation & low_bits(bits); }

template <class W = Word>
class BreakerWindow {
 public:
  BreakerWindow(W* cell, const BreakerParameters& founding)
      : cell_(cell),
        parameters_(founding),
        first_word_(founding.first_window_word()),
        // order: relaxed. Never changes; ordered by the kind word.
        epoch_ns_(cell[breaker::kEpochNs].load(std::memory_order_relaxed)) {}

  // After this long without a call, or a failure where only those are noted, what came before does not count.
  static constexpr int64_t kIdleMinutes = 60;

  // Those by which it counts; they must fit those it was made with.
  const BreakerParameters& parameters() const { return parameters_; }
  void take(const BreakerParameters& parameters) { parameters_ = parameters; }

  // Whether a success would write nothing.
  bool success_is_free(int64_t generation) const {
    // order: relaxed. Nothing else is read for it: a failure that this thread has not seen yet comes after the success.
    return parameters_.mode() == BreakerMode::kConsecutive &&
           streak_count(cell_[breaker::kStreak].load(std::memory_order_relaxed), generation) == 0;
  }

  // Counts a call of `generation`. Returns whether the breaker should open.
  bool record(int64_t generation, bool failed, bool slow, int64_t now_ns) {
    switch (parameters_.mode()) {
      case BreakerMode::kConsecutive:
        return record_streak(generation, failed, now_ns);
      case BreakerMode::kCalls:
        return record_call(generation, failed, slow, now_ns);
      case BreakerMode::kTime:
        return record_in_slice(generation, failed, slow, now_ns);
    }
    return false;
  }

  // Puts `next(word)` into a word that belongs to a generation, unless that is over. Returns what was put, or -1.
  template <class Next>
  int64_t change(W& word, int64_t generation, Next next) {
    for (;;) {
      // order: acquire. Pairs with the release below: if a later generation has written here, `control` shows it.
      int64_t found = word.load(std::memory_order_acquire);
      // order: acquire. Pairs with CircuitBreaker::transition. If it moves after this, no later generation has written
      // yet, or the swap fails: what is written now is tagged with a generation that is over, and counts as nothing.
      if (cell_[breaker::kControl].load(std::memory_order_acquire) >> breaker::kGenerationShift != generation)
        return -1;
      const int64_t wanted = next(found);
      if (wanted == found) return wanted;
      // order: release. Pairs with the acquire above, in a thread of an earlier generation.
      if (word.compare_exchange_weak(found, wanted, std::memory_order_release, std::memory_order_relaxed))
        return wanted;
    }
  }

  int64_t ns_since_epoch(int64_t now_ns) const { return now_ns > epoch_ns_ ? now_ns - epoch_ns_ : 0; }

 protected:
  struct Sums {
    int64_t calls = 0;
    int64_t failures = 0;
    int64_t slow = 0;
  };

  bool exceeds(const Sums& sums) const {
    if (sums.calls < parameters_.minimum_calls()) return false;
    // Divided, not multiplied: 7 of 100 is the same double as 0.07.
    const auto calls = static_cast<double>(sums.calls);
    return static_cast<double>(sums.failures) / calls >= parameters_[breaker_parameter::kFailureRate] ||
           static_cast<double>(sums.slow) / calls >= parameters_[breaker_parameter::kSlowRate];
  }

  int64_t minute(int64_t now_ns) const {
    return (ns_since_epoch(now_ns) / 60'000'000'000) & low_bits(breaker::kMinuteBits);
  }

  static bool is_idle(int64_t last_minute, int64_t now_minute) {
    const int64_t minutes = (now_minute - last_minute) & low_bits(breaker::kMinuteBits);
    // More than a year is a clock that is a little behind.
    return minutes >= kIdleMinutes && minutes < int64_t{1} << (breaker::kMinuteBits - 1);
  }

  // Failures in a row.

  static int64_t streak_count(int64_t streak, int64_t generation) {
    return streak >> breaker::kStreakTagShift == tag_of(generation, breaker::kStreakTagBits)
               ? streak & low_bits(breaker::kStreakCountBits)
               : 0;
  }

  bool record_streak(int64_t generation, bool failed, int64_t now_ns) {
    const int64_t tag = tag_of(generation, breaker::kStreakTagBits) << breaker::kStreakTagShift;
    const int64_t now = minute(now_ns);
    const int64_t written = change(cell_[breaker::kStreak], generation, [&](int64_t streak) {
      int64_t count = streak_count(streak, generation);
      if (!failed) return count == 0 ? streak : tag;
      if (is_idle((streak >> breaker::kStreakCountBits) & low_bits(breaker::kMinuteBits), now)) count = 0;
      return tag | now << breaker::kStreakCountBits | std::min(count + 1, low_bits(breaker::kStreakCountBits));
    });
    return failed && written >= 0 && (written & low_bits(breaker::kStreakCountBits)) >= parameters_.size();
  }

  // The last calls.

  W& ring_word(size_t index) const { return cell_[first_word_ + 1 + index]; }

  // Takes a place, then writes into it: until then it holds the call before, or counts as a success. Whoever writes
  // last sees all.
  bool record_call(int64_t generation, bool failed, bool slow, int64_t now_ns) {
    const int64_t tag = tag_of(generation, breaker::kCursorTagBits) << breaker::kCursorTagShift;
    const int64_t now = minute(now_ns);
    int64_t place = 0;
    const int64_t written = change(cell_[first_word_], generation, [&](int64_t cursor) {
      place = (cursor >> breaker::kIndexShift) & low_bits(breaker::kIndexShift);
      // Only a thread that scribbles over shared memory leaves a place that is not in the ring.
      const bool fresh = cursor >> breaker::kCursorTagShift != tag >> breaker::kCursorTagShift ||
                         place >= parameters_.size() ||
                         is_idle((cursor >> breaker::kCursorMinuteShift) & low_bits(breaker::kMinuteBits), now);
      if (fresh) place = 0;
      const int64_t filled = fresh ? 0 : cursor & low_bits(breaker::kIndexShift);
      const int64_t next = place + 1 == parameters_.size() ? 0 : place + 1;
      return tag | now << breaker::kCursorMinuteShift | next << breaker::kIndexShift |
             std::min(filled + 1, parameters_.size());
    });
    if (written < 0) return false;
    const auto shift = static_cast<int>(place % static_cast<int64_t>(breaker::kCallsPerWord)) * 2;
    const int64_t outcome = int64_t{failed} | int64_t{slow} << 1;
    const int64_t ring_tag = tag_of(generation, breaker::kRingTagBits) << breaker::kRingTagShift;
    const int64_t stored =
        change(ring_word(static_cast<size_t>(place) / breaker::kCallsPerWord), generation, [&](int64_t calls) {
          const int64_t others = calls >> breaker::kRingTagShift == ring_tag >> breaker::kRingTagShift
                                     ? calls & ~(int64_t{3} << shift)
                                     : ring_tag;
          return others | outcome << shift;
        });
    if (stored < 0) return false;
    // A success makes no rate higher; but it may be the call that makes them enough.
    const int64_t filled = written & low_bits(breaker::kIndexShift);
    return (outcome != 0 || filled == parameters_.minimum_calls()) && exceeds(sum_calls(generation));
  }

  Sums sum_calls(int64_t generation) const {
    // order: relaxed. Sums may be out of date whatever the order; every word says for itself to what it belongs.
    const int64_t cursor = cell_[first_word_].load(std::memory_order_relaxed);
    if (cursor >> breaker::kCursorTagShift != tag_of(generation, breaker::kCursorTagBits)) return {};
    Sums sums;
    sums.calls = std::min(cursor & low_bits(breaker::kIndexShift), parameters_.size());
    // Places are used from 0 on, so those in use are the first `filled`.
    for (int64_t first = 0; first < sums.calls; first += static_cast<int64_t>(breaker::kCallsPerWord)) {
      // order: relaxed, as above.
      const int64_t calls =
          ring_word(static_cast<size_t>(first) / breaker::kCallsPerWord).load(std::memory_order_relaxed);
      if (calls >> breaker::kRingTagShift != tag_of(generation, breaker::kRingTagBits)) continue;
      const int64_t in_use = std::min(sums.calls - first, static_cast<int64_t>(breaker::kCallsPerWord));
      const auto bits = static_cast<uint64_t>(calls & low_bits(static_cast<int>(in_use) * 2));
      sums.failures += std::popcount(bits & 0x5555'5555);
      sums.slow += std::popcount(bits & 0xAAAA'AAAA);
    }
    return sums;
  }

  // The last milliseconds.

  enum Counter : size_t { kSucceeded, kFailed, kSlow };

  W& slice_word(int64_t slice, Counter counter) const {
    const auto index = static_cast<size_t>(slice) % breaker::kSlices;
    return cell_[first_word_ + index * breaker::kWordsPerSlice + counter];
  }

  static constexpr int kNumberBits = breaker::kSliceTagShift - breaker::kSliceCountBits;

  static int64_t slice_tag(int64_t generation, int64_t slice) {
    return tag_of(generation, breaker::kSliceTagBits) << kNumberBits | (slice & low_bits(kNumberBits));
  }

  int64_t slice_at(int64_t now_ns) const {
    const auto slice_ns =
        static_cast<int64_t>(parameters_[breaker_parameter::kSize] * 1e6 / static_cast<double>(breaker::kSlices));
    return ns_since_epoch(now_ns) / slice_ns;
  }

  bool record_in_slice(int64_t generation, bool failed, bool slow, int64_t now_ns) {
    const int64_t slice = slice_at(now_ns);
    if (count_in_slice(generation, slice, failed ? kFailed : kSucceeded) < 0) return false;
    if (slow && count_in_slice(generation, slice, kSlow) < 0) return false;
    return exceeds(sum_slices(generation, slice));
  }

  int64_t count_in_slice(int64_t generation, int64_t slice, Counter counter) {
    const int64_t tag = slice_tag(generation, slice);
    return change(slice_word(slice, counter), generation, [&](int64_t word) {
      const int64_t found = word >> breaker::kSliceCountBits;
      // This thread was held up since it read the clock: its call has left the window already.
      const bool is_own = word != 0 && found >> kNumberBits == tag >> kNumberBits;
      if (is_own && is_later_slice(found, slice, kNumberBits)) return word;
      const int64_t count = found == tag ? word & low_bits(breaker::kSliceCountBits) : 0;
      return tag << breaker::kSliceCountBits | std::min(count + 1, low_bits(breaker::kSliceCountBits));
    });
  }

  Sums sum_slices(int64_t generation, int64_t newest) const {
    Sums sums;
    for (int64_t slice = newest; slice >= 0 && slice > newest - static_cast<int64_t>(breaker::kSlices); --slice) {
      const int64_t succeeded = count_of(generation, slice, kSucceeded);
      const int64_t failures = count_of(generation, slice, kFailed);
      sums.calls += succeeded + failures;
      sums.failures += failures;
      sums.slow += count_of(generation, slice, kSlow);
    }
    return sums;
  }

  int64_t count_of(int64_t generation, int64_t slice, Counter counter) const {
    // order: relaxed, as in sum_calls.
    const int64_t word = slice_word(slice, counter).load(std::memory_order_relaxed);
    return word >> breaker::kSliceCountBits == slice_tag(generation, slice) ? word & low_bits(breaker::kSliceCountBits)
                                                                            : 0;
  }

  W* cell_;
  BreakerParameters parameters_;
  size_t first_word_;
  int64_t epoch_ns_;
};

}  // namespace amorsize::core
