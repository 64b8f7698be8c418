// A counting semaphore with a queue, first come first served over all threads, in cells of shared memory. Every
// operation is lock-free and may run in any thread or process at the same time as any other. A thread that dies at any
// instruction leaves it usable, and what it held or waited for can be taken back from its row.
//
// One word, `hot`, names the operation under way: its owner, its action and the permits left. Whoever finds another's
// operation there completes it first (it is done when its stamp is in its owner's row), so no two operations ever
// overlap, and what an operation read before its own swap of `hot` succeeded was not changed by anybody. Uncontended,
// that is one compare-and-swap.
//
// Source: helping as in Herlihy, "A methodology for implementing highly concurrent data objects" (1993), with the row's
// stamp in the part of a recoverable compare-and-swap (Attiya, Ben-Baruch, Hendler, 2018).
//
// `W` is the word type: std::atomic<int64_t>, or the model checker's in native tests.
#pragma once

#include <algorithm>
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

enum class Admission {
  kAdmitted,  // holds a permit
  kQueued,    // has a place; a permit will be handed over
  kRefused,   // the queue is full; nothing changed
};

template <class W = Word>
class Semaphore {
 public:
  Semaphore(W* cells, SemaphoreShape shape) : words_(cells), shape_(shape) {}

  // Writes a semaphore into zeroed memory no other thread can see yet. Preconditions: 1 <= max_concurrent <=
  // kMostPermits, of an adaptive one least <= max_concurrent <= kMostLimit; max_queue >= -1.
  void initialize(int64_t max_concurrent, int64_t max_queue) {
    words_[semaphore::kMaxConcurrent].store(max_concurrent, std::memory_order_relaxed);
    words_[semaphore::kMaxQueue].store(max_queue, std::memory_order_relaxed);
    words_[semaphore::kShape].store(shape_.word(), std::memory_order_relaxed);
    hot().store(with_stamp(static_cast<uint64_t>(max_concurrent) << semaphore::kFreeShift, 0),
                std::memory_order_relaxed);
    if (shape_.is_adaptive()) adaptive_limit().initialize();
    // order: release. Pairs with the acquire of whoever checks the kind word before first use.
    words_[semaphore::kKind].store(kind_word(Kind::kSemaphore), std::memory_order_release);
  }

  // Who acts for a row: a thread of a process, as machine_header.h identifies it. `process` is not 0.
  struct Identity {
    int64_t process;
    int64_t space;
    int64_t doorbell;
  };

