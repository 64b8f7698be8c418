// Who waits for a token bucket: a row for each queue of callers, so that queues of several threads and processes can
// tell whose turn it is. Rows decide about order alone; what may be used is decided by the bucket's word `hot`, so a
// row that is stale, torn or scribbled over costs order and never the bound.
//
// `W` is the word type: std::atomic<int64_t>, or the model checker's in native tests.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

#include "core/layout.h"
#include "core/machine_header.h"
#include "core/token_bucket.h"

namespace amorsize::core {

inline constexpr int kNoRow = -1;
// Places in the order of arrival are told modulo 2^52: so far doubles tell them apart.
inline constexpr int kPlaceBits = 52;

// What one queue tells the others. Thousandths of a token, but for `held_*`, which are units of the axis.
struct WaiterRow {
  int64_t next = waiters::kNobody;
  int64_t waiting = 0;
  int64_t look_at_ns = 0;
  int64_t generation = 0;
  int64_t held_end = 0;
  int64_t held_size = 0;
};

// What all other rows say together.
struct OtherWaiters {
  int64_t first = std::numeric_limits<int64_t>::max();  // the earliest `next`, less the place it was asked for
  int64_t waiting = 0;
  int64_t held_units = 0;    // of rows that are not late
  bool is_any_late = false;  // by more than kLateNs: perhaps its process has ended
};

template <class W = Word>
class Waiters {
 public:
  Waiters() = default;
  explicit Waiters(W* words) : words_(words) {}

  explicit operator bool() const { return words_ != nullptr; }

  // Writes an empty block into zeroed memory no other thread can see yet.
  void initialize(size_t rows) {
    words_[waiters::kRows].store(static_cast<int64_t>(rows), std::memory_order_relaxed);
    write_kind(words_, Kind::kWaiters);
  }

  // Takes the next place in the order of arrival.
  int64_t arrive(int64_t thousandths) {
    // order: relaxed, here and for every word of a row but where said. They say who comes first, and nothing is built
    // on them.
    const int64_t arrivals = words_[waiters::kArrivals].fetch_add(thousandths, std::memory_order_relaxed);
    return static_cast<int64_t>(static_cast<uint64_t>(arrivals) & ((uint64_t{1} << kPlaceBits) - 1));
  }

