// What all keys of a window table have in common: where their slots are, and the start of its time. Read once when a
// table is opened, since none of it ever changes. src/memory/window/terms.ts computes the same.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/keyed_terms.h"
#include "core/layout.h"
#include "core/siphash.h"

namespace amorsize::core {

struct WindowTerms {
  int64_t capacity;  // 1 .. kMaxCapacity
  bool evicts;       // whether a key without room takes the place of another, or is refused
  Cut cut;
  HashSeed seed;
  int64_t epoch_ns;

  static WindowTerms make(int64_t now_ns, int64_t capacity, bool evicts, const HashSeed& seed) {
    return {capacity, evicts, cut_for(capacity), seed, now_ns};
  }

  template <class W>
  static WindowTerms read(const W* words) {
    // order: relaxed. Whoever opens a table has acquired its kind word, which was released after these.
    const auto load = [words](size_t word) { return words[word].load(std::memory_order_relaxed); };
    return {load(keyed::kCapacity),
            load(keyed::kScale) != 0,
            {load(keyed::kGroups), load(keyed::kSlots)},
            {static_cast<uint64_t>(load(keyed::kSeedLow)), static_cast<uint64_t>(load(keyed::kSeedHigh))},
            load(keyed::kEpochNs)};
  }

  template <class W>
  void write(W* words) const {
    // order: relaxed. Nobody reads them before the kind word is released.
    const auto store = [words](size_t word, int64_t value) { words[word].store(value, std::memory_order_relaxed); };
    store(keyed::kGroups, cut.groups);
    store(keyed::kSlots, cut.slots);
    store(keyed::kCapacity, capacity);
    store(keyed::kSeedLow, static_cast<int64_t>(seed.low));
    store(keyed::kSeedHigh, static_cast<int64_t>(seed.high));
    store(keyed::kEpochNs, epoch_ns);
    store(keyed::kScale, evicts ? 1 : 0);
  }

  // Whether words that came from elsewhere describe a table that fits into `cells`: nothing else may decide where slots
  // are.
  bool fits(size_t cells) const {
    if (capacity < 1 || capacity > kMaxCapacity || keyed_cells(capacity) > cells) return false;
    const Cut made = cut_for(capacity);
    return cut.groups == made.groups && cut.slots == made.slots;
  }

  // Whole milliseconds since the epoch. Time before it (another processor's clock) counts as none.
  int64_t ms_at(int64_t now_ns) const { return now_ns > epoch_ns ? (now_ns - epoch_ns) / 1'000'000 : 0; }
  // Until that many milliseconds after the epoch; 0 when they are over.
  int64_t ns_until(int64_t ms, int64_t now_ns) const {
    const int64_t end_ns = ms * 1'000'000 + epoch_ns;
    return end_ns > now_ns ? end_ns - now_ns : 0;
  }
};

}  // namespace amorsize::core
