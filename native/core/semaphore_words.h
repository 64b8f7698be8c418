// The words of a semaphore: what is packed into each, and what can be read from them without changing any. How they
// change is for semaphore.h.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/adaptive_limit.h"
#include "core/layout.h"

namespace amorsize::core {

// An index of a row, from 1 on. Only one thread may act for a row at a time: its owner, or whoever buries it.
using Owner = uint32_t;
inline constexpr Owner kNobody = 0;

struct SemaphoreShape {
  uint32_t rows;
  uint32_t places;
  uint32_t least = 0;  // of an adaptive limit; 0: the limit is fixed

  constexpr bool is_adaptive() const { return least > 0; }
  constexpr bool is_valid() const {
    return rows >= 1 && rows <= semaphore::kMostRows && places > rows && places <= semaphore::kMostPlaces &&
           places % kWordsPerCell == 0 && least <= adaptive::kMostLimit;
  }
  constexpr size_t adaptive_line() const { return 1 + rows + places / kWordsPerCell; }
  constexpr size_t cells() const { return adaptive_line() + (is_adaptive() ? 1 : 0); }
  constexpr int64_t word() const { return int64_t{least} << 32 | int64_t{rows} << 16 | places; }
  static constexpr SemaphoreShape of_word(int64_t word) {
    return {static_cast<uint32_t>(word >> 16 & 0xFFFF), static_cast<uint32_t>(word & 0xFFFF),
            static_cast<uint32_t>(word >> 32)};
  }
};

// How many may be in use and how many may wait: one word, so that nobody sees a part of a change.
struct SemaphoreTerms {
  int64_t most;
  int64_t least;      // of an adaptive limit; 0: the limit is fixed
  int64_t max_queue;  // -1: no bound

  constexpr int64_t word() const {
    const int64_t queue = max_queue > semaphore::kMostQueue ? 0 : max_queue + 1;
    return most << semaphore::kTermsMostShift | least << semaphore::kTermsLeastShift | queue;
  }
  // What was scribbled over the word comes out as something that does no harm.
  static constexpr SemaphoreTerms of_word(int64_t word) {
    const int64_t most = word >> semaphore::kTermsMostShift & semaphore::kMostPermits;
    const int64_t least = word >> semaphore::kTermsLeastShift & adaptive::kMostLimit;
    return {most, least < most ? least : most, (word & (semaphore::kMostQueue + 1)) - 1};
  }
  constexpr LimitBounds bounds() const { return {static_cast<uint32_t>(least), static_cast<uint32_t>(most)}; }
};

template <class W>
class SemaphoreWords {
 public:
  SemaphoreWords(W* cells, SemaphoreShape shape) : words_(cells), shape_(shape) {}

  // Who acts for a row: a thread of a process, as machine_header.h identifies it. `process` is not 0.
  struct Identity {
    int64_t process;
    int64_t space;
    int64_t doorbell;
  };

  // Who acts for `owner`; process 0: nobody. May be out of date.
  Identity identity(Owner owner) const {
    const auto load = [&](size_t word) { return row(owner, word).load(std::memory_order_relaxed); };
    return {load(semaphore::kOwner), load(semaphore::kSpace), load(semaphore::kDoorbell)};
  }

  // Permits that were handed to `owner` since the semaphore was made, less those taken back, modulo 2^24.
  uint32_t grants(Owner owner) const { return count_in(owner, semaphore::kGrants); }

  // Those of them that it has not collected. Exact for whoever acts for it; else it may be out of date, as all below.
  uint32_t uncollected(Owner owner) const {
    return (grants(owner) - count_in(owner, semaphore::kCollected)) & kPayloadMask;
  }

  // Permits of `owner`, with or without those that it has not collected.
  uint32_t held(Owner owner) const { return (count_in(owner, semaphore::kOwn) + grants(owner)) & kPayloadMask; }
  uint32_t usable(Owner owner) const {
    return (count_in(owner, semaphore::kOwn) + count_in(owner, semaphore::kCollected)) & kPayloadMask;
  }

  // Whether one was taken back since it did not.
  bool is_late(Owner owner) const { return is_row(owner) && count_in(owner, semaphore::kLate) != 0; }

  // How many may be taken now.
  uint32_t available() const {
    const uint32_t used = in_use();
    const uint32_t most = limit();
    return most > used ? most - used : 0;
  }

