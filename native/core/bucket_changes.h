// Whatever moves a token bucket's axis or changes its parameters: one thread at a time, by a new slot.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <utility>

#include "core/bucket_words.h"

namespace amorsize::core {

enum class Outcome {
  kGranted,       // taken; or reserved, with a wait
  kDenied,        // nothing changed
  kExceedsBurst,  // can never succeed; nothing changed
  kBusy,          // another thread is changing parameters; nothing changed, try again
};

struct Parameters {
  double rate;
  double burst;
  int64_t generation;
};

template <class W>
class BucketChanges : public BucketWords<W> {
 public:
  using BucketWords<W>::BucketWords;

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
  // Instead of tokens given back: another thread is changing parameters.
  static constexpr double kTryAgain = -1;

 protected:
  using typename BucketWords<W>::Slot;
  using BucketWords<W>::cell_;
  using BucketWords<W>::is_current;
  using BucketWords<W>::kMaxSpent;
  using BucketWords<W>::read_slot;

  // Gives back `tokens` where reservations stand in the way, whose units somebody else would get as well if `spent`
  // were lowered: moves the axis on, as if as many tokens had been produced. So who waits is served that much earlier.
  // Returns the tokens given back, or kTryAgain.
  double move_on(int64_t now_ns, double tokens) {
    double returned = 0;
    const Outcome outcome = change(now_ns, [&](const Slot& old) {
      const auto [spent, next] = old.give_back(now_ns, tokens);
      returned = old.tokens_of(spent - next);
      return Change{old.epoch_ns,    old.ends_pause, old.base + (spent - next), old.base + spent, old.asked_rate,
                    old.asked_burst, next == spent};
    });
    return outcome == Outcome::kGranted ? returned : kTryAgain;
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

 private:
  using BucketWords<W>::make_slot;
  using BucketWords<W>::pack;
  using BucketWords<W>::write_slot;

  static constexpr int64_t kClaimLeaseTicks = kClaimLeaseNs >> bucket::kClaimTickBits;

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

  // The axis as it stands at `now_ns`, to be changed.
  static Change at(const Slot& old, int64_t now_ns) {
    const int64_t produced = old.produced(now_ns);
    return {std::max(now_ns, old.epoch_ns),
            old.is_paused(now_ns),
            old.base + produced,
            old.base + old.spent_by(produced),
            old.asked_rate,
            old.asked_burst,
            false};
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
};

}  // namespace amorsize::core
