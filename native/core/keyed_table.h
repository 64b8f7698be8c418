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

#include "core/backoff.h"
#include "core/keyed_slots.h"
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
  // room. Each time takes another thread's success, and from the second on a moment that lets it finish.
  KeyedTable(W* words, const KeyedTerms& terms, int attempts = 1000)
      : slots_(words, terms.cut, terms.scale.generation_bits), terms_(terms), attempts_(attempts) {}
  explicit KeyedTable(W* words) : KeyedTable(words, KeyedTerms::read(words)) {}

  // Writes an empty table into zeroed memory no other thread can see yet.
  static void initialize(W* words, const KeyedTerms& terms) {
    terms.write(words);
    // order: release. Pairs with the acquire of whoever checks the kind word before first use.
    words[keyed::kKind].store(kind_word(Kind::kKeyedTable), std::memory_order_release);
  }

  // Gives a table that nobody uses another rate, burst or rule for full tables; every key keeps its tokens and its
  // debt. Without its kind's word in between: who dies here leaves no table.
  static void change(W* words, int64_t now_ns, KeyedParameters asked) {
    // order: relaxed. The release below comes after all of them; nobody else looks.
    words[keyed::kKind].store(0, std::memory_order_relaxed);
    const KeyedTerms old = KeyedTerms::read(words);
    asked.capacity = old.asked.capacity;
    const KeyedTerms next = KeyedTerms::make(now_ns, asked, old.seed);
    const KeyedSlots<W> from(words, old.cut, old.scale.generation_bits);
    KeyedSlots<W> to(words, next.cut, next.scale.generation_bits);
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

  // Lets the key have nothing for `pause_ns` > 0: spends what is there, and what is produced until then but for one
  // token. A key that has spent more already keeps its debt. Granted, or kBusy when there is no slot.
  Outcome pause(int64_t now_ns, uint64_t hash, int64_t pause_ns) {
    const int64_t until_ns = now_ns > std::numeric_limits<int64_t>::max() - pause_ns
                                 ? std::numeric_limits<int64_t>::max()
                                 : now_ns + pause_ns;
    const int64_t target = std::min(terms_.produced(until_ns) - terms_.cost_of(1), slots_.most());
    const Position at = slots_.position_of(hash);
    const int64_t floor = terms_.produced(now_ns) - terms_.burst;
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state == State::kLive) {
        if (slots_.number_of(seen.level) >= target || target <= floor) return Outcome::kGranted;
        if (slots_.commit(seen, slots_.level_of(target, seen.identity))) return Outcome::kGranted;
        continue;
      }
      const Survey survey = slots_.take_stock(at, floor);
      if (survey.result == Survey::kAgain) continue;
      if (target <= floor) return Outcome::kGranted;
      if (survey.result == Survey::kFull && !terms_.asked.evicts) return Outcome::kBusy;
      if (!slots_.freeze(survey.choice)) continue;
      int64_t identity = 0;
      if (slots_.claim(at, survey, target, &identity)) return Outcome::kGranted;
    }
    return Outcome::kBusy;
  }

  // Gives back what a reservation of `tokens` took if nothing was reserved after it; else nothing, as a bucket. Whoever
  // finds its own place at the end again has seen all after it go. Returns the tokens given back; none if the key has
  // lost its slot since, and with it the debt.
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
    const Position at = slots_.position_of(hash);
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state != State::kLive) {
        if (slots_.has_no_slot(at)) return;
      } else if (slots_.commit(seen, Slots::free_level(seen.identity))) {
        return;
      }
    }
  }

  // What the key has, and how long it would have to wait for `tokens` > 0. Takes no slot.
  KeyedLook look(int64_t now_ns, uint64_t hash, double tokens) {
    const Position at = slots_.position_of(hash);
    const int64_t produced = terms_.produced(now_ns);
    const int64_t cost = tokens > terms_.asked.burst ? kTooLarge : terms_.cost_of(tokens);
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state == State::kLive) {
        const int64_t spent = std::max(slots_.number_of(seen.level), produced - terms_.burst);
        const int64_t wait_ns = cost == kTooLarge          ? kNever
                                : spent + cost <= produced ? 0
                                                           : terms_.time_until(spent + cost, now_ns);
        return {terms_.tokens_of(std::max<int64_t>(produced - spent, 0)), wait_ns};
      }
      const Survey survey = slots_.take_stock(at, produced - terms_.burst);
      if (survey.result == Survey::kAgain) continue;
      if (survey.result == Survey::kFull && !terms_.asked.evicts)
        return {0, cost == kTooLarge ? kNever : time_until_room(survey, now_ns)};
      return {terms_.asked.burst, cost == kTooLarge ? kNever : 0};
    }
    return {0, 0};
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
  // Waits that need not be computed.
  static constexpr int64_t kNow = -1;
  static constexpr int64_t kUnlimited = -2;

  KeyedReservation take(int64_t now_ns, uint64_t hash, int64_t cost, int64_t max_wait_ns) {
    const Position at = slots_.position_of(hash);
    const int64_t produced = terms_.produced(now_ns);
    const int64_t floor = produced - terms_.burst;
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state == State::kLive) [[likely]] {
        const int64_t next = std::max(slots_.number_of(seen.level), floor) + cost;
        int64_t wait_ns = 0;
        if (next > produced && max_wait_ns != kUnlimited) {
          if (max_wait_ns == kNow) return {Outcome::kDenied, 0, {}};
          wait_ns = next > slots_.most() ? kNever : terms_.time_until(next, now_ns);
          if (wait_ns > max_wait_ns || wait_ns == kNever) return {Outcome::kDenied, wait_ns, {}};
        }
        const int64_t spent = std::min(next, slots_.most());
        if (slots_.commit(seen, slots_.level_of(spent, seen.identity)))
          return {Outcome::kGranted, wait_ns, {spent, seen.identity & keyed::kGenerationMask}};
        continue;
      }
      const Survey survey = slots_.take_stock(at, produced - terms_.burst);
      if (survey.result == Survey::kAgain) continue;
      if (survey.result == Survey::kFull && !terms_.asked.evicts)
        return {Outcome::kBusy, time_until_room(survey, now_ns), {}};
      if (!slots_.freeze(survey.choice)) continue;
      // A full bucket has every cost but one that exceeds it, which only `charge` brings.
      const int64_t spent = std::min(floor + cost, slots_.most());
      int64_t identity = 0;
      if (slots_.claim(at, survey, spent, &identity))
        return {Outcome::kGranted, 0, {spent, identity & keyed::kGenerationMask}};
    }
    return {Outcome::kBusy, 0, {}};
  }

  template <class CreditOf>
  double give_back(int64_t now_ns, uint64_t hash, CreditOf credit_of) {
    const Position at = slots_.position_of(hash);
    const int64_t floor = terms_.produced(now_ns) - terms_.burst;
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state != State::kLive) {
        if (slots_.has_no_slot(at)) return 0;
        continue;
      }
      const int64_t spent = std::max(slots_.number_of(seen.level), floor);
      const int64_t next = std::max(spent - std::max<int64_t>(credit_of(seen, spent), 0), floor);
      if (next == spent) return 0;
      if (slots_.commit(seen, slots_.level_of(next, seen.identity))) return terms_.tokens_of(spent - next);
    }
    return 0;
  }

  int64_t time_until_room(const Survey& survey, int64_t now_ns) const {
    return terms_.time_until(survey.least + terms_.burst, now_ns);
  }

  Slots slots_;
  KeyedTerms terms_;
  int attempts_;
};

}  // namespace amorsize::core
