// A token bucket for every key, in one block of shared memory that never grows. Every operation is lock-free, takes the
// time and the hash of the key as arguments, and may run in any thread or process at the same time as any other; a
// thread that dies at any instruction leaves the table usable.
//
// A bucket that is full equals no bucket, so its slot is free for the next key that needs one. A decision about a key
// that has a slot is one compare-and-swap of the slot's level, which is what the key has spent. Slots: keyed_slots.h.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <optional>

#include "core/backoff.h"
#include "core/keyed_slots.h"
#include "core/keyed_terms.h"
#include "core/token_bucket.h"

namespace amorsize::core {

// A key's bucket at one moment, for callers that wait for it. Places are units of the axis that all keys share.
struct KeyedSurvey {
  int64_t generation;  // of the key's slot, and kReserved if callers may have reserved; kNoSlot: it has none
  int64_t produced;
  int64_t spent;    // where the next run begins, unless tokens are too old there
  int64_t room_ns;  // until there is a slot for the key; 0: there is
};
inline constexpr int64_t kNoSlot = -1;
inline constexpr int64_t kReserved = keyed::kGenerationMask + 1;

struct KeyedLook {
  double available;  // 0 .. burst
  int64_t wait_ns;   // until `tokens` could be taken
};

template <class W = Word>
class KeyedTable {
 public:
  // `attempts`: how often an operation begins anew because others were faster, before it gives up as if there were no
  // room. Each time takes another thread's success, and from the second on a moment that lets it finish.
  KeyedTable(W* words, const KeyedTerms& terms, int attempts = 1000)
      : words_(words), slots_(slots_of(words, terms)), terms_(terms), attempts_(attempts) {}
  explicit KeyedTable(W* words) : KeyedTable(words, KeyedTerms::read(words)) {}

  // Writes an empty table into zeroed memory no other thread can see yet.
  static void initialize(W* words, const KeyedTerms& terms) {
    terms.write(words);
    write_kind(words, Kind::kKeyedTable);
  }

  // Gives a table that nobody uses another rate, burst or rule for full tables; every key keeps its tokens and its
  // debt. Without its kind's word in between: who dies here leaves no table.
  static void change(W* words, int64_t now_ns, KeyedParameters asked) {
    // order: relaxed. Nobody else looks before the kind is written.
    words[keyed::kKind].store(0, std::memory_order_relaxed);
    const KeyedTerms old = KeyedTerms::read(words);
    asked.capacity = old.asked.capacity;
    const KeyedTerms next = KeyedTerms::make(now_ns, asked, old.seed);
    const KeyedSlots<W> from = slots_of(words, old);
    KeyedSlots<W> to = slots_of(words, next);
    const int64_t produced = old.produced(now_ns);
    from.each([&](const typename KeyedSlots<W>::Seen& seen) {
      const int64_t spent = std::max(from.number_of(seen.level), produced - old.burst);
      const double tokens = tokens_in(std::max(produced - spent, spent - produced), old.scale.digits);
      const int64_t units = spent > produced ? std::min(cost_units(tokens, next.scale.digits), to.most())
                                             : -std::min(credit_units(tokens, next.scale.digits), next.burst);
      to.commit(seen, to.level_of(units, seen.identity));
    });
    initialize(words, next);
  }

  const KeyedTerms& terms() const { return terms_; }

  // Takes one token of the key if it is there.
  bool try_acquire_one(int64_t now_ns, uint64_t hash) {
    const int64_t cost = terms_.scale.digits >= 0 ? kIntPow10[terms_.scale.digits] : int64_t{1};
    return take_now(now_ns, hash, cost) == Outcome::kGranted;
  }

  // Takes `tokens` > 0 of the key if all of them are there, else none. kBusy here and below: every slot of the group is
  // in use; nothing changed.
  Outcome try_acquire(int64_t now_ns, uint64_t hash, double tokens) {
    if (tokens > terms_.asked.burst) return Outcome::kExceedsBurst;
    return take_now(now_ns, hash, terms_.cost_of(tokens));
  }

  // Takes `tokens` > 0 whether they are there or not. Granted, or kBusy.
  Outcome charge(int64_t now_ns, uint64_t hash, double tokens) {
    const int64_t cost = cost_units(tokens, terms_.scale.digits);
    return take(now_ns, hash, cost, kNotOld, std::numeric_limits<int64_t>::max(), kAnySlot).outcome;
  }

