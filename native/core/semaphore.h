// A counting semaphore with a queue, first come first served over all threads, in cells of shared memory. Every
// operation is lock-free and may run in any thread or process at the same time as any other. A thread that dies at any
// instruction leaves it usable, and what it held or waited for can be taken back from its row.
//
// One word, `hot`, names the operation under way: its owner, its action and the permits in use. Whoever finds another's
// operation there completes it first (it is done when its stamp is in its owner's row), so no two operations ever
// overlap, and what an operation read before its own swap of `hot` succeeded was not changed by anybody. Uncontended,
// that is one compare-and-swap.
//
// How many may be in use, and how many may wait, are words of their own. Whoever has changed one swaps `hot`, too
// (`announce`): who read it before either comes before that swap, and is seen by who made it, or fails and reads again.
// So a change holds for everybody from the moment on at which it returns, and no caller stands in line unseen.
//
// Source: helping as in Herlihy, "A methodology for implementing highly concurrent data objects" (1993), with the row's
// stamp in the part of a recoverable compare-and-swap (Attiya, Ben-Baruch, Hendler, 2018).
//
// `W` is the word type: std::atomic<int64_t>, or the model checker's in native tests.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "core/layout.h"
#include "core/semaphore_words.h"

namespace amorsize::core {

// What somebody saw when he last looked at a row: what it had not collected has been there since.
struct Sighting {
  int64_t collected = 0;
  int64_t since_ms = kNever;
  static constexpr int64_t kNever = INT64_MAX;
};
using Sightings = std::array<Sighting, semaphore::kMostRows>;

enum class Admission {
  kAdmitted,  // holds a permit
  kQueued,    // has a place; a permit will be handed over
  kRefused,   // the queue is full; nothing changed
};

template <class W = Word>
class Semaphore : public SemaphoreWords<W> {
  using Words = SemaphoreWords<W>;

 public:
  using typename Words::Identity;
  using Words::in_use, Words::limit, Words::terms, Words::waiting, Words::adaptive_limit, Words::held, Words::grants,
      Words::uncollected, Words::is_late, Words::is_ready;
  using Words::Words;

  // Writes a semaphore into zeroed memory no other thread can see yet. Preconditions: 1 <= max_concurrent <=
  // kMostPermits, of an adaptive one least <= max_concurrent <= kMostLimit; max_queue >= -1.
  void initialize(int64_t max_concurrent, int64_t max_queue) {
    words_[semaphore::kMaxConcurrent].store(max_concurrent, std::memory_order_relaxed);
    words_[semaphore::kMaxQueue].store(max_queue, std::memory_order_relaxed);
    words_[semaphore::kShape].store(shape_.word(), std::memory_order_relaxed);
    const SemaphoreTerms first{max_concurrent, int64_t{shape_.least}, max_queue};
    words_[semaphore::kTerms].store(first.word(), std::memory_order_relaxed);
    hot().store(0, std::memory_order_relaxed);
    if (shape_.is_adaptive()) adaptive_limit().initialize();
    write_kind(words_, Kind::kSemaphore);
  }

  // Claims a row; kNobody when all are in use.
  Owner claim(const Identity& who) {
    for (Owner owner = 1; owner <= shape_.rows; ++owner) {
      int64_t nobody = 0;
      // order: acquire. Pairs with the release in `bury`: the last owner's operations have ended.
      if (!row(owner, semaphore::kOwner)
               .compare_exchange_strong(nobody, who.process, std::memory_order_acquire, std::memory_order_relaxed))
        continue;
      write_identity(owner, who);
      // What was left to the last owner is none of this one's.
      collect(owner);
      return owner;
    }
    return kNobody;
  }

  // Takes a permit if one is free; then nobody waits.
  bool try_acquire(Owner owner) {
    return take_below(owner, [this] { return limit(); });
  }

  // Takes one for a caller who goes short first: only while less than half of the limit is in use (at least one).
  bool try_acquire_low(Owner owner) {
    return take_below(owner, [this] { return std::max(uint32_t{1}, limit() / 2); });
  }

  // Takes a permit, or a place at the end of the queue.
  Admission acquire(Owner owner) {
    int64_t now = present();
    for (;;) {
      complete_of_other(now, owner);
      const SemaphoreTerms terms = this->terms();
      if (has_free(now, limit(terms))) {
        if (commit(&now, owner, Action::kTake, in_use_of(now) + 1, false)) return Admission::kAdmitted;
        continue;
      }
      const bool has_room =
          (terms.max_queue < 0 || waiting() < terms.max_queue) && place_for(owner, line(), kNoStamp) != kNoPlace;
      if (!has_room) {
        if (is_still(&now)) return Admission::kRefused;
      } else if (commit(&now, owner, Action::kJoin, in_use_of(now), is_queued(now) || !is_late(owner))) {
        return Admission::kQueued;
      }
    }
  }