  // Claims a row; kNobody when all are in use.
  Owner claim(const Identity& who) {
    for (Owner owner = 1; owner <= shape_.rows; ++owner) {
      int64_t nobody = 0;
      // order: acquire. Pairs with the release in `bury`: the last owner's operations have ended.
      if (!row(owner, semaphore::kOwner)
               .compare_exchange_strong(nobody, who.process, std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      write_identity(owner, who);
      return owner;
    }
    return kNobody;
  }

  // Takes a permit if one is free; then nobody waits.
  bool try_acquire(Owner owner) {
    // order: acquire. Pairs with `commit`: what its writer did before is visible.
    int64_t now = hot().load(std::memory_order_acquire);
    while (has_free(now)) {
      complete_of_other(now, owner);
      if (commit(&now, owner, Action::kTake, free_of(now) - 1, false)) return true;
    }
    return false;
  }

  // Takes one for a caller who goes short first: only while less than half of the limit is in use (at least one).
  bool try_acquire_low(Owner owner) {
    int64_t now = hot().load(std::memory_order_acquire);
    while (has_free(now) && in_use(now) < std::max(uint32_t{1}, limit() / 2)) {
      complete_of_other(now, owner);
      if (commit(&now, owner, Action::kTake, free_of(now) - 1, false)) return true;
    }
    return false;
  }

  // Takes a permit, or a place at the end of the queue; of an adaptive one, `grant` then, for its limit may have risen
  // before the place was seen.
  Admission acquire(Owner owner) {
    int64_t now = hot().load(std::memory_order_acquire);
    for (;;) {
      complete_of_other(now, owner);
      if (has_free(now)) {
        if (commit(&now, owner, Action::kTake, free_of(now) - 1, false)) return Admission::kAdmitted;
        continue;
      }
      const int64_t max_queue = words_[semaphore::kMaxQueue].load(std::memory_order_relaxed);
      const bool has_room = (max_queue < 0 || waiting() < max_queue) &&
                            place_for(owner, queue().load(std::memory_order_acquire), kNoStamp) != kNoPlace;
      if (!has_room) {
        // order: acquire. Refused only if nothing changed while the queue was read.
        const int64_t again = hot().load(std::memory_order_acquire);
        if (again == now) return Admission::kRefused;
        now = again;
      } else if (commit(&now, owner, Action::kJoin, free_of(now), true)) {
        return Admission::kQueued;
      }
    }
  }

  // Gives a permit of `owner` back: to the first in the queue, whose owner is returned to be woken up, or else to all
  // (kNobody). Precondition: held(owner) > 0. Of an adaptive one, `grant` then.
  Owner release(Owner owner) {
    int64_t now = hot().load(std::memory_order_acquire);
    for (;;) {
      complete_of_other(now, owner);
      // Beyond an adaptive limit that has fallen, what is given back goes to nobody.
      if (!is_queued(now) || (shape_.is_adaptive() && in_use(now) > limit())) {
        if (commit(&now, owner, Action::kGive, free_of(now) + 1, is_queued(now))) return kNobody;
        continue;
      }
      const Owner next = first_owner();
      if (commit(&now, owner, Action::kHandOver, free_of(now), waiting(1) > 1)) return next;
    }
  }

  // Hands a permit that an adaptive limit does not keep back to the first in the queue, whose owner is returned to be
  // woken up; kNobody when there is none, or nobody waits. To be called until then, by `owner`, after whatever may have
  // made room while somebody waits. Nobody is forgotten: while anybody waits, somebody holds a permit and will give it
  // back.
  Owner grant(Owner owner) {
    if (!shape_.is_adaptive()) return kNobody;
    int64_t now = hot().load(std::memory_order_acquire);
    while (is_queued(now) && free_of(now) > 0 && in_use(now) < limit()) {
      complete_of_other(now, owner);
      const Owner next = first_owner();
      if (commit(&now, owner, Action::kGrant, free_of(now) - 1, waiting(1) > 1)) return next;
    }
    return kNobody;
  }

  // Gives up the last place of `owner` in the queue; those of its callers that are behind the one that leaves move up.
  // False when it has none: what it waited for has been handed over.
  bool cancel(Owner owner) {
    int64_t now = hot().load(std::memory_order_acquire);
    for (;;) {
      complete_of_other(now, owner);
      const bool has_place = last_of(owner, queue().load(std::memory_order_acquire), kNoStamp) != kNoPlace;
      if (!has_place) {
        const int64_t again = hot().load(std::memory_order_acquire);
        if (again == now) return false;
        now = again;
      } else if (commit(&now, owner, Action::kCancel, free_of(now), waiting(1) > 1)) {
        return true;
      }
    }
  }

  // Permits that were handed to `owner` since the semaphore was made, modulo 2^24. Its owner compares it with what it
  // saw before.
  uint32_t grants(Owner owner) const { return payload(row(owner, semaphore::kGrants).load(std::memory_order_acquire)); }

  // Permits of `owner`, those it was handed and has not noticed included. Exact for whoever acts for it; else it may be
  // out of date.
  uint32_t held(Owner owner) const {
    return (payload(row(owner, semaphore::kOwn).load(std::memory_order_acquire)) + grants(owner)) & kPayloadMask;
  }

  // The same without those handed over since `grants` was `seen`.
  uint32_t held(Owner owner, uint32_t seen) const {
    return (payload(row(owner, semaphore::kOwn).load(std::memory_order_acquire)) + seen) & kPayloadMask;
  }

  // How many may be taken now. May be out of date, as all below.
  uint32_t available() const {
    const int64_t now = hot().load(std::memory_order_acquire);
    if (!shape_.is_adaptive()) return free_of(now);
    const uint32_t most = limit();
    return most > in_use(now) ? most - in_use(now) : 0;
  }

  // How many may be in use at once.
  uint32_t limit() const { return shape_.is_adaptive() ? adaptive_limit().in_force() : most(); }

  // How many are in use.
  uint32_t in_use() const { return in_use(hot().load(std::memory_order_acquire)); }

  // What moves the limit. Precondition: is_adaptive().
  AdaptiveLimit<W> adaptive_limit() const {
    return {&words_[semaphore::kLimit], &words_[shape_.adaptive_line() * kWordsPerCell], {shape_.least, most()}};
  }
  bool is_adaptive() const { return shape_.is_adaptive(); }

  // Callers in the queue, counted up to more than `enough`; may be out of date.
  int64_t waiting(int64_t enough = INT64_MAX - 1) const {
    const int64_t line = queue().load(std::memory_order_acquire);
    int64_t sum = 0;
    for (uint32_t i = 0; i < length_of(line) && sum <= enough; ++i)
      sum += count_of(place(line, i).load(std::memory_order_acquire));
    return sum;
  }

  // Completes the operation under way, whoever began it.
  void complete_any() { complete(hot().load(std::memory_order_acquire)); }

  // The thread that acted for `owner` is gone, in the middle of anything: completes what it began, gives up its places,
  // gives back its permits and frees the row. Calls `wake(owner)` for each that is handed one. Precondition: nobody
  // else acts for `owner`.
  template <class Wake>
  void bury(Owner owner, Wake wake) {
    complete_any();
    while (cancel(owner)) {
    }
    while (held(owner) > 0) {
      const Owner next = release(owner);
      if (next != kNobody) wake(next);
    }
    for (Owner next = grant(owner); next != kNobody; next = grant(owner)) wake(next);
    row(owner, semaphore::kSpace).store(0, std::memory_order_relaxed);
    // order: release. Pairs with `claim` and `inherit`.
    row(owner, semaphore::kOwner).store(0, std::memory_order_release);
  }

  // Who acts for `owner`; process 0: nobody. May be out of date.
  Identity identity(Owner owner) const {
    const auto load = [&](size_t word) { return row(owner, word).load(std::memory_order_relaxed); };
    return {load(semaphore::kOwner), load(semaphore::kSpace), load(semaphore::kDoorbell)};
  }

  // Takes the row of a process that has ended, to bury it. Of several who try, one succeeds; if that one dies too, the
  // row is its own.
  bool inherit(Owner owner, int64_t dead_process, const Identity& heir) {
    // order: acquire, as in `claim`.
    if (!row(owner, semaphore::kOwner)
             .compare_exchange_strong(dead_process, heir.process, std::memory_order_acquire, std::memory_order_relaxed))
      return false;
    write_identity(owner, heir);
    return true;
  }

  uint32_t rows() const { return shape_.rows; }

 private:
  // kGrant: as kHandOver, of a permit that was free.
  enum class Action : uint32_t { kNone, kTake, kGive, kHandOver, kJoin, kCancel, kGrant };
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

  // order: relaxed. Never changes; ordered by the kind word.
  uint32_t most() const {
    return static_cast<uint32_t>(words_[semaphore::kMaxConcurrent].load(std::memory_order_relaxed));
  }
  uint32_t in_use(int64_t hot) const { return most() - free_of(hot); }
  // An adaptive limit may rise while callers wait: what is free then is theirs.
  bool has_free(int64_t hot) const {
    if (!shape_.is_adaptive()) return free_of(hot) > 0;
    return !is_queued(hot) && free_of(hot) > 0 && in_use(hot) < limit();
  }

  static uint32_t free_of(int64_t hot) { return payload(hot) >> semaphore::kFreeShift; }
  static bool is_queued(int64_t hot) { return (payload(hot) >> semaphore::kQueuedBit & 1) != 0; }
  static Action action_of(int64_t hot) { return static_cast<Action>(payload(hot) & 7); }
  static Owner writer_of(int64_t hot) { return static_cast<Owner>(stamp(hot) >> semaphore::kSequenceBits); }
  static uint32_t head_of(int64_t line) { return payload(line) >> semaphore::kLengthBits; }
  static uint32_t length_of(int64_t line) { return payload(line) & kLengthMask; }
  static Owner owner_of(int64_t place) { return payload(place) >> semaphore::kWaitingBits; }
  static uint32_t count_of(int64_t place) { return payload(place) & kWaitingMask; }
  static uint32_t place_payload(Owner owner, uint32_t count) { return owner << semaphore::kWaitingBits | count; }

  void write_identity(Owner owner, const Identity& who) {
    // order: relaxed. Read by who hands a permit to a caller of this row, which its place in the queue, published
    // later, precedes; and by who looks for the dead, to whom a space not yet written says nothing wrong.
    row(owner, semaphore::kDoorbell).store(who.doorbell, std::memory_order_relaxed);
    row(owner, semaphore::kSpace).store(who.space, std::memory_order_relaxed);
  }

  // False for nobody, and for what a thread that scribbles over shared memory may have left there.
  bool is_row(Owner owner) const { return owner - 1 < shape_.rows; }

  W& hot() const { return words_[semaphore::kHot]; }
  W& queue() const { return words_[semaphore::kQueue]; }
  W& row(Owner owner, size_t word) const { return words_[semaphore::kFirstRow + (owner - 1) * kWordsPerCell + word]; }
  // The place `index` behind the head.
  W& place(int64_t line, uint32_t index) const {
    return words_[semaphore::kFirstRow + shape_.rows * kWordsPerCell + (head_of(line) + index) % shape_.places];
  }

  // Makes the operation public, and completes it. False if `hot` is no more what it was, which `now` then holds.
  bool commit(int64_t* now, Owner owner, Action action, uint32_t free, bool queued) {
    W& own = row(owner, semaphore::kOwn);
    const int64_t before = own.load(std::memory_order_acquire);
    const int64_t next_stamp = int64_t{owner} << semaphore::kSequenceBits | ((before + 1) & kSequenceMask);
    const uint32_t left =
        free << semaphore::kFreeShift | uint32_t{queued} << semaphore::kQueuedBit | static_cast<uint32_t>(action);
    const int64_t next = with_stamp(left, next_stamp);
    // order: acq_rel. Release: what completed the operation in `now` comes first for whoever sees this one. Acquire:
    // the next operation of another thread is built on what this thread sees here.
    if (!hot().compare_exchange_weak(*now, next, std::memory_order_acq_rel, std::memory_order_acquire)) return false;
    if (action == Action::kTake || action == Action::kGive) {
      // A store will do: whoever helps writes the same, and cannot be late, for it swaps out a stamp that never comes
      // back. order: release. Pairs with the acquire in `complete_of_other`.
      own.store(with_stamp((payload(before) + change_of_own(action)) & kPayloadMask, next_stamp),
                std::memory_order_release);
    } else {
      complete(next);
    }
    return true;
  }

  static uint32_t change_of_own(Action action) {
    return action == Action::kTake ? 1 : action == Action::kGive || action == Action::kHandOver ? kPayloadMask : 0;
  }

  void complete_of_other(int64_t now, Owner owner) {
    const Owner writer = writer_of(now);
    if (writer == owner || !is_row(writer)) return;
    // order: acquire. Pairs with the release of the row's last write: all that the operation did is visible.
    if (stamp(row(writer, semaphore::kOwn).load(std::memory_order_acquire)) != stamp(now)) complete(now);
  }

  // Does what the operation in `now` does to other words, where that is not done yet. Any thread may do so at any time:
  // once `hot` has moved on, nothing is changed. The owner's row comes last, as the sign that all is done.
  void complete(int64_t now) {
    const Action action = action_of(now);
    const Owner owner = writer_of(now);
    if (!is_row(owner)) return;
    if (is_hand_over(action) || action == Action::kJoin || action == Action::kCancel) {
      const int64_t line = queue().load(std::memory_order_acquire);
      if (stamp(line) != stamp(now) && !change_queue(now, action, owner, line)) return;
    }
    apply(row(owner, semaphore::kOwn), now,
          [&](int64_t before) { return (payload(before) + change_of_own(action)) & kPayloadMask; });
  }

  // False if `hot` has moved on.
  bool change_queue(int64_t now, Action action, Owner owner, int64_t line) {
    const uint32_t head = head_of(line);
    const uint32_t length = length_of(line);
    if (action == Action::kJoin) {
      const uint32_t index = place_for(owner, line, stamp(now));
      if (index == kNoPlace) return false;
      return apply(place(line, index), now,
                   [&](int64_t before) {
                     const bool joins = index < length && owner_of(before) == owner;
                     return place_payload(owner, joins ? count_of(before) + 1 : 1);
                   }) &&
             apply_line(now, head, index < length ? length : index + 1);
    }
    const uint32_t index = is_hand_over(action) ? first_waiting(line, stamp(now)) : last_of(owner, line, stamp(now));
    if (index == kNoPlace) return false;
    W& chosen = place(line, index);
    if (!apply(chosen, now, [](int64_t before) { return payload(before) - 1; })) return false;
    const int64_t left = chosen.load(std::memory_order_acquire);
    if (is_hand_over(action)) {
      // Whose place it is stays in it, also when it is empty.
      if (!is_row(owner_of(left)) || !apply(row(owner_of(left), semaphore::kGrants), now,
                                            [](int64_t before) { return (payload(before) + 1) & kPayloadMask; }))
        return false;
      const uint32_t past = count_of(left) > 0 ? index : index + 1;
      return is_queued(now) ? apply_line(now, (head + past) % shape_.places, length - past) : apply_line(now, 0, 0);
    }
    if (!is_queued(now)) return apply_line(now, 0, 0);
    uint32_t used = length;
    while (used > 0 && count_of(place(line, used - 1).load(std::memory_order_acquire)) == 0) --used;
    return apply_line(now, head, used);
  }

  bool apply_line(int64_t now, uint32_t head, uint32_t length) {
    return apply(queue(), now, [&](int64_t) { return head << semaphore::kLengthBits | length; });
  }

  // Gives `word` its new payload under the operation's stamp, unless it has that already. False if `hot` has moved on.
  template <class Change>
  bool apply(W& word, int64_t now, Change change) {
    // order: acquire. Pairs with the swap below of another helper, and keeps the load of `hot` behind this one.
    int64_t before = word.load(std::memory_order_acquire);
    for (;;) {
      if (stamp(before) == stamp(now)) return true;
      // Still the same, so `before` is what the operation found: of no word is there a value twice.
      if (hot().load(std::memory_order_acquire) != now) return false;
      const int64_t after = with_stamp(change(before), stamp(now));
      // order: release. Pairs with the load above and those of the queue: who sees this change sees those before it.
      if (word.compare_exchange_strong(before, after, std::memory_order_acq_rel, std::memory_order_acquire))
        return true;
    }
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

  // Whose caller is first in the queue; kNobody when none is.
  Owner first_owner() const {
    const int64_t line = queue().load(std::memory_order_acquire);
    const uint32_t index = first_waiting(line, kNoStamp);
    return index == kNoPlace ? kNobody : owner_of(place(line, index).load(std::memory_order_acquire));
  }

  // The first place in which anybody waits, or that bears `applied`.
  uint32_t first_waiting(int64_t line, int64_t applied) const {
    for (uint32_t index = 0; index < length_of(line); ++index) {
      const int64_t each = place(line, index).load(std::memory_order_acquire);
      if (count_of(each) > 0 || stamp(each) == applied) return index;
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
