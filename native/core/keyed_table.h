// A token bucket for every key, in one block of shared memory that never grows. Every operation is lock-free, takes the
// time and the hash of the key as arguments, and may run in any thread or process at the same time as any other; a
// thread that dies at any instruction leaves the table usable.
//
// A key lives in one slot of its group, or in none: a bucket that is full equals no bucket, so its slot is free for the
// next key that needs one, without timers and without a list. A decision about a key that has a slot is one
// compare-and-swap of the slot's level.
//
// A key gets its slot in four steps, each a compare-and-swap, each of which any thread can take in the claimer's place:
//   1. freeze   a free slot's level becomes kFrozen: its key is gone, and no decision about it succeeds any more
//   2. announce the group's claim says which tag gets the slot; fails if any other key was announced since the claimer
//   looked, so
//               no key ever gets two slots
//   3. rename   the slot's identity becomes the new tag, with the next generation
//   4. refresh  the slot's level becomes a full bucket (or what the claimer's decision has left of it) of that
//   generation,
//               and the claim is no longer pending
// Every step expects a value that holds the generation, so a thread that slept through the others changes nothing.
//
// Two keys are told apart by group and tag, 64 bits of hash at most: among a million keys, two share a bucket with a
// probability of 4 in 10^8. Nothing else makes two keys share one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>

#include "core/keyed_terms.h"
#include "core/token_bucket.h"

namespace amorsize::core {

// Where a reservation of a key stands.
struct KeyedTicket {
  int64_t position = 0;    // `spent` right after the reservation
  int64_t generation = 0;  // of the key's slot
};

struct KeyedReservation {
  Outcome outcome;  // kBusy: every slot of the group is in use; nothing changed
  int64_t wait_ns;  // until the tokens are there; of a refused one: until it would have been granted, or until there is
                    // a slot
  KeyedTicket ticket;
};

struct KeyedLook {
  double available;  // 0 .. burst
  int64_t wait_ns;   // until `tokens` could be taken
};

template <class W = Word>
class KeyedTable {
 public:
  // `attempts`: how often an operation begins anew because others were faster, before it gives up as if there were no
  // room. Each time takes another thread's success within some 100 ns.
  KeyedTable(W* words, const KeyedTerms& terms, int attempts = 1000)
      : words_(words), terms_(terms), attempts_(attempts) {}
  explicit KeyedTable(W* words) : KeyedTable(words, KeyedTerms::read(words)) {}

  // Writes an empty table into zeroed memory no other thread can see yet.
  static void initialize(W* words, const KeyedTerms& terms) {
    terms.write(words);
    // order: release. Pairs with the acquire of whoever checks the kind word before first use.
    words[keyed::kKind].store(kind_word(Kind::kKeyedTable), std::memory_order_release);
  }

  const KeyedTerms& terms() const { return terms_; }

  // Takes one token of the key if it is there.
  bool try_acquire_one(int64_t now_ns, uint64_t hash) {
    const int64_t cost = terms_.scale.digits >= 0 ? kIntPow10[terms_.scale.digits] : int64_t{1};
    return take(now_ns, hash, cost, kNow).outcome == Outcome::kGranted;
  }

  // Takes `tokens` > 0 of the key if all of them are there, else none.
  Outcome try_acquire(int64_t now_ns, uint64_t hash, double tokens) {
    if (tokens > terms_.asked.burst) return Outcome::kExceedsBurst;
    return take(now_ns, hash, terms_.cost_of(tokens), kNow).outcome;
  }

  // Takes `tokens` > 0, now or from the future: grants if they will be there within `max_wait_ns` >= 0. First come,
  // first served.
  KeyedReservation reserve(int64_t now_ns, uint64_t hash, double tokens, int64_t max_wait_ns) {
    if (tokens > terms_.asked.burst) return {Outcome::kExceedsBurst, kNever, {}};
    return take(now_ns, hash, terms_.cost_of(tokens), max_wait_ns);
  }

  // Takes `tokens` > 0 whether they are there or not. Granted, or kBusy when there is no slot.
  Outcome charge(int64_t now_ns, uint64_t hash, double tokens) {
    const int64_t cost = cost_units(tokens, terms_.scale.digits);
    return take(now_ns, hash, cost, kUnlimited).outcome;
  }

