// A token bucket in five cells of shared memory. Every operation is lock-free, takes the time as an argument, and may
// run in any thread or process at the same time as any other; results may be stale when they arrive. A thread that dies
// at any instruction leaves the bucket usable.
//
// `W` is the word type: std::atomic<int64_t>, or the model checker's in native tests.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>

#include "core/backoff.h"
#include "core/layout.h"
#include "core/rate.h"

namespace amorsize::core {

// Where a reservation stands on the axis of units. Survives parameter changes.
struct Ticket {
  int64_t position = 0;    // `spent` right after the reservation, counted with `digits`
  int64_t generation = 0;  // parameters it was computed with
  int digits = 0;
};

enum class Outcome {
  kGranted,       // taken; or reserved, with a wait
  kDenied,        // nothing changed
  kExceedsBurst,  // can never succeed; nothing changed
  kBusy,          // another thread is changing parameters; nothing changed, try again
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

// A stretch of the axis: `start` is where it begins.
struct Run {
  Outcome outcome;
  int64_t start;
};

struct Parameters {
  double rate;
  double burst;
  int64_t generation;
};

template <class W = Word>
class TokenBucket {
 public:
  explicit TokenBucket(W* cell) : cell_(cell) {}

  // Writes a full bucket into zeroed memory no other thread can see yet. Preconditions: 0 < rate <= kMaxRate,
  // 1 <= burst <= kMaxBurst.
  void initialize(int64_t now_ns, double rate, double burst) {
    const Slot slot = make_slot(0, now_ns, false, 0, rate, burst, digits_for(rate, burst, 0));
    write_slot(slot);
    cell_[bucket::kClaim].store(0, std::memory_order_relaxed);
    cell_[bucket::kHot].store(pack(-slot.burst, 0), std::memory_order_relaxed);
    cell_[bucket::kReserved].store(bucket::kNowhere, std::memory_order_relaxed);
    // order: release. Pairs with the acquire of whoever checks the kind word before first use.
    cell_[bucket::kKind].store(kind_word(Kind::kTokenBucket), std::memory_order_release);
  }

  // Takes one token if it is there.
  bool try_acquire_one(int64_t now_ns) {
    return take(
               now_ns, [this] { return read_terms(); },
               [](const Terms& terms) { return terms.digits >= 0 ? kIntPow10[terms.digits] : int64_t{1}; }) ==
           Outcome::kGranted;
  }

  // Takes `tokens` > 0 if all of them are there, else none.
  Outcome try_acquire(int64_t now_ns, double tokens) {
    return take(
        now_ns, [this] { return read_slot(); }, [tokens](const Slot& slot) { return slot.cost_of(tokens); });
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
      const int64_t next = std::max(slot.spent, produced - slot.burst) + cost;
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
      const int64_t spent = std::max(slot.spent, slot.produced(now_ns) - slot.burst);
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
      const int64_t pause_ns = slot.is_paused(now_ns) ? slot.epoch_ns - now_ns : 0;
      if (is_current(slot)) return slot.generation == generation ? std::max(wait_ns, pause_ns) : kStale;
    }
  }

  // Gives back what a reservation of `tokens` took, if nothing was reserved after it: no two reservations ever share a
  // unit. Returns the tokens given back.
  double cancel(int64_t now_ns, const Ticket& ticket, double tokens) {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t position = rescale_up(ticket.position, ticket.digits, slot.digits) - slot.base;
      const int64_t floor = slot.produced(now_ns) - slot.burst;
      const int64_t next = std::max(position - std::max<int64_t>(cost_of(slot, ticket, tokens), 0), floor);
      if (std::max(slot.spent, floor) != position || next >= position) {
        if (is_current(slot)) return 0;
      } else if (commit(slot, next)) {
        return slot.tokens_of(position - next);
      }
    }
  }

