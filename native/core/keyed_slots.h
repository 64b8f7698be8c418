// Slots of a keyed table: which key has which, in one block of shared memory that never grows. What a slot's level
// means is the business of whoever counts in it (keyed_table.h, keyed_window.h); here a level is a number that counts
// as free when it is not above a floor. Every operation is lock-free and may run in any thread or process at the same
// time as any other; a thread that dies at any instruction leaves the slots usable.
//
// A key lives in one slot of its group, or in none. A slot whose level is free is there for the next key that needs
// one, without timers and without a list. A change of a key that has a slot is one compare-and-swap of the slot's
// level.
//
// A key gets its slot in four steps, each a compare-and-swap, each of which any thread can take in the claimer's place:
//   1. freeze   a free slot's level becomes kFrozen: its key is gone, and no decision about it succeeds any more
//   2. announce the group's claim says which tag gets the slot; fails if any other key was announced since the
//               claimer looked, so no key ever gets two slots
//   3. rename   the slot's identity becomes the new tag, with the next generation
//   4. refresh  the slot's level becomes a free one (or what the claimer puts there) of that generation, and the
//               claim is no longer pending
// Every step expects a value that holds the generation, so a thread that slept through the others changes nothing.
//
// Two keys are told apart by group and tag, 64 bits of hash at most: among a million keys, two share a slot with a
// probability of 4 in 10^8. Nothing else makes two keys share one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>

#include "core/backoff.h"
#include "core/keyed_terms.h"

namespace amorsize::core {

template <class W = Word>
class KeyedSlots {
 public:
  // A level that is free whatever the time.
  static constexpr int64_t kFree = std::numeric_limits<int64_t>::min();

  // Where a key belongs.
  struct Position {
    W* group;
    int64_t tag;    // never 0, as no slot in use may look unused
    int64_t start;  // the slot where a search begins, so that most end with the first
  };

  enum class State { kLive, kAbsent, kUnclear };

  // A slot as it was at one moment.
  struct Seen {
    State state;
    W* slot;
    int64_t identity;
    int64_t level;
  };

  // What a claimer finds in a group.
  struct Survey {
    enum Result { kRoom, kFull, kAgain } result;
    int64_t claim;  // the group's word when the survey began
    int64_t slot;   // kRoom: a free one; kFull: the one of the lowest rank
    Seen choice;    // what was seen of that slot
    int64_t least;  // the lowest number in the group: what the floor must reach until a slot is free
  };

  // `generation_bits`: how many bits of a level belong to the generation of its slot, 1 .. 8; a mark is above them.
  KeyedSlots(W* words, Cut cut, int generation_bits, int mark_bits = 0)
      : words_(words), cut_(cut), generation_bits_(generation_bits), mark_bits_(mark_bits) {}

  Position position_of(uint64_t hash) const {
    const auto group = static_cast<int64_t>(multiply_shift(hash, static_cast<uint64_t>(cut_.groups), 64));
    const auto tag = static_cast<int64_t>(hash & ((uint64_t{1} << keyed::kTagBits) - 1));
    return {group_words(group), tag != 0 ? tag : 1,
            static_cast<int64_t>(((hash & 0xFFFF) * static_cast<uint64_t>(cut_.slots)) >> 16)};
  }

  Seen look_at(W* slot) const {
    // order: acquire. The identity is read after the level, so a swap that still finds this level acts on the bucket of
    // that key: every change of identity comes with other levels before and after it. Pairs with the swaps of
    // `complete`.
    const int64_t level = slot[keyed::kLevel].load(std::memory_order_acquire);
    const int64_t identity = slot[keyed::kIdentity].load(std::memory_order_acquire);
    const bool is_live = !is_frozen(level) && belongs(level, identity);
    return {is_live ? State::kLive : State::kUnclear, slot, identity, level};
  }

  Seen find(const Position& at) const {
    for (int64_t n = 0; n < cut_.slots; ++n) {
      W* const slot = slot_of(at.group, nth_slot(at, n));
      // order: relaxed. A guess; `look_at` and `take_stock` read it again.
      const int64_t identity = slot[keyed::kIdentity].load(std::memory_order_relaxed);
      if (identity == 0) break;
      if (tag_of(identity) != at.tag) continue;
      const Seen seen = look_at(slot);
      // A slot that changed hands in between is not the key's any more; the key may be in one that was passed.
      return tag_of(seen.identity) == at.tag ? seen : Seen{State::kUnclear, slot, 0, 0};
    }
    return {State::kAbsent, nullptr, 0, 0};
  }

  bool commit(const Seen& seen, int64_t level) {
    int64_t expected = seen.level;
    // order: release keeps the load of the identity before the swap. Nothing is learnt from it: relaxed on failure.
    return seen.slot[keyed::kLevel].compare_exchange_strong(expected, level, std::memory_order_release,
                                                            std::memory_order_relaxed);
  }

