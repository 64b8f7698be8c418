// A retry budget in cells of shared memory: retries of the last while <= ratio x calls of it + a reserve. Every
// operation is lock-free, takes the time as an argument, and may run in any thread or process at the same time as any
// other.
//
// Source: the retry budgets of Finagle and of Linkerd.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "core/layout.h"
#include "core/slice_number.h"

namespace amorsize::core {

template <class W = Word>
class RetryBudget {
 public:
  // One retry.
  static constexpr int64_t kUnit = int64_t{1} << retry_budget::kUnitBits;

  explicit RetryBudget(W* cell) : cell_(cell) {}

  // Writes an empty budget into zeroed memory no other thread can see yet. Units >= 0, slice_ns > 0.
  void initialize(int64_t ratio, int64_t reserve, int64_t slice_ns) {
    // order: relaxed. Nobody reads them before the kind is written.
    cell_[retry_budget::kRatio].store(ratio, std::memory_order_relaxed);
    cell_[retry_budget::kReserve].store(reserve, std::memory_order_relaxed);
    cell_[retry_budget::kSliceNs].store(slice_ns, std::memory_order_relaxed);
    write_kind(cell_, Kind::kRetryBudget);
  }

  // Counts one call, unless it has left the window since the clock was read.
  void deposit(int64_t now_ns) {
    add(slice_at(now_ns), fixed(retry_budget::kRatio), [](int64_t) { return true; });
  }

  // Takes one retry, if there is one. Two threads whose clocks stand on both sides of a slice's edge may take the last
  // one both.
  bool try_withdraw(int64_t now_ns) {
    const int64_t slice = slice_at(now_ns);
    return add(slice, -kUnit, [&](int64_t newest) { return balance(slice, newest) >= kUnit; });
  }

  // Units in the budget; never negative.
  int64_t available(int64_t now_ns) const {
    const int64_t slice = slice_at(now_ns);
    return std::max<int64_t>(0, balance(slice, load(slice)));
  }

 private:
  static constexpr int64_t kMaxBalance = (int64_t{1} << (retry_budget::kBalanceBits - 1)) - 1;
  static constexpr int kNumberBits = 63 - retry_budget::kBalanceBits;
  static constexpr int64_t kNumberMask = (int64_t{1} << kNumberBits) - 1;
  // Whoever has the memory may have written over it: no sum of these overflows.
  static constexpr int64_t kMaxFixed = int64_t{1} << 60;

  // Adds units to a slice, unless its word has gone to a later one, or what is there says no.
  template <class MayBe>
  bool add(int64_t slice, int64_t units, MayBe may_be) {
    W& word = word_of(slice);
    // order: relaxed, all. A word is a number by itself; whatever is withdrawn meanwhile is withdrawn from this one, so
    // the swap fails.
    int64_t found = word.load(std::memory_order_relaxed);
    for (;;) {
      // A word of 0 was never written.
      if ((found != 0 && is_later_slice(found >> retry_budget::kBalanceBits, slice, kNumberBits)) || !may_be(found))
        return false;
      const int64_t changed = std::clamp(balance_in(found, slice) + units, -kMaxBalance, kMaxBalance);
      const int64_t next = (slice & kNumberMask) << retry_budget::kBalanceBits | (changed + kMaxBalance);
      if (word.compare_exchange_weak(found, next, std::memory_order_relaxed, std::memory_order_relaxed)) return true;
    }
  }

  // What is in the budget, where the word of the newest slice is this one. It may be out of date whatever the order.
  int64_t balance(int64_t slice, int64_t newest) const {
    const int64_t oldest = slice - static_cast<int64_t>(retry_budget::kSlices);
    int64_t units = fixed(retry_budget::kReserve) + balance_in(newest, slice);
    for (int64_t each = slice - 1; each > oldest; --each) units += balance_in(load(each), each);
    // The window begins within the slice before these: its retries count until it has left the window whole.
    return units + std::min<int64_t>(0, balance_in(load(oldest), oldest));
  }

  // The balance is kept with an offset, so that it is never negative. The number of a word that was never written, 0,
  // is that of every slice at which the numbers come round.
  static int64_t balance_in(int64_t word, int64_t slice) {
    constexpr int64_t kMask = (int64_t{1} << retry_budget::kBalanceBits) - 1;
    const bool is_own = word != 0 && word >> retry_budget::kBalanceBits == (slice & kNumberMask);
    return is_own ? (word & kMask) - kMaxBalance : 0;
  }

  // Slices of times before the clock's origin are all one.
  int64_t slice_at(int64_t now_ns) const {
    return std::max<int64_t>(0, now_ns) / std::max<int64_t>(1, fixed(retry_budget::kSliceNs)) + 1;
  }

  // order: relaxed. Never changes; ordered by the kind word.
  int64_t fixed(size_t word) const {
    return std::clamp<int64_t>(cell_[word].load(std::memory_order_relaxed), 0, kMaxFixed);
  }

  // Slices before the first, 1, were never written.
  W& word_of(int64_t slice) const {
    return cell_[retry_budget::kFirstSlice + static_cast<size_t>(slice) % retry_budget::kKept];
  }
  int64_t load(int64_t slice) const { return word_of(slice).load(std::memory_order_relaxed); }

  W* cell_;
};

}  // namespace amorsize::core
