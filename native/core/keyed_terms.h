// What all keys of a table have in common: rate, burst, axis of units, and where a key's slots are. Read once when a
// table is opened, since none of it ever changes. Pure arithmetic; src/memory/keyed/terms.ts computes the same.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/layout.h"
#include "core/rate.h"
#include "core/siphash.h"

namespace amorsize::core {

struct KeyedParameters {
  double rate;
  double burst;
  int64_t capacity;  // 1 .. kMaxCapacity
  bool evicts;       // whether a key without room takes the place of the one nearest to full, or is denied
};

inline constexpr int64_t kMaxCapacity = 100'000'000;

// How a table of `capacity` keys is cut. Up to kMaxSlots keys have one group of just so many slots. Beyond, a group for
// every 21 keys, so that 24 bytes a key are enough: 31 slots then hold the keys that chance puts into one group, but
// for 1 in 450 when the table is full, 1 in 1,800 when it is nine tenths full.
struct Cut {
  int64_t groups;
  int64_t slots;
};
inline Cut cut_for(int64_t capacity) {
  constexpr auto kMax = static_cast<int64_t>(keyed::kMaxSlots);
  if (capacity <= kMax) return {1, capacity};
  const int64_t within_24_bytes = (capacity * 24 - 256) / static_cast<int64_t>(keyed::kGroupWords * 8);
  return {std::max((capacity + 23) / 24, within_24_bytes), kMax};
}

inline size_t keyed_cells(int64_t capacity) {
  return keyed::kHeaderCells + static_cast<size_t>(cut_for(capacity).groups) * keyed::kGroupCells;
}

// How finely tokens are counted, and how many bits of a level are left for the generation. 54 bits of units last 100
// years at any rate up to 5.7 million a second, with six decimal digits of a token up to 5.7 a second, three up to
// 5,700. Faster rates take bits from the generation: what they count passes so quickly that no level comes back in the
// time of a decision.
struct Scale {
  int digits;
  int generation_bits;
};
inline Scale scale_for(double rate, double burst) {
  constexpr int kMost = 8;
  constexpr int kBits = 62 - keyed::kMarkBits;
  const double need = rate * kHorizonSeconds + burst;
  int digits = kMaxDigits;
  while (digits > 0 && need * pow10_of(digits) >= 0x1p54) --digits;
  if (need >= 0x1p54) digits = std::min(0, digits_for(rate, burst, 0));
  int bits = kMost;
  while (bits > 1 && need * pow10_of(digits) >= static_cast<double>(int64_t{1} << (kBits - bits))) --bits;
  return {digits, bits};
}

struct KeyedTerms {
  KeyedParameters asked;
  Cut cut;
  HashSeed seed;
  int64_t epoch_ns;
  Rate rate;
  Scale scale;
  int64_t burst;  // in units

  static KeyedTerms make(int64_t now_ns, const KeyedParameters& asked, const HashSeed& seed) {
    const Scale scale = scale_for(asked.rate, asked.burst);
    return {asked,
            cut_for(asked.capacity),
            seed,
            now_ns,
            rate_of(asked.rate, scale.digits),
            scale,
            std::max<int64_t>(credit_units(asked.burst, scale.digits), 1)};
  }

  template <class W>
  static KeyedTerms read(const W* words) {
    // order: relaxed. Whoever opens a table has acquired its kind word, which was released after these.
    const auto load = [words](size_t word) { return words[word].load(std::memory_order_relaxed); };
    const int64_t scale = load(keyed::kScale);
    return {{std::bit_cast<double>(load(keyed::kRate)), std::bit_cast<double>(load(keyed::kBurst)),
             load(keyed::kCapacity), ((scale >> 16) & 1) != 0},
            {load(keyed::kGroups), load(keyed::kSlots)},
            {static_cast<uint64_t>(load(keyed::kSeedLow)), static_cast<uint64_t>(load(keyed::kSeedHigh))},
            load(keyed::kEpochNs),
            {load(keyed::kMultiplier), static_cast<unsigned>(scale & 127)},
            {static_cast<int>((scale >> 8) & 15) + kMinDigits, static_cast<int>((scale >> 12) & 15)},
            load(keyed::kBurstUnits)};
  }