  // Gives a permit of `owner` back: to the first in the queue, whose owner is returned to be woken up, or else to all
  // (kNobody). Precondition: held(owner) > 0. `grant` then, if anybody waits still: who raised the limit may have died
  // before it did so.
  Owner release(Owner owner, bool* anybody_waits) {
    int64_t now = present();
    for (;;) {
      complete_of_other(now, owner);
      *anybody_waits = is_queued(now);
      // Beyond a limit that has fallen, what is given back goes to nobody.
      if (!*anybody_waits || in_use_of(now) > limit()) {
        if (commit(&now, owner, Action::kGive, in_use_of(now) - 1, *anybody_waits)) return kNobody;
        continue;
      }
      const Owner next = first_owner();
      *anybody_waits = is_ready(1);
      if (commit(&now, owner, Action::kHandOver, in_use_of(now), *anybody_waits)) return next;
    }
  }
  Owner release(Owner owner) {
    bool anybody_waits = false;
    return release(owner, &anybody_waits);
  }

  // Hands a permit that is free to the first in the queue, whose owner is returned to be woken up; kNobody when there
  // is none, or nobody waits. To be called until then, by `owner`, after whatever has raised the limit. Nobody is
  // forgotten if its thread dies first: while anybody waits, somebody holds a permit and will give it back.
  Owner grant(Owner owner) {
    int64_t now = present();
    while (is_queued(now) && in_use_of(now) < limit()) {
      complete_of_other(now, owner);
      const Owner next = first_owner();
      if (commit(&now, owner, Action::kGrant, in_use_of(now) + 1, is_ready(1))) return next;
    }
    return kNobody;
  }

  // Changes the terms to what `change` makes of those in force, in one step for all; false if it makes nothing of them.
  // When it returns nobody goes by the old ones any more. Nothing is taken away: more may be in use, or wait, than the
  // new ones allow, until fewer are. `grant` then. Preconditions: as of `initialize`, and whether the limit is adaptive
  // stays as it is.
  template <class Change>
  bool update(Owner owner, Change change) {
    W& word = words_[semaphore::kTerms];
    int64_t before = word.load(std::memory_order_relaxed);
    for (;;) {
      SemaphoreTerms terms = SemaphoreTerms::of_word(before);
      if (!change(&terms)) return false;
      // order: relaxed. Nothing is published but the word itself, which `announce` orders.
      if (word.compare_exchange_weak(before, terms.word(), std::memory_order_relaxed, std::memory_order_relaxed)) break;
    }
    announce(owner);
    return true;
  }

  // The limit has moved, or the terms have: has all others see that. `grant` then.
  void announce(Owner owner) {
    // order: acquire, and release in `commit`. Who acts on what it read before is either in what is found here, or
    // fails and finds this.
    int64_t now = present();
    do complete_of_other(now, owner);
    while (!commit(&now, owner, Action::kAnnounce, in_use_of(now), is_queued(now)));
  }

  // Gives up the last place of `owner` in the queue; those of its callers that are behind the one that leaves move up.
  // False when it has none: what it waited for has been handed over.
  bool cancel(Owner owner) {
    int64_t now = present();
    for (;;) {
      complete_of_other(now, owner);
      const bool has_place = last_of(owner, line(), kNoStamp) != kNoPlace;
      if (!has_place) {
        if (is_still(&now)) return false;
      } else if (commit(&now, owner, Action::kCancel, in_use_of(now), is_ready(is_late(owner) ? 0 : 1))) {
        return true;
      }
    }
  }

  // How many permits were handed to `owner` since it last asked: from now on they are taken back by nobody. `grant`
  // then: what is free may be for those of its callers that were passed over.
  uint32_t collect(Owner owner) {
    int64_t now = present();
    for (;;) {
      complete_of_other(now, owner);
      const uint32_t fresh = uncollected(owner);
      if (fresh == 0 && !is_late(owner)) {
        if (is_still(&now)) return 0;
        continue;
      }
      if (commit(&now, owner, Action::kMark, in_use_of(now), is_queued(now) || is_passed_over(owner), owner))
        return fresh;
    }
  }

