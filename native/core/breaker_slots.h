// Where the parameters of a circuit breaker are. `control` names the slot in force, so that one swap of it changes
// them; here is what comes before and after that swap.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>

#include "core/breaker_parameters.h"
#include "core/layout.h"

namespace amorsize::core {

// Parameters, and how many updates have led to them.
struct BreakerTerms {
  BreakerParameters parameters;
  int64_t updates = 0;
};

template <class W = Word>
class BreakerSlots {
 public:
  BreakerSlots(W* cell, const BreakerParameters& founding) : cell_(cell), founding_(founding) {}

  const BreakerParameters& founding() const { return founding_; }

  // What is in a slot. It may be torn unless `control` still is afterwards what it was when it named the slot.
  BreakerTerms read(int64_t slot) const {
    BreakerTerms terms{founding_};
    if (slot == 0) return terms;
    const W* const words = words_of(slot);
    for (size_t i = 0; i < breaker_parameter::kCount; ++i) {
      // order: acquire. Pairs with `write`: whoever sees a word of a later use of this slot sees, in `control`, that it
      // has been out of force.
      const int64_t word = words[i].load(std::memory_order_acquire);
      if (i == breaker::kUpdates) {
        terms.updates = word;
      } else {
        terms.parameters.values[i] = std::bit_cast<double>(word);
      }
    }
    return terms;
  }

  // Takes a slot that is not in use; 0 when there is none. It is the caller's until he has put it in force, or released
  // it.
  int64_t claim() {
    W& claims = cell_[breaker::kClaims];
    // order: acquire, here and below. Pairs with `release`: the slot was out of force before.
    int64_t found = claims.load(std::memory_order_acquire);
    for (;;) {
      const int64_t slot = std::countr_one(static_cast<uint64_t>(found)) + 1;
      if (slot > static_cast<int64_t>(breaker::kSlots)) return 0;
      // order: release. Continues what `release` has published.
      if (claims.compare_exchange_weak(found, found | bit_of(slot), std::memory_order_acq_rel,
                                       std::memory_order_acquire))
        return slot;
    }
  }

  // Precondition: the slot is the caller's.
  void write(int64_t slot, const BreakerTerms& terms) {
    W* const words = words_of(slot);
    for (size_t i = 0; i < breaker_parameter::kCount; ++i) {
      // order: release. Pairs with `read`.
      words[i].store(i == breaker::kUpdates ? terms.updates : std::bit_cast<int64_t>(terms.parameters[i]),
                     std::memory_order_release);
    }
  }

  // Gives up a slot: the caller's, or the one that he has just taken out of force. 0: nothing.
  void release(int64_t slot) {
    if (slot == 0) return;
    W& claims = cell_[breaker::kClaims];
    // order: relaxed. A guess; the swap tells whether it was right.
    int64_t found = claims.load(std::memory_order_relaxed);
    // order: release. Pairs with `claim`: whoever takes the slot has seen that it is out of force.
    while (!claims.compare_exchange_weak(found, found & ~bit_of(slot), std::memory_order_acq_rel,
                                         std::memory_order_relaxed)) {
    }
  }

  // Frees every slot but this one. Precondition: nobody else uses the breaker, so that the others are of those who
  // died.
  void release_all_but(int64_t slot) {
    // order: relaxed. Nobody looks.
    cell_[breaker::kClaims].store(slot == 0 ? 0 : bit_of(slot), std::memory_order_relaxed);
  }

 private:
  static int64_t bit_of(int64_t slot) { return int64_t{1} << (slot - 1); }

  W* words_of(int64_t slot) const {
    return cell_ + breaker::kFirstSlot + static_cast<size_t>(slot - 1) * breaker::kWordsPerSlot;
  }

  W* cell_;
  BreakerParameters founding_;
};

}  // namespace amorsize::core
