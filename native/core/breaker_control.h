// The word `control` of a circuit breaker, and the parameters that go with it. Whoever swaps the word begins a new
// generation: of another state, or of the same under other parameters.
#pragma once

#include <atomic>
#include <cstdint>

#include "core/breaker_parameters.h"
#include "core/breaker_slots.h"
#include "core/breaker_window.h"
#include "core/layout.h"

namespace amorsize::core {

enum class BreakerState : int64_t { kClosed, kOpen, kHalfOpen, kIsolated };

// What became of an update. Outdated: there was a transition or another update since its parameters were worked out. No
// slot: others write to all that are free, or died as they did.
enum class UpdateResult { kDone, kOutdated, kNoSlot };

template <class W>
class BreakerControl {
 public:
  // What it was made with.
  const BreakerParameters& founding() const { return slots_.founding(); }

  // Those of the generation that this thread has last kept up with, and how many updates came before it.
  const BreakerParameters& parameters() const { return window_.parameters(); }
  int64_t updates() const { return updates_; }

  // The word of state and generation; equal words mean that there was neither a transition nor an update.
  // order: acquire. Pairs with swap: what the one before it has written is visible.
  int64_t control() const { return cell_[breaker::kControl].load(std::memory_order_acquire); }

  static BreakerState state_of(int64_t control) {
    return static_cast<BreakerState>(control & low_bits(breaker::kReopeningsShift));
  }
  static int64_t generation_of(int64_t control) { return control >> breaker::kGenerationShift; }

  // `control`, with the parameters of its generation at hand.
  int64_t keep_up() {
    for (;;) {
      const int64_t seen = control();
      if (generation_of(seen) == generation_) [[likely]]
        return seen;
      const BreakerTerms terms = slots_.read(slot_of(seen));
      // Else the slot may have been put to another use while it was read.
      if (control() == seen) {
        take(seen, terms);
        return seen;
      }
    }
  }

 protected:
  BreakerControl(W* cell, const BreakerParameters& founding)
      : cell_(cell), slots_(cell, founding), window_(cell, founding) {}

  static int64_t pack(int64_t generation, int64_t slot, int64_t reopenings, BreakerState state) {
    return generation << breaker::kGenerationShift | slot << breaker::kSlotShift |
           reopenings << breaker::kReopeningsShift | static_cast<int64_t>(state);
  }

  // What `control` is after a transition.
  static int64_t after(int64_t seen, BreakerState to, int64_t reopenings) {
    return pack(generation_of(seen) + 1, slot_of(seen), reopenings, to);
  }

  static int64_t reopenings_of(int64_t control) {
    return (control >> breaker::kReopeningsShift) & breaker::kMaxReopenings;
  }

  bool swap(int64_t seen, int64_t next) {
    // order: release. Pairs with control: whoever sees the new generation sees what this thread did in the old one, and
    // the parameters that it has written.
    return cell_[breaker::kControl].compare_exchange_strong(seen, next, std::memory_order_release,
                                                            std::memory_order_relaxed);
  }

  // From `seen`, which this thread has kept up with, into a new generation of the same state under other parameters.
  UpdateResult put_in_force(int64_t seen, const BreakerParameters& parameters) {
    const int64_t slot = slots_.claim();
    if (slot == 0) return UpdateResult::kNoSlot;
    const BreakerTerms terms{parameters, updates_ + 1};
    slots_.write(slot, terms);
    const int64_t next = pack(generation_of(seen) + 1, slot, reopenings_of(seen), state_of(seen));
    const bool is_done = swap(seen, next);
    // Who dies before this leaves a slot that nobody uses again.
    slots_.release(is_done ? slot_of(seen) : slot);
    if (!is_done) return UpdateResult::kOutdated;
    take(next, terms);
    return UpdateResult::kDone;
  }

  // Frees the slots of those who died as they wrote to them. Precondition: nobody else uses the breaker.
  void forget_others(int64_t seen) { slots_.release_all_but(slot_of(seen)); }

  W* cell_;

 private:
  static int64_t slot_of(int64_t control) {
    return (control >> breaker::kSlotShift) & static_cast<int64_t>(breaker::kSlots);
  }

  // What was read while `control` was `seen`.
  void take(int64_t seen, const BreakerTerms& terms) {
    generation_ = generation_of(seen);
    // What another process wrote is believed only as far as it can do no harm.
    const bool is_sound = terms.updates >= 0 && terms.updates < generation_ && terms.parameters.fits(founding());
    window_.take(is_sound ? terms.parameters : founding());
    updates_ = is_sound ? terms.updates : 0;
  }

  BreakerSlots<W> slots_;

 protected:
  BreakerWindow<W> window_;  // with the parameters of `generation_`

 private:
  int64_t generation_ = 0;  // of no breaker
  int64_t updates_ = 0;
};

}  // namespace amorsize::core