  // Gives back what a reservation of `tokens` took if nothing was reserved after it; else nothing: a slot has no room
  // to say how far reservations stand beyond `spent` (see bucket::kFurthest), so it is only drawn back to where the
  // last one began. Whoever finds its own place at the end again has seen all after it go. Returns the tokens given
  // back; none if the key has lost its slot since, and with it the debt.
  double cancel(int64_t now_ns, uint64_t hash, const KeyedTicket& ticket, double tokens) {
    const int64_t cost = terms_.cost_of(tokens);
    return give_back(now_ns, hash, [&](const Seen& seen, int64_t spent) {
      const bool is_same = ((seen.identity ^ ticket.generation) & keyed::kGenerationMask) == 0;
      return is_same && spent == ticket.position ? cost : 0;
    });
  }

  // Gives back `tokens` >= 0, never above the burst. Returns the tokens given back.
  double refund(int64_t now_ns, uint64_t hash, double tokens) {
    const int64_t credit = credit_units(tokens, terms_.scale.digits);
    return give_back(now_ns, hash, [credit](const Seen&, int64_t) { return credit; });
  }

  // Fills the key's bucket. Who waits for it keeps its time.
  void reset(uint64_t hash) {
    const Position at = position_of(hash);
    for (int attempt = 0; attempt < attempts_; ++attempt) {
      const Seen seen = find(at);
      if (seen.state != State::kLive) {
        if (has_no_slot(at)) return;
      } else if (commit(seen, keyed::kFresh | (seen.identity & keyed::kGenerationMask))) {
        return;
      }
    }
  }

  // What the key has, and how long it would have to wait for `tokens` > 0. Takes no slot.
  KeyedLook look(int64_t now_ns, uint64_t hash, double tokens) {
    const Position at = position_of(hash);
    const int64_t produced = terms_.produced(now_ns);
    const int64_t cost = tokens > terms_.asked.burst ? kTooLarge : terms_.cost_of(tokens);
    for (int attempt = 0; attempt < attempts_; ++attempt) {
      const Seen seen = find(at);
      if (seen.state == State::kLive) {
        const int64_t spent = std::max(spent_of(seen.level), produced - terms_.burst);
        const int64_t wait_ns = cost == kTooLarge          ? kNever
                                : spent + cost <= produced ? 0
                                                           : terms_.time_until(spent + cost, now_ns);
        return {terms_.tokens_of(std::max<int64_t>(produced - spent, 0)), wait_ns};
      }
      const Survey survey = take_stock(at, produced);
      if (survey.result == Survey::kAgain) continue;
      if (survey.result == Survey::kFull && !terms_.asked.evicts)
        return {0, cost == kTooLarge ? kNever : time_until_room(survey, now_ns)};
      return {terms_.asked.burst, cost == kTooLarge ? kNever : 0};
    }
    return {0, 0};
  }

  // How many keys have less than a full bucket now. Looks at every slot; keys that come or go meanwhile may be missed.
  int64_t size(int64_t now_ns) const {
    const int64_t floor = terms_.produced(now_ns) - terms_.burst;
    int64_t count = 0;
    for (int64_t group = 0; group < terms_.cut.groups; ++group) {
      W* const words = group_words(group);
      for (int64_t i = 0; i < terms_.cut.slots; ++i) {
        // order: acquire, relaxed. See `look_at`.
        const int64_t level = slot_of(words, i)[keyed::kLevel].load(std::memory_order_acquire);
        const int64_t identity = slot_of(words, i)[keyed::kIdentity].load(std::memory_order_relaxed);
        count += identity != 0 && !is_frozen(level) && spent_of(level) > floor ? 1 : 0;
      }
    }
    return count;
  }

 private:
  static constexpr int64_t kTooLarge = -1;
  static constexpr int kMostTurns = 100;
  static constexpr int64_t kFullBucket = std::numeric_limits<int64_t>::min();
  // Waits that need not be computed.
  static constexpr int64_t kNow = -1;
  static constexpr int64_t kUnlimited = -2;

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
    int64_t slot;   // kRoom: a free one; kFull: the one nearest to full
    Seen choice;    // what was seen of that slot
    int64_t least_spent;
  };

  W* group_words(int64_t group) const {
    return words_ + keyed::kFirstGroup + static_cast<size_t>(group) * keyed::kGroupWords;
  }
  static W* slot_of(W* group, int64_t slot) {
    return group + keyed::kFirstSlot + static_cast<size_t>(slot) * keyed::kWordsPerSlot;
  }