  // Takes back a permit that was handed to `late` and that it has not collected since `collected` was read there: its
  // caller waits again, first of all, but is passed over until `late` collects. False when there is none. `grant` then.
  bool pass_over(Owner owner, Owner late, int64_t collected) {
    int64_t now = present();
    for (;;) {
      complete_of_other(now, owner);
      const bool is_there =
          this->collected(late) == collected && uncollected(late) > 0 && front_for(late, line(), kNoStamp) != kNoPlace;
      if (!is_there) {
        if (is_still(&now)) return false;
      } else if (commit(&now, owner, Action::kMark, in_use_of(now) - 1, is_ready(0, late), late)) {
        return true;
      }
    }
  }

  // Takes back what was handed to threads that have not collected it for kLateMs of the looks of one who waits, and
  // hands over what is free: they are stopped or busy, and go first when they go on. Calls `wake(owner)` for each that
  // is handed one.
  template <class Wake>
  void pass_over_late(Owner owner, Sightings* sightings, int64_t now_ms, Wake wake) {
    for (Owner other = 1; other <= shape_.rows; ++other) {
      Sighting& last = (*sightings)[other - 1];
      const int64_t collected = this->collected(other);
      if (other == owner || uncollected(other) == 0) {
        last.since_ms = Sighting::kNever;
      } else if (last.since_ms == Sighting::kNever || last.collected != collected) {
        last = {collected, now_ms};
      } else if (now_ms - last.since_ms >= kLateMs) {
        while (pass_over(owner, other, collected)) {
        }
      }
    }
    for (Owner next = grant(owner); next != kNobody; next = grant(owner)) wake(next);
  }
  static constexpr int64_t kLateMs = 1000;

  // The word that changes whenever `owner` collects.
  int64_t collected(Owner owner) const { return row(owner, semaphore::kCollected).load(std::memory_order_acquire); }

  // Completes the operation under way, whoever began it.
  void complete_any() { complete(present()); }

  // The thread that acted for `owner` is gone, in the middle of anything: completes what it began, gives up its places,
  // gives back its permits and frees the row. Calls `wake(owner)` for each that is handed one. Precondition: nobody
  // else acts for `owner`.
  template <class Wake>
  void bury(Owner owner, Wake wake) {
    complete_any();
    do {
      collect(owner);
      while (cancel(owner)) {
      }
      // A permit that was handed over meanwhile may be passed over, and then has a place again.
    } while (!has_nothing_to_come(owner));
    while (held(owner) > 0) {
      const Owner next = release(owner);
      if (next != kNobody) wake(next);
    }
    // In case it died while it moved the limit.
    announce(owner);
    for (Owner next = grant(owner); next != kNobody; next = grant(owner)) wake(next);
    row(owner, semaphore::kSpace).store(0, std::memory_order_relaxed);
    // order: release. Pairs with `claim` and `inherit`.
    row(owner, semaphore::kOwner).store(0, std::memory_order_release);
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

 private:
  using typename Words::Action;
  using Words::words_, Words::shape_, Words::hot, Words::queue, Words::present, Words::line, Words::row, Words::place,
      Words::with_stamp, Words::payload, Words::stamp, Words::kPayloadMask, Words::kSequenceMask, Words::kNoStamp,
      Words::kNoPlace, Words::has_free, Words::in_use_of, Words::is_queued, Words::action_of, Words::writer_of,
      Words::head_of, Words::length_of, Words::owner_of, Words::count_of, Words::place_payload, Words::is_row,
      Words::place_for, Words::front_for, Words::first_owner, Words::first_waiting, Words::last_of, Words::is_hand_over;

  void write_identity(Owner owner, const Identity& who) {
    // order: relaxed. Read by who hands a permit to a caller of this row, which its place in the queue, published
    // later, precedes; and by who looks for the dead: os::is_alive says what a space not yet written means.
    row(owner, semaphore::kDoorbell).store(who.doorbell, std::memory_order_relaxed);
    row(owner, semaphore::kSpace).store(who.space, std::memory_order_relaxed);
  }

  template <class Limit>
  bool take_below(Owner owner, Limit limit_now) {
    int64_t now = present();
    for (;;) {
      // After a stop of its thread, those who came before go first.
      if (!has_free(now, limit_now()) || is_passed_over(owner)) {
        if (is_still(&now)) return false;
        continue;
      }
      complete_of_other(now, owner);
      if (commit(&now, owner, Action::kTake, in_use_of(now) + 1, false)) return true;
    }
  }

  // Whether callers of `owner` wait whom others go before.
  bool is_passed_over(Owner owner) const { return is_late(owner) && last_of(owner, line(), kNoStamp) != kNoPlace; }

  // Whether `owner` neither waits nor is to collect anything.
  bool has_nothing_to_come(Owner owner) {
    int64_t now = present();
    complete_of_other(now, owner);
    return uncollected(owner) == 0 && last_of(owner, line(), kNoStamp) == kNoPlace && is_still(&now);
  }

  // Whether nothing has changed meanwhile: only then may a caller be refused for what it read. Else `now` is the
  // present.
  bool is_still(int64_t* now) {
    const int64_t again = present();
    if (again == *now) return true;
    *now = again;
    return false;
  }

  // Makes the operation public, and completes it. False if `hot` is no more what it was, which `now` then holds.
  // `target`: whose row a mark changes.
  bool commit(int64_t* now, Owner owner, Action action, uint32_t in_use, bool queued, Owner target = kNobody) {
    W& own = row(owner, semaphore::kOwn);
    const int64_t before = own.load(std::memory_order_acquire);
    const int64_t next_stamp = int64_t{owner} << semaphore::kSequenceBits | ((before + 1) & kSequenceMask);
    const uint32_t left =
        in_use << semaphore::kInUseShift | uint32_t{queued} << semaphore::kQueuedBit | static_cast<uint32_t>(action);
    const int64_t next = with_stamp(left, next_stamp);
    // order: release. Pairs with `mark`: who sees it of a later operation sees that the one before is done.
    if (target != kNobody)
      row(owner, semaphore::kTarget).store(with_stamp(target, next_stamp), std::memory_order_release);
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
      const int64_t line = this->line();
      if (stamp(line) != stamp(now) && !change_queue(now, action, owner, line)) return;
    }
    if (action == Action::kMark && !mark(now, owner)) return;
    apply(row(owner, semaphore::kOwn), now,
          [&](int64_t before) { return (payload(before) + change_of_own(action)) & kPayloadMask; });
  }