  // Looks for room for a key that `find` did not find. kRoom and kFull say that the key had no slot while the claim
  // word was what it was at the beginning. `rank`: of numbers above the floor, which goes first for want of room.
  template <class Rank = std::identity>
  Survey take_stock(const Position& at, int64_t floor, Rank rank = {}) {
    // order: acquire. Pairs with the swaps of `claim` and `complete`: what was claimed before is visible.
    Survey survey{Survey::kAgain,
                  at.group[keyed::kClaim].load(std::memory_order_acquire),
                  0,
                  {},
                  std::numeric_limits<int64_t>::max()};
    if ((survey.claim & keyed::kClaimPending) != 0) {
      complete(at.group, survey.claim, kFree, 0, nullptr);
      return survey;
    }
    int64_t lowest = survey.least;
    for (int64_t n = 0; n < cut_.slots; ++n) {
      const int64_t slot = nth_slot(at, n);
      const Seen seen = look_at(slot_of(at.group, slot));
      const bool is_left_frozen = is_frozen(seen.level) && belongs(seen.level, seen.identity);
      if (is_frozen(seen.level) && !is_left_frozen) {
        mend(at, survey, seen);
        return survey;
      }
      const bool is_own = tag_of(seen.identity) == at.tag;
      if (is_own ? !is_left_frozen : seen.state != State::kLive && !is_left_frozen) return survey;
      const bool is_unused = seen.identity == 0;
      const int64_t number = is_left_frozen || is_unused ? kFree : number_of(seen.level);
      const int64_t standing = number <= floor ? kFree : rank(number);
      // The first free slot; or the key's own old one, lest two have its tag; or else the one of the lowest rank.
      if (is_own || standing < lowest) {
        survey.slot = slot;
        survey.choice = seen;
      }
      lowest = std::min(lowest, standing);
      survey.least = std::min(survey.least, number);
      // Slots are taken in this order and never become unused again, so there is nothing of the key's behind.
      if (is_own || is_unused) break;
    }
    // order: relaxed. The acquire loads of the slots come before it: had one shown a later claim's work, this would
    // show the claim.
    if (at.group[keyed::kClaim].load(std::memory_order_relaxed) != survey.claim) return survey;
    survey.result = lowest == kFree ? Survey::kRoom : Survey::kFull;
    return survey;
  }

  // Takes a slot from the key it belongs to. False when its level has changed since it was seen.
  bool freeze(const Seen& seen) {
    return is_frozen(seen.level) || commit(seen, keyed::kFrozen | (seen.identity & keyed::kGenerationMask));
  }

  // Gives the frozen slot of the survey to the key, with `number`. False when another thread was faster, or has done it
  // in our place, with a free level.
  bool claim(const Position& at, const Survey& survey, int64_t number, int64_t* identity, int64_t mark = 0) {
    const int64_t version = (survey.claim + 1) & keyed::kClaimVersionMask;
    const auto announced = static_cast<int64_t>(static_cast<uint64_t>(at.tag) << keyed::kGenerationBits) |
                           survey.slot << keyed::kClaimSlotShift | keyed::kClaimPending | version;
    int64_t expected = survey.claim;
    // order: acquire and release. Release: who sees the claim sees the frozen slot. Acquire: nothing of what follows
    // comes before.
    if (!at.group[keyed::kClaim].compare_exchange_strong(expected, announced, std::memory_order_acq_rel,
                                                         std::memory_order_relaxed))
      return false;
    return complete(at.group, announced, number, mark, identity);
  }

  // Gives the slot of a key the level that `next` makes of what was seen of it; nothing for none. False when the key
  // has no slot, or gets no other level.
  template <class Next>
  bool change(uint64_t hash, int most_attempts, Next next) {
    const Position at = position_of(hash);
    for (Attempts attempts(most_attempts); attempts.next();) {
      const Seen seen = find(at);
      if (seen.state == State::kLive) {
        const std::optional<int64_t> level = next(seen);
        if (!level) return false;
        if (commit(seen, *level)) return true;
      } else if (take_stock(at, kFree).result != Survey::kAgain) {
        return false;
      }
    }
    return false;
  }

  // Frees the slot of a key, which keeps it until another needs it.
  void free(uint64_t hash, int most_attempts) {
    change(hash, most_attempts, [](const Seen& seen) { return std::optional(free_level(seen.identity)); });
  }

  // The number in a level, and the level of a number for the slot of that identity. A level that was freed has none: it
  // is lower than all.
  static bool has_number(int64_t level) { return !is_special(level); }
  int64_t number_of(int64_t level) const {
    return is_special(level) ? kFree / 2 : level >> (generation_bits_ + mark_bits_);
  }
  int64_t mark_of(int64_t level) const {
    return is_special(level) ? 0 : (level >> generation_bits_) & ((int64_t{1} << mark_bits_) - 1);
  }
  int64_t level_of(int64_t number, int64_t identity, int64_t mark = 0) const {
    const int bits = generation_bits_;
    return static_cast<int64_t>((static_cast<uint64_t>(number) << mark_bits_ | static_cast<uint64_t>(mark)) << bits) |
           (identity & ((int64_t{1} << bits) - 1));
  }