  Position position_of(uint64_t hash) const {
    const auto group = static_cast<int64_t>(multiply_shift(hash, static_cast<uint64_t>(terms_.cut.groups), 64));
    const auto tag = static_cast<int64_t>(hash & ((uint64_t{1} << keyed::kTagBits) - 1));
    return {group_words(group), tag != 0 ? tag : 1,
            static_cast<int64_t>(((hash & 0xFFFF) * static_cast<uint64_t>(terms_.cut.slots)) >> 16)};
  }

  // The slots of a group in the order in which this key looks at them.
  int64_t nth_slot(const Position& at, int64_t n) const {
    const int64_t slot = at.start + n;
    return slot < terms_.cut.slots ? slot : slot - terms_.cut.slots;
  }

  static int64_t tag_of(int64_t identity) {
    return static_cast<int64_t>(static_cast<uint64_t>(identity) >> keyed::kGenerationBits);
  }
  static bool is_special(int64_t level) { return level >> 62 == -2; }
  static bool is_frozen(int64_t level) { return is_special(level) && level < keyed::kFresh; }
  int64_t spent_of(int64_t level) const {
    return is_special(level) ? std::numeric_limits<int64_t>::min() / 2 : level >> terms_.scale.generation_bits;
  }

  int64_t pack(int64_t spent, int64_t identity) const {
    const int bits = terms_.scale.generation_bits;
    return static_cast<int64_t>(static_cast<uint64_t>(spent) << bits) | (identity & ((int64_t{1} << bits) - 1));
  }