  template <class W>
  void write(W* words) const {
    // order: relaxed. Nobody reads them before the kind word is released.
    const auto store = [words](size_t word, int64_t value) { words[word].store(value, std::memory_order_relaxed); };
    store(keyed::kGroups, cut.groups);
    store(keyed::kSlots, cut.slots);
    store(keyed::kCapacity, asked.capacity);
    store(keyed::kSeedLow, static_cast<int64_t>(seed.low));
    store(keyed::kSeedHigh, static_cast<int64_t>(seed.high));
    store(keyed::kEpochNs, epoch_ns);
    store(keyed::kMultiplier, rate.multiplier);
    store(keyed::kScale, static_cast<int64_t>(rate.shift) | static_cast<int64_t>(scale.digits - kMinDigits) << 8 |
                             static_cast<int64_t>(scale.generation_bits) << 12 |
                             static_cast<int64_t>(asked.evicts) << 16);
    store(keyed::kBurstUnits, burst);
    store(keyed::kRate, std::bit_cast<int64_t>(asked.rate));
    store(keyed::kBurst, std::bit_cast<int64_t>(asked.burst));
  }

  // Whether words that came from elsewhere describe a table that fits into `cells`: nothing else may decide where slots
  // are. All but what was asked for follows from it, so words that say otherwise are no table.
  bool fits(size_t cells) const {
    const bool in_range = asked.capacity >= 1 && asked.capacity <= kMaxCapacity && asked.rate > 0 &&
                          asked.rate <= kMaxRate && asked.burst >= 1 && asked.burst <= kMaxBurst;
    if (!in_range || keyed_cells(asked.capacity) > cells) return false;
    const KeyedTerms made = make(epoch_ns, asked, seed);
    return cut.groups == made.cut.groups && cut.slots == made.cut.slots && rate.multiplier == made.rate.multiplier &&
           rate.shift == made.rate.shift && scale.digits == made.scale.digits &&
           scale.generation_bits == made.scale.generation_bits && burst == made.burst;
  }

  // Units produced since the epoch. Time before it (another processor's clock) produces nothing.
  int64_t produced(int64_t now_ns) const { return now_ns > epoch_ns ? produced_in(rate, now_ns - epoch_ns) : 0; }

  int64_t time_until(int64_t units, int64_t now_ns) const {
    const int64_t since_epoch = units > 0 ? time_to_produce(rate, units) : 0;
    return since_epoch == kNever ? kNever : std::max<int64_t>(since_epoch - (now_ns - epoch_ns), 0);
  }

  // The burst was rounded down; a cost of just that much must still fit.
  int64_t cost_of(double tokens) const { return std::min(cost_units(tokens, scale.digits), burst); }

  // The mark of a level of which callers that wait may have reserved units up to the very end.
  int64_t mark_of(int64_t spent) const { return modulo(spent, 3 * period()) / period() + 1; }

  // Where units that callers have reserved may end, by what is spent and its mark: never too low, and at the end of the
  // period of which the mark tells at most. A clock may be read late, so it does not tell.
  int64_t reserved_to(int64_t spent, int64_t mark) const {
    const int64_t since = modulo(spent - mark * period(), 3 * period());
    return since < 2 * period() ? spent - since : spent;
  }

  double tokens_of(int64_t units) const {
    return units == burst ? asked.burst : std::min(tokens_in(units, scale.digits), asked.burst);
  }

 private:
  // Two of them are a burst, by when what was reserved is too old, so that of three each takes one for no other.
  int64_t period() const { return burst / 2 + 1; }
  static int64_t modulo(int64_t value, int64_t by) { return (value % by + by) % by; }
};

}  // namespace amorsize::core