  // Gives back `tokens` >= 0, never above the burst. Returns the tokens given back, or kTryAgain: another thread is
  // changing parameters.
  //
  // `spent` is lowered, unless reservations stand in the way, whose units somebody else would then get as well. Then it
  // is the axis that moves on, as if as many tokens had been produced: who waits is served that much earlier, and all
  // units stay unique.
  double refund(int64_t now_ns, double tokens) {
    for (;;) {
      const Slot slot = read_slot();
      const auto [spent, next] = give_back(slot, now_ns, tokens);
      if (next > kMaxSpent || next == spent) {  // full, perhaps because it has been idle for very long
        if (is_current(slot)) return 0;
      } else if (reserved(slot) > next) {
        double returned = 0;
        const Outcome outcome = change(now_ns, [&](const Slot& old) {
          const auto [old_spent, old_next] = give_back(old, now_ns, tokens);
          returned = old.tokens_of(old_spent - old_next);
          return Change{old.epoch_ns,
                        old.ends_pause,
                        old.base + (old_spent - old_next),
                        old.base + old_spent,
                        old.asked_rate,
                        old.asked_burst,
                        old_next == old_spent || old_next > kMaxSpent};
        });
        return outcome == Outcome::kGranted ? returned : kTryAgain;
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
      const int64_t spent = std::max(slot.spent, produced - slot.burst);
      if (spent > kMaxSpent) return Outcome::kBusy;
      if (commit(slot, std::min(spent + cost_units(tokens, slot.digits), kMaxSpent))) return Outcome::kGranted;
    }
  }

  // Tokens that could be taken now: 0 .. burst; none during a pause.
  double available(int64_t now_ns) const {
    for (;;) {
      const Slot slot = read_slot();
      const int64_t produced = slot.produced(now_ns);
      const int64_t units = slot.is_paused(now_ns) ? 0 : produced - std::max(slot.spent, produced - slot.burst);
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

  // Changes rate and burst for every thread at once. The available tokens (or the debt) stay, cut to the new burst;
  // who waits keeps its place, and finds its new time by `remaining`.
  // NaN keeps the rate or the burst, whatever it is at that moment.
  Outcome update(int64_t now_ns, double rate, double burst) {
    return change(now_ns, [&](const Slot& old) {
      Change to = at(old, now_ns);
      if (!std::isnan(rate)) to.rate = rate;
      if (!std::isnan(burst)) to.burst = burst;
      return to;
    });
  }

  // Stops production until `until_ns` and empties the bucket; nobody, waiting or new, is admitted before. What is given
  // back meanwhile is there when it ends. Does nothing when the bucket is paused for at least as long already.
  Outcome pause(int64_t now_ns, int64_t until_ns) {
    return change(now_ns, [&](const Slot& old) {
      Change to = at(old, now_ns);
      to.unchanged = to.epoch_ns >= until_ns;
      to.spent = std::max(to.spent, to.produced);
      to.epoch_ns = until_ns;
      to.ends_pause = true;
      return to;
    });
  }

  // Fills the bucket, less the `owed` tokens of callers that wait and have a reservation, and ends a pause. Debts are
  // forgotten. The axis moves on: what is reserved falls due at once.
  Outcome reset(int64_t now_ns, double owed = 0) {
    return change(now_ns, [&](const Slot& old) {
      Change to = at(old, now_ns);
      const int64_t debt = std::max<int64_t>(to.spent - to.produced, 0);
      to.produced = to.spent + old.burst - std::min(credit_units(owed, old.digits), debt);
      to.epoch_ns = now_ns;
      to.ends_pause = false;
      return to;
    });
  }

  // The parameters in force.
  Parameters parameters() const {
    for (;;) {
      const Slot slot = read_slot();
      if (is_current(slot)) return {slot.asked_rate, slot.asked_burst, slot.generation};
    }
  }

  // How long a claim to change parameters is honoured. An updater holds one for well under a microsecond.
  static constexpr int64_t kClaimLeaseNs = 1'000'000'000;
  // Of `time_until`: the generation is over. Of `refund`: try again.
  static constexpr int64_t kStale = -1;
  static constexpr double kTryAgain = -1;

 private:
  // `spent` and `produced` are kept relative to the slot's base, so that they fit beside the generation. Beyond
  // kRebaseAt, which comes after 1.5 seconds at the fastest, the next decision starts a new slot.
  static constexpr int64_t kRebaseAt = kExactUnits;
  static constexpr int64_t kMaxSpent = (int64_t{1} << (63 - bucket::kSpentShift)) - 1;
  static constexpr int64_t kTooLarge = -1;
  static constexpr int64_t kClaimLeaseTicks = kClaimLeaseNs >> bucket::kClaimTickBits;

  // What one decision needs: `hot` and half of the slot it points to.
  struct Terms {
    int64_t hot;
    int64_t spent;
    int64_t epoch_ns;
    int64_t burst;
    Rate rate;
    int digits;
    bool ends_pause;  // the epoch does

    // Units produced since the base. Time before the epoch (a pause, or another processor's clock) produces nothing.
    int64_t produced(int64_t now_ns) const { return now_ns > epoch_ns ? produced_in(rate, now_ns - epoch_ns) : 0; }

    // Nobody is admitted before a pause ends, whatever is given back meanwhile. An epoch that ends none is just past: a
    // thread may have read its clock before another one changed the parameters.
    bool is_paused(int64_t now_ns) const { return ends_pause && now_ns < epoch_ns; }

    int64_t time_until(int64_t units, int64_t now_ns) const {
      const int64_t since_epoch = units > 0 ? time_to_produce(rate, units) : 0;
      if (since_epoch == kNever) return kNever;
      return std::max<int64_t>(since_epoch - (now_ns - epoch_ns), 0);
    }
  };

  // The whole slot.
  struct Slot : Terms {
    int64_t generation;
    int64_t base;
    double asked_rate;
    double asked_burst;

    int64_t cost_of(double tokens) const {
      if (tokens > asked_burst) return kTooLarge;
      // The burst was rounded down; a cost of just that much must still fit.
      return std::min(cost_units(tokens, this->digits), this->burst);
    }

    double tokens_of(int64_t units) const {
      return units == this->burst ? asked_burst : std::min(tokens_in(units, this->digits), asked_burst);
    }
  };

  // What a change makes of the axis at `epoch_ns`; units of the old slot, absolute.
  struct Change {
    int64_t epoch_ns;
    bool ends_pause;
    int64_t produced;
    int64_t spent;
    double rate;
    double burst;
    bool unchanged;
  };

  // `generation`: higher bits, such as `hot` has, are cut off.
  static int64_t pack(int64_t spent, int64_t generation) {
    return static_cast<int64_t>(static_cast<uint64_t>(spent) << bucket::kSpentShift) |
           (generation & bucket::kGenerationMask);
  }

  W* slot_words(int64_t generation) const {
    return cell_ + bucket::kFirstSlot + static_cast<size_t>(generation & (bucket::kSlots - 1)) * kWordsPerCell;
  }

  // A torn read may mix two slots; that is found by `is_current` or `commit` before anything comes of it.
  Terms read_terms() const {
    // order: acquire. Pairs with the swap in `put_in_force`: the slot it published is visible.
    const int64_t hot = cell_[bucket::kHot].load(std::memory_order_acquire);
    const W* words = slot_words(hot);
    const int64_t scale = load(words, bucket::kScale);
    return {hot,
            hot >> bucket::kSpentShift,
            load(words, bucket::kEpochNs),
            load(words, bucket::kBurstUnits),
            {load(words, bucket::kMultiplier), static_cast<unsigned>(scale & 127)},
            static_cast<int>((scale >> 8) & 15) + kMinDigits,
            ((scale >> bucket::kPauseBit) & 1) != 0};
  }

  Slot read_slot() const {
    const Terms terms = read_terms();
    const W* words = slot_words(terms.hot);
    return {terms, load(words, bucket::kGeneration), load(words, bucket::kBase),
            std::bit_cast<double>(load(words, bucket::kRate)), std::bit_cast<double>(load(words, bucket::kBurst))};
  }

  static int64_t load(const W* words, size_t word) {
    // order: acquire. Pairs with the release stores of `write_slot`: a thread that sees a word of a later slot also
    // sees, in `is_current` or in the swap of `commit`, that `hot` has moved on.
    return words[word].load(std::memory_order_acquire);
  }

  // Whether what was read belongs together: the slot has not been replaced meanwhile.
  bool is_current(const Terms& terms) const {
    // order: relaxed. The acquire loads of `read_slot` come before it; a slot word written later would have brought the
    // newer `hot` along.
    return ((cell_[bucket::kHot].load(std::memory_order_relaxed) ^ terms.hot) & bucket::kGenerationMask) == 0;
  }

  // Replaces `spent`; fails when anything changed since the slot was read.
  bool commit(const Terms& terms, int64_t spent) {
    int64_t expected = terms.hot;
    // order: release. Keeps the slot's loads before the swap: whoever reuses that slot later has acquired a `hot` that
    // comes after this one, so its stores cannot have been what was read. Publishes `reserved`, too. On failure nothing
    // was learnt: relaxed.
    return cell_[bucket::kHot].compare_exchange_weak(expected, pack(spent, terms.hot), std::memory_order_release,
                                                     std::memory_order_relaxed);
  }

  template <class Read, class CostOf>
  Outcome take(int64_t now_ns, Read read, CostOf cost_of) {
    for (Backoff backoff;; backoff.lost()) {
      const auto terms = read();
      const int64_t cost = cost_of(terms);
      const int64_t produced = terms.produced(now_ns);
      const int64_t next = std::max(terms.spent, produced - terms.burst) + cost;
      if (next > produced || cost == kTooLarge || terms.is_paused(now_ns)) {
        if (!is_current(terms)) continue;
        return cost == kTooLarge ? Outcome::kExceedsBurst : Outcome::kDenied;
      }
      if (produced > kRebaseAt && rebase(now_ns) == Outcome::kGranted) continue;
      if (next > kMaxSpent) return Outcome::kBusy;
      if (commit(terms, next)) return Outcome::kGranted;
    }
  }

  // `spent` as it is, and as it would be with `tokens` given back.
  static std::pair<int64_t, int64_t> give_back(const Slot& slot, int64_t now_ns, double tokens) {
    const int64_t floor = slot.produced(now_ns) - slot.burst;
    const int64_t spent = std::max(slot.spent, floor);
    return {spent, std::max(spent - credit_units(tokens, slot.digits), floor)};
  }

  // A place in units of `slot`.
  static int64_t place_of(int64_t reserved, const Slot& slot) {
    constexpr int kBits = bucket::kReservedDigitsBits;
    return rescale_up(reserved >> kBits, static_cast<int>(reserved & ((int64_t{1} << kBits) - 1)) + kMinDigits - 1,
                      slot.digits) -
           slot.base;
  }

  // Where no reservation ends beyond.
  int64_t reserved(const Slot& slot) const {
    // order: relaxed. `hot` was acquired before; it was released after the word was raised for any reservation that it
    // has seen.
    return place_of(cell_[bucket::kReserved].load(std::memory_order_relaxed), slot);
  }

  // False if the slot has been replaced: then `place` may be of no axis.
  bool raise_reserved(const Slot& slot, int64_t place) {
    if (!is_current(slot)) return false;
    const int64_t units = slot.base + place;
    const int digits = units > bucket::kMaxReserved ? slot.digits - 1 : slot.digits;
    const auto packed = static_cast<uint64_t>(rescale_up(units, slot.digits, digits)) << bucket::kReservedDigitsBits;
    const int64_t raised = static_cast<int64_t>(packed) | (digits - kMinDigits + 1);
    W& word = cell_[bucket::kReserved];
    // order: relaxed, both. The release of `commit` publishes the word, whoever wrote it.
    int64_t seen = word.load(std::memory_order_relaxed);
    while (place_of(seen, slot) < place &&
           !word.compare_exchange_weak(seen, raised, std::memory_order_relaxed, std::memory_order_relaxed)) {
    }
    return true;
  }

  static Slot make_slot(int64_t generation, int64_t epoch_ns, bool ends_pause, int64_t base, double rate, double burst,
                        int digits) {
    const int64_t burst_units = std::max<int64_t>(credit_units(burst, digits), 1);
    return {{0, 0, epoch_ns, burst_units, rate_of(rate, digits), digits, ends_pause}, generation, base, rate, burst};
  }

  void write_slot(const Slot& slot) {
    W* words = slot_words(slot.generation);
    // order: release. Pairs with `read_slot`: whoever sees one of these words sees the `hot` that was current before.
    const auto store = [words](size_t word, int64_t value) { words[word].store(value, std::memory_order_release); };
    store(bucket::kGeneration, slot.generation);
    store(bucket::kEpochNs, slot.epoch_ns);
    store(bucket::kBase, slot.base);
    store(bucket::kMultiplier, slot.rate.multiplier);
    store(bucket::kScale, static_cast<int64_t>(slot.rate.shift) | static_cast<int64_t>(slot.digits - kMinDigits) << 8 |
                              static_cast<int64_t>(slot.ends_pause) << bucket::kPauseBit);
    store(bucket::kBurstUnits, slot.burst);
    store(bucket::kRate, std::bit_cast<int64_t>(slot.asked_rate));
    store(bucket::kBurst, std::bit_cast<int64_t>(slot.asked_burst));
  }

  // The axis as it stands at `now_ns`, to be changed.
  static Change at(const Slot& old, int64_t now_ns) {
    const int64_t produced = old.produced(now_ns);
    return {std::max(now_ns, old.epoch_ns),
            old.is_paused(now_ns),
            old.base + produced,
            old.base + std::max(old.spent, produced - old.burst),
            old.asked_rate,
            old.asked_burst,
            false};
  }

  // What the reservation of `tokens` cost, in units of `slot`. Under later parameters the roundings of its own time are
  // not known any more: less than a unit too little rather than too much.
  static int64_t cost_of(const Slot& slot, const Ticket& ticket, double tokens) {
    if (slot.generation == ticket.generation) return slot.cost_of(tokens);
    return rescale_down(credit_units(tokens, ticket.digits), ticket.digits, slot.digits);
  }

  // Starts a slot with the same parameters. Its epoch is whole seconds after the old one, when a rate of whole units
  // has produced whole units: nothing is rounded, so nothing drifts however long the bucket lives. A decision that
  // finds another thread changing parameters goes on without: past kRebaseAt a unit can only come a nanosecond early.
  Outcome rebase(int64_t now_ns) {
    constexpr int64_t kSecondNs = 1'000'000'000;
    // Only words that were scribbled over have produced so much so soon: to try again would be to try for ever.
    if (now_ns - read_slot().epoch_ns < kSecondNs) return Outcome::kBusy;
    return change(now_ns, [&](const Slot& old) {
      return at(old, old.epoch_ns + std::max<int64_t>(now_ns - old.epoch_ns, 0) / kSecondNs * kSecondNs);
    });
  }

  // Claims the right to change parameters, writes the next slot, and puts it in force with one swap of `hot`.
  template <class MakeChange>
  Outcome change(int64_t now_ns, MakeChange make_change) {
    W& claim_word = cell_[bucket::kClaim];
    // order: acquire. Pairs with the release that ends the previous claim.
    int64_t seen = claim_word.load(std::memory_order_acquire);
    // A claim from the future is not stale: it is our caller that slept since it read the clock.
    if (is_held(seen) && (now_ns >> bucket::kClaimTickBits) - (seen >> bucket::kClaimTimeShift) < kClaimLeaseTicks)
      return Outcome::kBusy;
    const int64_t in_force = read_slot().generation;
    const auto [generation, quarantine] = next_generation(in_force, seen);
    const int64_t claim = (now_ns >> bucket::kClaimTickBits) << bucket::kClaimTimeShift | (generation & 3) << 1 | 1;
    // order: acquire, see above; the release pairs with the same load in other threads.
    if (!claim_word.compare_exchange_strong(seen, claim | quarantine, std::memory_order_acq_rel,
                                            std::memory_order_relaxed))
      return Outcome::kBusy;

    Outcome outcome = Outcome::kBusy;
    for (;;) {
      const Slot old = read_slot();
      // Someone else finished a change between our look and our claim, or took over a claim of ours that had gone
      // stale.
      if (old.generation != in_force ||
          (claim_word.load(std::memory_order_acquire) & ~bucket::kQuarantineMask) != claim)
        break;
      const Change to = make_change(old);
      // Only a thread that scribbles over shared memory leaves such a rate there; no slot can be made of it.
      if (!(to.rate > 0 && to.rate <= kMaxRate)) break;
      if (to.unchanged) {
        outcome = Outcome::kGranted;
        break;
      }
      if (put_in_force(old, to, generation)) {
        outcome = Outcome::kGranted;
        break;
      }
    }
    end_claim(claim);
    return outcome;
  }

  static bool is_held(int64_t claim) { return (claim & 1) != 0; }
  static int64_t quarantine_of(int64_t slot) {
    return int64_t{1} << (bucket::kQuarantineShift + (slot & (bucket::kSlots - 1)));
  }

  // The next generation, and the slots that are not to be used: whoever let a claim go stale may be dead, or asleep and
  // about to write to its slot, however much later. Its slot stays out of use until it has woken up and said so.
  static std::pair<int64_t, int64_t> next_generation(int64_t in_force, int64_t seen) {
    const int64_t abandoned = is_held(seen) ? quarantine_of(seen >> 1) : 0;
    int64_t quarantine = (seen & bucket::kQuarantineMask) | abandoned;
    // As many updaters died, each in the microsecond that a change takes. Only the last could still be asleep.
    if ((quarantine | quarantine_of(in_force)) == bucket::kQuarantineMask) quarantine = abandoned;
    int64_t generation = in_force + 1;
    while ((quarantine & quarantine_of(generation)) != 0) ++generation;
    return {generation, quarantine};
  }

  // Gives the claim up; when it has been taken over meanwhile, tells that its slot will not be written to any more.
  void end_claim(int64_t claim) {
    W& claim_word = cell_[bucket::kClaim];
    // order: relaxed. A guess; the swap tells whether it was right.
    int64_t seen = claim_word.load(std::memory_order_relaxed);
    int64_t next = 0;
    do {
      const bool is_mine = (seen & ~bucket::kQuarantineMask) == claim;
      next = is_mine ? seen & bucket::kQuarantineMask : seen & ~quarantine_of(claim >> 1);
      // order: release. Pairs with the next claim's acquire: its owner sees the slot we wrote, or are done with.
    } while (next != seen &&
             !claim_word.compare_exchange_weak(seen, next, std::memory_order_release, std::memory_order_relaxed));
  }

  bool put_in_force(const Slot& old, const Change& to, int64_t generation) {
    const double held = static_cast<double>(std::max(to.produced, to.spent));
    const double total = held > 0 ? held / pow10_of(old.digits) : 0;
    const int digits = digits_for(to.rate, to.burst, total);
    const Slot next = make_slot(generation, to.epoch_ns, to.ends_pause, rescale_down(to.produced, old.digits, digits),
                                to.rate, to.burst, digits);
    const int64_t spent = std::max(rescale_up(to.spent, old.digits, digits) - next.base, -next.burst);
    write_slot(next);
    int64_t expected = old.hot;
    // order: release publishes the slot to `read_slot`; acquire pairs with `commit`, so that every reader of the slot
    // that the next change reuses is done with it.
    return cell_[bucket::kHot].compare_exchange_strong(expected, pack(std::min(spent, kMaxSpent), generation),
                                                       std::memory_order_acq_rel, std::memory_order_relaxed);
  }

  W* cell_;
};

}  // namespace amorsize::core