  // The level of a slot that keeps its key, and is free.
  static int64_t free_level(int64_t identity) { return keyed::kFresh | (identity & keyed::kGenerationMask); }
  // The most that a number may be.
  int64_t most() const { return (int64_t{1} << (62 - generation_bits_ - mark_bits_)) - 1; }

  // How many keys have a level above the floor. Looks at every slot; keys that come or go meanwhile may be missed.
  int64_t count_above(int64_t floor) const {
    int64_t count = 0;
    each([&](const Seen& seen) { count += number_of(seen.level) > floor ? 1 : 0; });
    return count;
  }

  // Calls `visit` with every slot that has a key.
  template <class Visit>
  void each(Visit visit) const {
    for (int64_t group = 0; group < cut_.groups; ++group) {
      W* const words = group_words(group);
      for (int64_t i = 0; i < cut_.slots; ++i) {
        const Seen seen = look_at(slot_of(words, i));
        if (seen.identity != 0 && !is_frozen(seen.level)) visit(seen);
      }
    }
  }

 private:
  static constexpr int kMostTurns = 100;

  // A level has few bits of its slot's generation. It may come back while a thread that has looked at it sleeps, which
  // then freezes the slot for a key of before, and no claim is pending that would change that. Freezes the slot for the
  // key that it has now.
  void mend(const Position& at, const Survey& survey, const Seen& seen) {
    // order: relaxed. The acquire loads of the slot come before it, as in `take_stock`.
    if (at.group[keyed::kClaim].load(std::memory_order_relaxed) != survey.claim) return;
    commit(seen, keyed::kFrozen | (seen.identity & keyed::kGenerationMask));
  }

  W* group_words(int64_t group) const {
    return words_ + keyed::kFirstGroup + static_cast<size_t>(group) * keyed::kGroupWords;
  }
  static W* slot_of(W* group, int64_t slot) {
    return group + keyed::kFirstSlot + static_cast<size_t>(slot) * keyed::kWordsPerSlot;
  }

  // The slots of a group in the order in which this key looks at them.
  int64_t nth_slot(const Position& at, int64_t n) const {
    const int64_t slot = at.start + n;
    return slot < cut_.slots ? slot : slot - cut_.slots;
  }

  static int64_t tag_of(int64_t identity) {
    return static_cast<int64_t>(static_cast<uint64_t>(identity) >> keyed::kGenerationBits);
  }
  static bool is_special(int64_t level) { return level >> 62 == -2; }
  static bool is_frozen(int64_t level) { return is_special(level) && level < keyed::kFresh; }
  // Whether a level belongs to an identity: they change one after the other.
  bool belongs(int64_t level, int64_t identity) const {
    const int bits = is_special(level) ? keyed::kGenerationBits : generation_bits_;
    return ((level ^ identity) & ((int64_t{1} << bits) - 1)) == 0;
  }

  // Takes the steps that are left of a pending claim. Returns whether it was this call that refreshed the slot, with
  // `number`.
  bool complete(W* group, int64_t announced, int64_t number, int64_t mark, int64_t* refreshed) {
    const int64_t index = (announced >> keyed::kClaimSlotShift) & 31;
    if (index >= cut_.slots) return false;  // no thread of this package wrote that
    W* const slot = slot_of(group, index);
    bool is_ours = false;
    // Three steps; every turn beyond is another thread's progress. Bounded for words that are noise.
    for (int turn = 0; turn < kMostTurns; ++turn) {
      // order: acquire, as in `look_at`; and both before the claim word is read again: while that is unchanged, they
      // are of its time.
      int64_t level = slot[keyed::kLevel].load(std::memory_order_acquire);
      int64_t identity = slot[keyed::kIdentity].load(std::memory_order_acquire);
      if (group[keyed::kClaim].load(std::memory_order_relaxed) != announced) return is_ours;
      if (is_frozen(level) && belongs(level, identity)) {
        const int64_t renamed = (announced & ~keyed::kGenerationMask) | ((identity + 1) & keyed::kGenerationMask);
        // order: release. Who sees the new identity sees the level frozen. A failure is seen in the next turn: relaxed.
        slot[keyed::kIdentity].compare_exchange_strong(identity, renamed, std::memory_order_acq_rel,
                                                       std::memory_order_relaxed);
      } else if (is_frozen(level)) {
        const int64_t fresh = number == kFree ? free_level(identity) : level_of(number, identity, mark);
        // order: release. Who sees the new level sees the new identity; pairs with `look_at`.
        if (slot[keyed::kLevel].compare_exchange_strong(level, fresh, std::memory_order_acq_rel,
                                                        std::memory_order_relaxed) &&
            number != kFree) {
          is_ours = true;
          *refreshed = identity;
        }
      } else if (belongs(level, identity)) {
        int64_t expected = announced;
        // order: release. Pairs with `take_stock`: who sees the claim concluded sees the slot.
        group[keyed::kClaim].compare_exchange_strong(expected, announced & ~keyed::kClaimPending,
                                                     std::memory_order_acq_rel, std::memory_order_relaxed);
      }
    }
    return is_ours;
  }

  W* words_;
  Cut cut_;
  int generation_bits_;
  int mark_bits_;
};

}  // namespace amorsize::core