  // Whether a level belongs to an identity: they change one after the other.
  bool belongs(int64_t level, int64_t identity) const {
    const int bits = is_special(level) ? keyed::kGenerationBits : terms_.scale.generation_bits;
    return ((level ^ identity) & ((int64_t{1} << bits) - 1)) == 0;
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
    for (int64_t n = 0; n < terms_.cut.slots; ++n) {
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

  KeyedReservation take(int64_t now_ns, uint64_t hash, int64_t cost, int64_t max_wait_ns) {
    const Position at = position_of(hash);
    const int64_t produced = terms_.produced(now_ns);
    const int64_t floor = produced - terms_.burst;
    for (int attempt = 0; attempt < attempts_; ++attempt) {
      const Seen seen = find(at);
      if (seen.state == State::kLive) [[likely]] {
        const int64_t next = std::max(spent_of(seen.level), floor) + cost;
        int64_t wait_ns = 0;
        if (next > produced && max_wait_ns != kUnlimited) {
          if (max_wait_ns == kNow) return {Outcome::kDenied, 0, {}};
          wait_ns = next > terms_.max_spent() ? kNever : terms_.time_until(next, now_ns);
          if (wait_ns > max_wait_ns || wait_ns == kNever) return {Outcome::kDenied, wait_ns, {}};
        }
        const int64_t spent = std::min(next, terms_.max_spent());
        if (commit(seen, pack(spent, seen.identity)))
          return {Outcome::kGranted, wait_ns, {spent, seen.identity & keyed::kGenerationMask}};
        continue;
      }
      const Survey survey = take_stock(at, produced);
      if (survey.result == Survey::kAgain) continue;
      if (survey.result == Survey::kFull && !terms_.asked.evicts)
        return {Outcome::kBusy, time_until_room(survey, now_ns), {}};
      if (!freeze(survey.choice)) continue;
      // A full bucket has every cost but one that exceeds it, which only `charge` brings.
      const int64_t spent = std::min(floor + cost, terms_.max_spent());
      int64_t identity = 0;
      if (claim(at, survey, spent, &identity))
        return {Outcome::kGranted, 0, {spent, identity & keyed::kGenerationMask}};
    }
    return {Outcome::kBusy, 0, {}};
  }

  template <class CreditOf>
  double give_back(int64_t now_ns, uint64_t hash, CreditOf credit_of) {
    const Position at = position_of(hash);
    const int64_t floor = terms_.produced(now_ns) - terms_.burst;
    for (int attempt = 0; attempt < attempts_; ++attempt) {
      const Seen seen = find(at);
      if (seen.state != State::kLive) {
        if (has_no_slot(at)) return 0;
        continue;
      }
      const int64_t spent = std::max(spent_of(seen.level), floor);
      const int64_t next = std::max(spent - std::max<int64_t>(credit_of(seen, spent), 0), floor);
      if (next == spent) return 0;
      if (commit(seen, pack(next, seen.identity))) return terms_.tokens_of(spent - next);
    }
    return 0;
  }

  // Completes a claim that is under way, if there is one. Whether the key, which `find` did not find, has no slot
  // indeed.
  bool has_no_slot(const Position& at) { return take_stock(at, 0).result != Survey::kAgain; }

  int64_t time_until_room(const Survey& survey, int64_t now_ns) const {
    return terms_.time_until(survey.least_spent + terms_.burst, now_ns);
  }

  // Looks for room for a key that `find` did not find. kRoom and kFull say that the key had no slot while the claim
  // word was what it was at the beginning.
  Survey take_stock(const Position& at, int64_t produced) {
    // order: acquire. Pairs with the swaps of `claim` and `complete`: what was claimed before is visible.
    Survey survey{Survey::kAgain,
                  at.group[keyed::kClaim].load(std::memory_order_acquire),
                  0,
                  {},
                  std::numeric_limits<int64_t>::max()};
    if ((survey.claim & keyed::kClaimPending) != 0) {
      complete(at.group, survey.claim, kFullBucket, nullptr);
      return survey;
    }
    const int64_t floor = produced - terms_.burst;
    bool has_room = false;
    for (int64_t n = 0; n < terms_.cut.slots; ++n) {
      const int64_t slot = nth_slot(at, n);
      const Seen seen = look_at(slot_of(at.group, slot));
      const bool is_left_frozen = is_frozen(seen.level) && belongs(seen.level, seen.identity);
      const bool is_own = tag_of(seen.identity) == at.tag;
      if (is_own ? !is_left_frozen : seen.state != State::kLive && !is_left_frozen) return survey;
      const bool is_unused = seen.identity == 0;
      const int64_t spent = is_left_frozen || is_unused ? kFullBucket : spent_of(seen.level);
      // The first free slot; or the key's own old one, lest two have its tag; or else the one nearest to full.
      if (is_own || (!has_room && (spent <= floor || spent < survey.least_spent))) {
        survey.slot = slot;
        survey.choice = seen;
      }
      has_room |= spent <= floor;
      survey.least_spent = std::min(survey.least_spent, spent);
      // Slots are taken in this order and never become unused again, so there is nothing of the key's behind.
      if (is_own || is_unused) break;
    }
    // order: relaxed. The acquire loads of the slots come before it: had one shown a later claim's work, this would
    // show the claim.
    if (at.group[keyed::kClaim].load(std::memory_order_relaxed) != survey.claim) return survey;
    survey.result = has_room ? Survey::kRoom : Survey::kFull;
    return survey;
  }

  // Takes a slot from the key it belongs to. False when its level has changed since it was seen.
  bool freeze(const Seen& seen) {
    return is_frozen(seen.level) || commit(seen, keyed::kFrozen | (seen.identity & keyed::kGenerationMask));
  }

  // Gives the frozen slot of the survey to the key, its bucket at `spent`. False when another thread was faster, or has
  // done it in our place, with a full bucket.
  bool claim(const Position& at, const Survey& survey, int64_t spent, int64_t* identity) {
    const int64_t version = (survey.claim + 1) & keyed::kClaimVersionMask;
    const auto announced = static_cast<int64_t>(static_cast<uint64_t>(at.tag) << keyed::kGenerationBits) |
                           survey.slot << keyed::kClaimSlotShift | keyed::kClaimPending | version;
    int64_t expected = survey.claim;
    // order: acquire and release. Release: who sees the claim sees the frozen slot. Acquire: nothing of what follows
    // comes before.
    if (!at.group[keyed::kClaim].compare_exchange_strong(expected, announced, std::memory_order_acq_rel,
                                                         std::memory_order_relaxed))
      return false;
    return complete(at.group, announced, spent, identity);
  }

  // Takes the steps that are left of a pending claim. Returns whether it was this call that refreshed the slot, with
  // `spent`.
  bool complete(W* group, int64_t announced, int64_t spent, int64_t* refreshed) {
    const int64_t index = (announced >> keyed::kClaimSlotShift) & 31;
    if (index >= terms_.cut.slots) return false;  // no thread of this package wrote that
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
        const int64_t fresh =
            spent == kFullBucket ? keyed::kFresh | (identity & keyed::kGenerationMask) : pack(spent, identity);
        // order: release. Who sees the new level sees the new identity; pairs with `look_at`.
        if (slot[keyed::kLevel].compare_exchange_strong(level, fresh, std::memory_order_acq_rel,
                                                        std::memory_order_relaxed) &&
            spent != kFullBucket) {
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
  KeyedTerms terms_;
  int attempts_;
};

}  // namespace amorsize::core