  // Takes a free row of the first `most`; kNoRow when there is none.
  int claim(const ProcessIdentity& self, size_t most) {
    for (size_t i = 0; i < most; ++i) {
      int64_t nobody = 0;
      W& owner = word(i, waiters::kOwner);
      if (owner.load(std::memory_order_relaxed) != 0) continue;
      // order: acquire. Pairs with the release in `leave`: what the last owner wrote does not come after.
      if (!owner.compare_exchange_strong(nobody, self.process, std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      word(i, waiters::kSpace).store(self.space, std::memory_order_relaxed);
      const auto used = static_cast<int64_t>(i) + 1;
      int64_t seen = words_[waiters::kUsed].load(std::memory_order_relaxed);
      while (seen < used && !words_[waiters::kUsed].compare_exchange_weak(seen, used, std::memory_order_relaxed,
                                                                          std::memory_order_relaxed)) {
      }
      return static_cast<int>(i);
    }
    return kNoRow;
  }

  // Tells the others. Only the row's owner may.
  void publish(int row, const WaiterRow& told) {
    const auto i = static_cast<size_t>(row);
    word(i, waiters::kNext).store(told.next, std::memory_order_relaxed);
    word(i, waiters::kWaiting).store(told.waiting, std::memory_order_relaxed);
    word(i, waiters::kLookAtNs).store(told.look_at_ns, std::memory_order_relaxed);
    word(i, waiters::kHeldEnd).store(told.held_end, std::memory_order_relaxed);
    // order: release. Pairs with the acquire in `bury`: the end belongs to the size.
    word(i, waiters::kHeldSize)
        .store(told.held_size <= 0
                   ? 0
                   : told.held_size << waiters::kHeldShift | (told.generation & bucket::kGenerationMask),
               std::memory_order_release);
  }

  // Before the owner uses or moves what it holds: whoever buries it from now on gives nothing back. What it held is
  // lost if it dies before it has published again.
  void begin_look(int row) {
    // order: seq_cst. What is used afterwards must not be seen before this.
    word(static_cast<size_t>(row), waiters::kHeldSize).store(0, std::memory_order_seq_cst);
  }

  // One more caller waits in the row.
  void add_waiting(int row, int64_t thousandths) {
    W& waiting = word(static_cast<size_t>(row), waiters::kWaiting);
    waiting.store(waiting.load(std::memory_order_relaxed) + thousandths, std::memory_order_relaxed);
  }

  // What the rows but `own` say, seen from `place` in the order of arrival.
  OtherWaiters others(int own, int64_t now_ns, int64_t place, size_t most) const {
    OtherWaiters all;
    for (size_t i = 0; i < used(most); ++i) {
      const auto load = [this, i](size_t index) { return word(i, index).load(std::memory_order_relaxed); };
      if (static_cast<int>(i) == own || load(waiters::kOwner) == 0) continue;
      const int64_t next = load(waiters::kNext);
      const int64_t late_ns = difference(now_ns, load(waiters::kLookAtNs));
      all.is_any_late |= late_ns > kLateNs;
      if (late_ns <= kForgottenNs) all.waiting += std::clamp<int64_t>(load(waiters::kWaiting), 0, kMostWaiting);
      if (late_ns <= kPassedOverNs)
        all.held_units += std::clamp<int64_t>(load(waiters::kHeldSize) >> waiters::kHeldShift, 0, kMostWaiting);
      // It is passed over, rather than waited for.
      if (next == waiters::kNobody || late_ns > kPassedOverNs) continue;
      all.first = std::min(all.first, between(next, place));
    }
    return all;
  }

  // Frees a row whose owner holds nothing.
  void leave(int row) {
    publish(row, {});
    // order: release. Pairs with `claim`.
    word(static_cast<size_t>(row), waiters::kOwner).store(0, std::memory_order_release);
  }

  // The thread that acted for the row is gone: gives back what it held, if nobody stands behind it, and frees the row.
  // Precondition: nobody else acts for the row.
  void bury(int row, TokenBucket<W> bucket, int64_t now_ns) {
    const auto i = static_cast<size_t>(row);
    // order: acquire. Pairs with `publish`.
    const int64_t held = word(i, waiters::kHeldSize).load(std::memory_order_acquire);
    const int64_t end = word(i, waiters::kHeldEnd).load(std::memory_order_relaxed);
    begin_look(row);
    const int64_t generation = bucket.parameters().generation;
    if (held != 0 && ((held ^ generation) & bucket::kGenerationMask) == 0)
      bucket.return_run(now_ns, generation, end, held >> waiters::kHeldShift);
    leave(row);
  }

  // Buries the rows of processes that have ended. `is_alive` is asked once for rows of one process in a row.
  template <class IsAlive>
  void bury_dead(TokenBucket<W> bucket, const ProcessIdentity& self, int64_t now_ns, size_t most, IsAlive is_alive) {
    int64_t alive = self.process;
    for (size_t i = 0; i < used(most); ++i) {
      W& owner = word(i, waiters::kOwner);
      int64_t process = owner.load(std::memory_order_relaxed);
      if (process == 0 || process == alive) continue;
      if (is_alive(ProcessIdentity{process, word(i, waiters::kSpace).load(std::memory_order_relaxed)})) {
        alive = process;
        // order: acquire, as in `claim`. Of several who try, one succeeds; if that one dies too, the row is its own.
      } else if (owner.compare_exchange_strong(process, self.process, std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
        word(i, waiters::kSpace).store(self.space, std::memory_order_relaxed);
        bury(static_cast<int>(i), bucket, now_ns);
      }
    }
  }

  // A row that is later than this is not waited for: its thread does something else, or is gone.
  static constexpr int64_t kPassedOverNs = 15'000'000;
  // Its process may have ended. With the lateness of a timer the others go on within 50 ms.
  static constexpr int64_t kLateNs = 40'000'000;
  // What it waits for does not count any more either.
  static constexpr int64_t kForgottenNs = 1'000'000'000;

 private:
  // More than anybody waits for, and few enough to be summed up.
  static constexpr int64_t kMostWaiting = int64_t{1} << 53;

  // Of words that wrap, or hold anything.
  static int64_t difference(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  }

  // How far one place is behind another.
  static int64_t between(int64_t place, int64_t from) {
    constexpr int kRest = 64 - kPlaceBits;
    return static_cast<int64_t>((static_cast<uint64_t>(place) - static_cast<uint64_t>(from)) << kRest) >> kRest;
  }

  W& word(size_t row, size_t index) const { return words_[waiters::kFirstRow + row * kWordsPerCell + index]; }

  // Bounded by what the caller knows to be there, whatever is written.
  size_t used(size_t most) const {
    const int64_t claimed = words_[waiters::kUsed].load(std::memory_order_relaxed);
    return std::min(static_cast<size_t>(std::max<int64_t>(claimed, 0)), most);
  }

  W* words_ = nullptr;
};

}  // namespace amorsize::core