  // What is in force.
  // order: acquire. Who is refused by them looks at `hot` afterwards. Who acts on them fails there if they have
  // changed, for `Semaphore::announce` follows each change.
  SemaphoreTerms terms() const {
    return SemaphoreTerms::of_word(words_[semaphore::kTerms].load(std::memory_order_acquire));
  }

  // How many may be in use at once.
  uint32_t limit() const { return limit(terms()); }

  // How many are in use.
  uint32_t in_use() const { return in_use_of(present()); }

  // What moves the limit. Precondition: is_adaptive().
  AdaptiveLimit<W> adaptive_limit() const { return adaptive_limit(terms()); }
  bool is_adaptive() const { return shape_.is_adaptive(); }

  // Callers in the queue.
  int64_t waiting() const {
    return count_waiting([](Owner) { return true; }, INT64_MAX - 1);
  }

  // Whether more callers than `enough` wait whose thread is not late; none of `but` counts.
  bool is_ready(int64_t enough, Owner but = kNobody) const {
    return count_waiting([&](Owner owner) { return owner != but && !is_late(owner); }, enough) > enough;
  }

  uint32_t rows() const { return shape_.rows; }

 protected:
  // What an operation does. kMark: its owner has collected what it was handed; or it takes a permit back from another
  // row, which is late. kGrant: as kHandOver, of a permit that was free. kAnnounce: nothing.
  enum class Action : uint32_t { kMark, kTake, kGive, kHandOver, kJoin, kCancel, kGrant, kAnnounce };
  static constexpr bool is_hand_over(Action action) { return action == Action::kHandOver || action == Action::kGrant; }

  static constexpr uint32_t kPayloadMask = (uint32_t{1} << (64 - semaphore::kStampBits)) - 1;
  static constexpr int64_t kStampMask = (int64_t{1} << semaphore::kStampBits) - 1;
  static constexpr int64_t kSequenceMask = (int64_t{1} << semaphore::kSequenceBits) - 1;
  static constexpr uint32_t kWaitingMask = (uint32_t{1} << semaphore::kWaitingBits) - 1;
  static constexpr uint32_t kLengthMask = (uint32_t{1} << semaphore::kLengthBits) - 1;
  static constexpr int64_t kNoStamp = -1;
  static constexpr uint32_t kNoPlace = UINT32_MAX;

  static int64_t with_stamp(uint64_t payload, int64_t stamp) {
    return static_cast<int64_t>(payload << semaphore::kStampBits | static_cast<uint64_t>(stamp));
  }
  static uint32_t payload(int64_t word) {
    return static_cast<uint32_t>(static_cast<uint64_t>(word) >> semaphore::kStampBits);
  }
  static int64_t stamp(int64_t word) { return word & kStampMask; }

  uint32_t limit(const SemaphoreTerms& terms) const {
    return shape_.is_adaptive() ? adaptive_limit(terms).in_force() : static_cast<uint32_t>(terms.most);
  }
  AdaptiveLimit<W> adaptive_limit(const SemaphoreTerms& terms) const {
    return {&words_[semaphore::kLimit], &words_[shape_.adaptive_line() * kWordsPerCell], terms.bounds()};
  }

  // Whether a caller may go on at once. While anybody waits, what is free is theirs.
  static bool has_free(int64_t hot, uint32_t limit) { return !is_queued(hot) && in_use_of(hot) < limit; }

  static uint32_t in_use_of(int64_t hot) { return payload(hot) >> semaphore::kInUseShift; }
  static bool is_queued(int64_t hot) { return (payload(hot) >> semaphore::kQueuedBit & 1) != 0; }
  static Action action_of(int64_t hot) { return static_cast<Action>(payload(hot) & 7); }
  static Owner writer_of(int64_t hot) { return static_cast<Owner>(stamp(hot) >> semaphore::kSequenceBits); }
  static uint32_t head_of(int64_t line) { return payload(line) >> semaphore::kLengthBits; }
  static uint32_t length_of(int64_t line) { return payload(line) & kLengthMask; }
  static Owner owner_of(int64_t place) { return payload(place) >> semaphore::kWaitingBits; }
  static uint32_t count_of(int64_t place) { return payload(place) & kWaitingMask; }
  static uint32_t place_payload(Owner owner, uint32_t count) { return owner << semaphore::kWaitingBits | count; }

