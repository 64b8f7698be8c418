// A token bucket in five cells of shared memory. Every operation is lock-free, takes the time as an argument, and may
// run in any thread or process at the same time as any other; results may be stale when they arrive. A thread that dies
// at any instruction leaves the bucket usable.
//
// `W` is the word type: std::atomic<int64_t>, or the model checker's in native tests.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/backoff.h"
#include "core/bucket_changes.h"
#include "core/bucket_words.h"
#include "core/layout.h"
#include "core/rate.h"

namespace amorsize::core {

// Where a reservation stands on the axis of units. Survives parameter changes.
struct Ticket {
  int64_t position = 0;    // `spent` right after the reservation, counted with `digits`
  int64_t generation = 0;  // parameters it was computed with
  int digits = 0;
};

struct Reservation {
  Outcome outcome;
  int64_t wait_ns;  // until the tokens are there; of a denied one: until it would have been granted
  Ticket ticket;
};

// A bucket at one moment. Places are in units relative to `base`, which is absolute.
struct Survey {
  int64_t generation;
  int64_t base;
  int digits;
  int64_t produced;
  int64_t spent;
  int64_t burst;
  int64_t paused_ns;  // until a pause ends; 0 without one
  double rate;        // tokens a second
  double burst_tokens;
};

// A bucket as those see it who only watch.
struct BucketLook {
  bool is_whole;  // false: the words were copied while parameters changed
  double rate;    // tokens a second
  double burst_tokens;
  double tokens;
  double debt;        // tokens that are reserved and not there yet
  int64_t paused_ns;  // until a pause ends; 0 without one
  int64_t wait_ns;    // until the next caller has a token
};

// A stretch of the axis: `start` is where it begins.
struct Run {
  Outcome outcome;
  int64_t start;
};

template <class W = Word>
class TokenBucket : public BucketChanges<W> {
 public:
  using BucketChanges<W>::BucketChanges;

  // Takes one token if it is there.
  bool try_acquire_one(int64_t now_ns) {
    const auto cost_of = [](const Terms& terms) { return terms.digits >= 0 ? kIntPow10[terms.digits] : int64_t{1}; };
    return take(now_ns, cost_of) == Outcome::kGranted;
  }

  // Takes `tokens` > 0 if all of them are there, else none.
  Outcome try_acquire(int64_t now_ns, double tokens) {
    return take(now_ns, [&](const Terms& terms) { return terms.cost_of(tokens, read_asked_burst(terms)); });
  }

  // Takes `tokens` > 0, now or from the future: grants if they will be there within `max_wait_ns` >= 0. Reservations
  // are granted first come, first served over all threads, since each takes the next stretch of the axis.
  Reservation reserve(int64_t now_ns, double tokens, int64_t max_wait_ns) {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t cost = slot.cost_of(tokens);
      if (cost == kTooLarge) {
        if (!is_current(slot)) continue;
        return {Outcome::kExceedsBurst, kNever, {}};
      }
      const int64_t produced = slot.produced(now_ns);
      const int64_t next = slot.spent_by(produced) + cost;
      int64_t wait_ns = 0;
      if (next > produced || slot.is_paused(now_ns)) {
        wait_ns = next > kMaxSpent ? kNever : slot.time_until(next, now_ns);
        if (wait_ns > max_wait_ns || wait_ns == kNever) {
          if (!is_current(slot)) continue;
          return {Outcome::kDenied, wait_ns, {}};
        }
      }
      if (produced > kRebaseAt && rebase(now_ns) == Outcome::kGranted) continue;
      if (next > kMaxSpent) return {Outcome::kBusy, 0, {}};
      if (raise_reserved(slot, next) && commit(slot, next))
        return {Outcome::kGranted, wait_ns, {slot.base + next, slot.generation, slot.digits}};
    }
  }