  // What a queue of callers of the key needs to know, all of one moment.
  KeyedSurvey survey(int64_t now_ns, uint64_t hash) {
    const Position at = slots_.position_of(hash);
    const int64_t produced = terms_.produced(now_ns);
    const int64_t floor = produced - terms_.burst;
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state == State::kLive) {
        const Told told = read(seen, floor);
        return {told.generation, produced, slots_.has_number(seen.level) ? told.spent : floor, 0};
      }
      const Survey found = slots_.take_stock(at, floor);
      if (found.result == Survey::kAgain) continue;
      const bool has_room = found.result == Survey::kRoom || terms_.asked.evicts;
      return {kNoSlot, produced, floor, has_room ? 0 : time_until_room(found, now_ns)};
    }
    return {kNoSlot, produced, produced, 0};
  }

  // Takes the next `units` > 0 of the key's axis for callers that wait, as TokenBucket::reserve_run does: `generation`
  // is a survey's, tokens older than `reach` units and than the burst are gone, and the run begins at `limit` at most.
  // kBusy: another slot has the key by now, or none that had one, or kReserved has changed; or there is no room.
  Run reserve_run(int64_t now_ns, uint64_t hash, int64_t generation, int64_t units, int64_t reach, int64_t limit) {
    const int64_t last = std::min(limit, slots_.most() - units) + units;
    const int64_t oldest = terms_.produced(now_ns) - std::max(reach, terms_.burst);
    return take(now_ns, hash, units, oldest, last, generation);
  }

  // Gives back the last `units` of a run that ends at `end`, if nobody has taken the key's axis on from there, and it
  // has not lost its slot since, and with it the debt. 0 units: says that nothing is reserved any more.
  bool return_run(int64_t now_ns, uint64_t hash, int64_t generation, int64_t end, int64_t units) {
    const int64_t floor = terms_.produced(now_ns) - terms_.burst;
    return slots_.change(hash, attempts_, [&](const Seen& seen) -> std::optional<int64_t> {
      const Told told = read(seen, floor);
      if (((told.generation ^ generation) & ~kReserved) != 0 || std::max(told.spent, floor) != end) return {};
      const int64_t mark = units > 0 && told.mark != 0 ? terms_.mark_of(end - units) : 0;
      return slots_.level_of(end - units, seen.identity, mark);
    });
  }

  // How long until `place` of the axis is produced.
  int64_t time_until(int64_t now_ns, int64_t place) const { return terms_.time_until(place, now_ns); }

  // Lets the key have nothing for `pause_ns` > 0: spends what is there, and what is produced until then. A key that has
  // spent more already keeps its debt. Granted, or kBusy when there is no slot.
  Outcome pause(int64_t now_ns, uint64_t hash, int64_t pause_ns) {
    const int64_t until_ns = now_ns > std::numeric_limits<int64_t>::max() - pause_ns
                                 ? std::numeric_limits<int64_t>::max()
                                 : now_ns + pause_ns;
    const int64_t end = std::min(terms_.produced(until_ns), slots_.most());
    return take(now_ns, hash, 0, end, std::numeric_limits<int64_t>::max(), kAnySlot).outcome;
  }

  // Gives back `tokens` >= 0, never above the burst, nor what callers may have reserved: they would have it as well.
  // Returns the tokens given back.
  double refund(int64_t now_ns, uint64_t hash, double tokens) {
    const int64_t credit = credit_units(tokens, terms_.scale.digits);
    const int64_t floor = terms_.produced(now_ns) - terms_.burst;
    int64_t returned = 0;
    const bool is_back = slots_.change(hash, attempts_, [&](const Seen& seen) -> std::optional<int64_t> {
      const Told told = read(seen, floor);
      const int64_t spent = std::max(told.spent, floor);
      returned = spent - std::max(spent - credit, told.least);
      if (returned == 0) return {};
      return slots_.level_of(spent - returned, seen.identity, told.mark);
    });
    return is_back ? terms_.tokens_of(returned) : 0;
  }

  // Fills the key's bucket, but for what callers may have reserved.
  void reset(int64_t now_ns, uint64_t hash) {
    const int64_t floor = terms_.produced(now_ns) - terms_.burst;
    slots_.change(hash, attempts_, [&](const Seen& seen) {
      const Told told = read(seen, floor);
      return std::optional(told.mark == 0 ? Slots::free_level(seen.identity)
                                          : slots_.level_of(told.least, seen.identity, told.mark));
    });
  }

  // What the key has, and how long it would have to wait for `tokens` > 0. Takes no slot.
  KeyedLook look(int64_t now_ns, uint64_t hash, double tokens) {
    const KeyedSurvey seen = survey(now_ns, hash);
    const int64_t cost = tokens > terms_.asked.burst ? kTooLarge : terms_.cost_of(tokens);
    if (seen.room_ns > 0) return {0, cost == kTooLarge ? kNever : seen.room_ns};
    const int64_t spent = std::max(seen.spent, seen.produced - terms_.burst);
    const int64_t wait_ns = cost == kTooLarge               ? kNever
                            : spent + cost <= seen.produced ? 0
                                                            : terms_.time_until(spent + cost, now_ns);
    return {terms_.tokens_of(std::max<int64_t>(seen.produced - spent, 0)), wait_ns};
  }

  // How many keys have less than a full bucket now. Looks at every slot; keys that come or go meanwhile may be missed.
  int64_t size(int64_t now_ns) const { return slots_.count_above(terms_.produced(now_ns) - terms_.burst); }

 private:
  using Slots = KeyedSlots<W>;
  using State = typename Slots::State;
  using Seen = typename Slots::Seen;
  using Survey = typename Slots::Survey;
  using Position = typename Slots::Position;

  static constexpr int64_t kTooLarge = -1;
  // Instead of a generation: whichever slot has the key.
  static constexpr int64_t kAnySlot = -2;
  // Instead of a last place: what is produced by now.
  static constexpr int64_t kProduced = std::numeric_limits<int64_t>::min();
  // Instead of the oldest place: what is in a full bucket.
  static constexpr int64_t kNotOld = std::numeric_limits<int64_t>::min();

  static Slots slots_of(W* words, const KeyedTerms& terms) {
    return {words, terms.cut, terms.scale.generation_bits, keyed::kMarkBits};
  }

  // What a level says.
  struct Told {
    int64_t spent;
    int64_t least;       // what must stay spent: what is too old, and what callers may have reserved
    int64_t mark;        // 0 when nothing that is reserved is of use any more
    int64_t generation;  // as in a survey
  };
  Told read(const Seen& seen, int64_t floor) const {
    const int64_t spent = slots_.number_of(seen.level);
    const int64_t mark = slots_.mark_of(seen.level);
    const int64_t generation = seen.identity & keyed::kGenerationMask;
    const int64_t reserved = mark != 0 ? terms_.reserved_to(spent, mark) : floor;
    if (reserved <= floor) return {spent, floor, 0, generation};
    return {spent, reserved, mark, generation | kReserved};
  }

  Outcome take_now(int64_t now_ns, uint64_t hash, int64_t cost) {
    return take(now_ns, hash, cost, kNotOld, kProduced, kAnySlot).outcome;
  }

  // Takes the next `cost` units of the key's axis if they end at `last` at most. What is before `oldest` is gone. For
  // callers that wait, if a generation is given.
  Run take(int64_t now_ns, uint64_t hash, int64_t cost, int64_t oldest, int64_t last, int64_t generation) {
    const Position at = slots_.position_of(hash);
    const int64_t produced = terms_.produced(now_ns);
    const int64_t floor = produced - terms_.burst;
    if (oldest == kNotOld) oldest = floor;
    if (last == kProduced) last = produced;
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state == State::kLive) [[likely]] {
        const Told told = read(seen, floor);
        if (generation != kAnySlot && generation != told.generation) return {Outcome::kBusy, 0};
        // A level without a number does not tell what was spent before the slot was freed.
        const int64_t start = std::max(slots_.has_number(seen.level) ? told.spent : floor, oldest);
        if (start + cost > last) return {Outcome::kDenied, 0};
        const int64_t spent = std::min(start + cost, slots_.most());
        const int64_t mark = generation == kAnySlot ? told.mark : terms_.mark_of(spent);
        if (slots_.commit(seen, slots_.level_of(spent, seen.identity, mark))) return {Outcome::kGranted, start};
        continue;
      }
      const int64_t start = std::max(floor, oldest);
      const Survey survey = slots_.take_stock(at, floor);
      if (survey.result == Survey::kAgain) continue;
      if (generation != kAnySlot && generation != kNoSlot) return {Outcome::kBusy, 0};
      if (survey.result == Survey::kFull && !terms_.asked.evicts) return {Outcome::kBusy, 0};
      // A full bucket has every cost but one that exceeds it.
      if (start + cost > last) return {Outcome::kDenied, 0};
      if (!free_slot_of(survey)) continue;
      int64_t identity = 0;
      const int64_t spent = std::min(start + cost, slots_.most());
      const int64_t mark = generation == kAnySlot ? 0 : terms_.mark_of(spent);
      if (slots_.claim(at, survey, spent, &identity, mark)) return {Outcome::kGranted, start};
    }
    return {Outcome::kBusy, 0};
  }

  // Frees the slot that was chosen for a new key: what another key had in it is forgotten.
  bool free_slot_of(const Survey& survey) {
    if (!slots_.freeze(survey.choice)) return false;
    // order: relaxed. It is looked at and nothing follows from it.
    if (survey.result == Survey::kFull) words_[keyed::kEvicted].fetch_add(1, std::memory_order_relaxed);
    return true;
  }

  int64_t time_until_room(const Survey& survey, int64_t now_ns) const {
    return terms_.time_until(survey.least + terms_.burst, now_ns);
  }

  W* words_;
  Slots slots_;
  KeyedTerms terms_;
  int attempts_;
};

}  // namespace amorsize::core