  // False for nobody, and for what a thread that scribbles over shared memory may have left there.
  bool is_row(Owner owner) const { return owner - 1 < shape_.rows; }

  W& hot() const { return words_[semaphore::kHot]; }
  W& queue() const { return words_[semaphore::kQueue]; }
  // order: acquire, of all that an operation is built on. Pairs with `commit` and `apply` in semaphore.h: what whoever
  // wrote the word did before is visible.
  int64_t present() const { return hot().load(std::memory_order_acquire); }
  int64_t line() const { return queue().load(std::memory_order_acquire); }
  W& row(Owner owner, size_t word) const { return words_[semaphore::kFirstRow + (owner - 1) * kWordsPerCell + word]; }
  uint32_t count_in(Owner owner, size_t word) const {
    return payload(row(owner, word).load(std::memory_order_acquire));
  }
  // The place `index` behind the head.
  W& place(int64_t line, uint32_t index) const {
    return words_[semaphore::kFirstRow + shape_.rows * kWordsPerCell + (head_of(line) + index) % shape_.places];
  }

  // Where the next caller of `owner` is to wait: with those of its own at the end of the queue; at its new end; or,
  // where it is too long, with the last of its own, or in the last hole. What bears `applied` was chosen before.
  uint32_t place_for(Owner owner, int64_t line, int64_t applied) const {
    const auto joins = [&](uint32_t index) {
      const int64_t each = place(line, index).load(std::memory_order_acquire);
      return stamp(each) == applied || (owner_of(each) == owner && count_of(each) < kWaitingMask);
    };
    const uint32_t length = length_of(line);
    if (length > 0 && joins(length - 1)) return length - 1;
    if (length < shape_.places - shape_.rows) return length;
    const uint32_t own = last_of(owner, line, applied);
    if (own != kNoPlace) return joins(own) ? own : kNoPlace;
    if (length < shape_.places) return length;
    uint32_t index = length;
    while (index > 0 && count_of(place(line, index - 1).load(std::memory_order_acquire)) > 0) --index;
    return index == 0 ? kNoPlace : index - 1;
  }

  // Where a permit that is taken back from a caller of `owner` has it wait again: at the front, or, where the queue is
  // too long, as `place_for` says. places - 1: before the front.
  uint32_t front_for(Owner owner, int64_t line, int64_t applied) const {
    const int64_t first = place(line, 0).load(std::memory_order_acquire);
    if (length_of(line) > 0 &&
        (stamp(first) == applied || (owner_of(first) == owner && count_of(first) < kWaitingMask)))
      return 0;
    if (length_of(line) < shape_.places - shape_.rows) return shape_.places - 1;
    return place_for(owner, line, applied);
  }

  // Callers in the queue whose owner `counts`, up to more than `enough`.
  template <class Counts>
  int64_t count_waiting(Counts counts, int64_t enough) const {
    const int64_t line = this->line();
    int64_t sum = 0;
    for (uint32_t i = 0; i < length_of(line) && sum <= enough; ++i) {
      const int64_t each = place(line, i).load(std::memory_order_acquire);
      if (counts(owner_of(each))) sum += count_of(each);
    }
    return sum;
  }

  // Whose caller is next; kNobody when none is, or all are of late threads.
  Owner first_owner() const {
    const int64_t line = this->line();
    const uint32_t index = first_waiting(line, kNoStamp);
    return index == kNoPlace ? kNobody : owner_of(place(line, index).load(std::memory_order_acquire));
  }

  // The first place in which anybody waits whose thread is not late, or that bears `applied`.
  uint32_t first_waiting(int64_t line, int64_t applied) const {
    for (uint32_t index = 0; index < length_of(line); ++index) {
      const int64_t each = place(line, index).load(std::memory_order_acquire);
      if ((count_of(each) > 0 && !is_late(owner_of(each))) || stamp(each) == applied) return index;
    }
    return kNoPlace;
  }

  // The last place in which callers of `owner` wait, or that bears `applied`.
  uint32_t last_of(Owner owner, int64_t line, int64_t applied) const {
    for (uint32_t index = length_of(line); index > 0; --index) {
      const int64_t each = place(line, index - 1).load(std::memory_order_acquire);
      if ((owner_of(each) == owner && count_of(each) > 0) || stamp(each) == applied) return index - 1;
    }
    return kNoPlace;
  }

  W* words_;
  SemaphoreShape shape_;
};

}  // namespace amorsize::core