  // What a queue of callers needs to know, all of one moment.
  Survey survey(int64_t now_ns) {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t produced = slot.produced(now_ns);
      if (produced > kRebaseAt && rebase(now_ns) == Outcome::kGranted) continue;
      if (!is_current(slot)) continue;
      return {slot.generation,
              slot.base,
              slot.digits,
              std::min(produced, kMaxSpent),
              slot.spent,
              slot.burst,
              slot.is_paused(now_ns) ? slot.epoch_ns - now_ns : 0,
              slot.asked_rate,
              slot.asked_burst};
    }
  }

  // What can be said of a copy of the words; `waiting`: tokens of callers that have no reservation yet.
  BucketLook look(int64_t now_ns, double waiting) const {
    const Slot slot = read_slot();
    // Words of a copy stay as they are: only the slot itself says whether it is that of `hot`.
    if (((slot.generation ^ slot.hot) & bucket::kGenerationMask) != 0) return {};
    const int64_t produced = slot.produced(now_ns);
    const int64_t spent = slot.spent_by(produced);
    const int64_t next = spent + cost_units(1 + waiting, slot.digits);
    const int64_t paused_ns = slot.is_paused(now_ns) ? slot.epoch_ns - now_ns : 0;
    return {true,
            slot.asked_rate,
            slot.asked_burst,
            paused_ns > 0 ? 0 : slot.tokens_of(std::max<int64_t>(produced - spent, 0)),
            slot.tokens_of(std::max<int64_t>(slot.spent - produced, 0)),
            paused_ns,
            next > produced ? slot.time_until(next, now_ns) : 0};
  }

  // Takes the next `units` > 0 of the axis for callers that wait. `generation`, `reach` and `limit` are of a survey:
  // tokens that have been there for more than `reach` units (never less than the burst) are gone, and the run may not
  // begin beyond `limit`. No two runs share a unit. Whoever uses units only once they are produced, and drops those
  // that were produced more than `reach` ago, keeps the bound of `reach` however late he is. kDenied: the run would
  // begin too late, or the bucket is paused. kBusy: the generation is over.
  Run reserve_run(int64_t now_ns, int64_t generation, int64_t units, int64_t reach, int64_t limit) {
    for (Backoff backoff;; backoff.lost()) {
      const Slot slot = read_slot();
      const int64_t produced = slot.produced(now_ns);
      const int64_t start = std::max(slot.spent, produced - std::max(reach, slot.burst));
      if (slot.generation != generation || start > limit || start > kMaxSpent - units || slot.is_paused(now_ns)) {
        if (!is_current(slot)) continue;
        return {slot.generation != generation ? Outcome::kBusy : Outcome::kDenied, 0};
      }
      if (raise_reserved(slot, start + units) && commit(slot, start + units)) return {Outcome::kGranted, start};
    }
  }

  // Gives back the last `units` of a run that ends at `end`, if nobody has taken the axis on from there.
  bool return_run(int64_t now_ns, int64_t generation, int64_t end, int64_t units) {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t spent = slot.spent_by(slot.produced(now_ns));
      if (slot.generation != generation || spent != end) {
        if (is_current(slot)) return false;
      } else if (commit(slot, end - units)) {
        return true;
      }
    }
  }

  // Nanoseconds until `units` of the axis of `generation` are produced and no pause is on; kStale when that is over.
  int64_t time_until(int64_t now_ns, int64_t generation, int64_t units) const {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t wait_ns = slot.time_until(units, now_ns);
      if (is_current(slot)) return slot.generation == generation ? wait_ns : kStale;
    }
  }

  // Gives back what a reservation of `tokens` took, if nothing was reserved after it: no two reservations ever share a
  // unit. Returns the tokens given back.
  double cancel(int64_t now_ns, const Ticket& ticket, double tokens) {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t position = rescale_up(ticket.position, ticket.digits, slot.digits) - slot.base;
      const int64_t produced = slot.produced(now_ns);
      // The position of another age may be so far away that nothing can be subtracted from it.
      const bool is_last = slot.spent_by(produced) == position;
      const int64_t cost = is_last ? std::max<int64_t>(cost_of(slot, ticket, tokens), 0) : 0;
      const int64_t next = std::max(position - cost, produced - slot.burst);
      if (!is_last || next >= position) {
        if (is_current(slot)) return 0;
      } else if (commit(slot, next)) {
        return slot.tokens_of(position - next);
      }
    }
  }

  // Gives back `tokens` >= 0, never above the burst. Returns the tokens given back, or kTryAgain.
  double refund(int64_t now_ns, double tokens) {
    for (;;) {
      const Slot slot = read_slot();
      const auto [spent, next] = slot.give_back(now_ns, tokens);
      if (next == spent) {  // full
        if (is_current(slot)) return 0;
      } else if (reserved(slot) > next) {
        return this->move_on(now_ns, tokens);
      } else if (commit(slot, next)) {
        return slot.tokens_of(spent - next);
      }
    }
  }

  // Takes `tokens` >= 0 whether they are there or not, more than the burst if need be: for a cost that is known only
  // when it has been incurred. Later callers wait until the debt is paid off; those who wait already keep their times.
  Outcome charge(int64_t now_ns, double tokens) {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t produced = slot.produced(now_ns);
      if (produced > kRebaseAt && rebase(now_ns) == Outcome::kGranted) continue;
      const int64_t spent = slot.spent_by(produced);
      if (spent > kMaxSpent) return Outcome::kBusy;
      if (commit(slot, std::min(spent + cost_units(tokens, slot.digits), kMaxSpent))) return Outcome::kGranted;
    }
  }

  // Tokens that could be taken now: 0 .. burst; none during a pause.
  double available(int64_t now_ns) const {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t produced = slot.produced(now_ns);
      const int64_t units = slot.is_paused(now_ns) ? 0 : produced - slot.spent_by(produced);
      if (is_current(slot)) return slot.tokens_of(std::max<int64_t>(units, 0));
    }
  }

  // How long the holder of `ticket` still has to wait; asked when the wait it was told is over. 0 unless the parameters
  // have changed since. `*ticket` is brought up to date.
  int64_t remaining(int64_t now_ns, Ticket* ticket) const {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t position = rescale_up(ticket->position, ticket->digits, slot.digits);
      const int64_t wait_ns = slot.time_until(position - slot.base, now_ns);
      if (!is_current(slot)) continue;
      if (slot.generation == ticket->generation) return 0;
      *ticket = {position, slot.generation, slot.digits};
      return wait_ns;
    }
  }

  // Of `time_until`: the generation is over.
  static constexpr int64_t kStale = -1;

 private:
  using typename BucketWords<W>::Slot;
  using typename BucketWords<W>::Terms;
  using BucketWords<W>::commit;
  using BucketWords<W>::is_current;
  using BucketWords<W>::kMaxSpent;
  using BucketWords<W>::kTooLarge;
  using BucketWords<W>::raise_reserved;
  using BucketWords<W>::read_asked_burst;
  using BucketWords<W>::read_slot;
  using BucketWords<W>::read_terms;
  using BucketWords<W>::reserved;
  using BucketChanges<W>::rebase;

  // Beyond this, which comes after 1.5 seconds at the fastest, the next decision starts a new slot.
  static constexpr int64_t kRebaseAt = kExactUnits;

  template <class CostOf>
  Outcome take(int64_t now_ns, CostOf cost_of) {
    for (Backoff backoff;; backoff.lost()) {
      const Terms terms = read_terms();
      const int64_t cost = cost_of(terms);
      const int64_t produced = terms.produced(now_ns);
      const int64_t next = terms.spent_by(produced) + cost;
      if (next > produced || cost == kTooLarge || terms.is_paused(now_ns)) {
        if (!is_current(terms)) continue;
        return cost == kTooLarge ? Outcome::kExceedsBurst : Outcome::kDenied;
      }
      if (produced > kRebaseAt && rebase(now_ns) == Outcome::kGranted) continue;
      if (next > kMaxSpent) return Outcome::kBusy;
      if (commit(terms, next)) return Outcome::kGranted;
    }
  }

  // What the reservation of `tokens` cost, in units of `slot`. Under later parameters the roundings of its own time are
  // not known any more: less than a unit too little rather than too much.
  static int64_t cost_of(const Slot& slot, const Ticket& ticket, double tokens) {
    if (slot.generation == ticket.generation) return slot.cost_of(tokens);
    return rescale_down(credit_units(tokens, ticket.digits), ticket.digits, slot.digits);
  }
};

}  // namespace amorsize::core