  // False if `hot` has moved on.
  bool mark(int64_t now, Owner owner) {
    const int64_t word = row(owner, semaphore::kTarget).load(std::memory_order_acquire);
    const Owner target = payload(word);
    if (stamp(word) != stamp(now) || !is_row(target)) return false;
    if (target == owner) {
      const uint32_t all = grants(owner);
      return apply(row(owner, semaphore::kCollected), now, [&](int64_t) { return all; }) &&
             apply(row(owner, semaphore::kLate), now, [](int64_t) { return 0u; });
    }
    const int64_t line = this->line();
    if (stamp(line) != stamp(now) && !put_in_line(now, target, line, front_for(target, line, stamp(now)))) return false;
    return apply(row(target, semaphore::kGrants), now,
                 [](int64_t before) { return (payload(before) - 1) & kPayloadMask; }) &&
           apply(row(target, semaphore::kLate), now, [](int64_t) { return 1u; });
  }

  // One more caller of `owner` waits in the place `index`: one of the line, the one behind it, or the one before it.
  bool put_in_line(int64_t now, Owner owner, int64_t line, uint32_t index) {
    const uint32_t length = length_of(line);
    if (index == kNoPlace) return false;
    const auto joined = [&](int64_t before) {
      const bool joins = index < length && owner_of(before) == owner;
      return place_payload(owner, joins ? count_of(before) + 1 : 1);
    };
    if (!apply(place(line, index), now, joined)) return false;
    return apply_line(now, index > length ? (head_of(line) + index) % shape_.places : head_of(line),
                      index < length ? length : length + 1);
  }

  // False if `hot` has moved on.
  bool change_queue(int64_t now, Action action, Owner owner, int64_t line) {
    const uint32_t head = head_of(line);
    const uint32_t length = length_of(line);
    if (action == Action::kJoin) return put_in_line(now, owner, line, place_for(owner, line, stamp(now)));
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
      uint32_t past = 0;
      while (past < length && count_of(place(line, past).load(std::memory_order_acquire)) == 0) ++past;
      return apply_line(now, past < length ? (head + past) % shape_.places : 0, length - past);
    }
    uint32_t used = length;
    while (used > 0 && count_of(place(line, used - 1).load(std::memory_order_acquire)) == 0) --used;
    return apply_line(now, used > 0 ? head : 0, used);
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
      if (present() != now) return false;
      const int64_t after = with_stamp(change(before), stamp(now));
      // order: release. Pairs with the load above and those of the queue: who sees this change sees those before it.
      if (word.compare_exchange_strong(before, after, std::memory_order_acq_rel, std::memory_order_acquire))
        return true;
    }
  }
};

}  // namespace amorsize::core
