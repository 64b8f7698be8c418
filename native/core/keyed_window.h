// A window and a count for every key, in one block of shared memory that never grows. A key's window starts at its
// first hit and lasts as long as that hit says; hits beyond a limit are counted too. Every operation is lock-free,
// takes the time and the hash of the key as arguments, and may run in any thread or process at the same time as any
// other; a thread that dies at any instruction leaves the table usable.
//
// The level of a key's slot is the end of its window, how the key stands with its limit until then, and the count: one
// compare-and-swap a hit. A window that is over equals no window, so its slot is free for the next key. Slots:
// keyed_slots.h.
//
// A key without room takes the place of another in this order, so that fresh keys push out no refusal: those with hits
// left, the fewest first; those that have used up theirs; those that were refused or blocked. Of equals, the one whose
// window ends first. Limits come with each hit, so a key's level says what became of its own.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/backoff.h"
#include "core/keyed_slots.h"
#include "core/window_terms.h"

namespace amorsize::core {

// What a hit beyond the limit does to the window.
enum class Extend {
  kNever,    // nothing
  kRefused,  // it starts anew, with its count
  kDouble,   // it lasts window * 2^(refusals - 1) from now, if that is longer
};

struct WindowHit {
  int64_t window_ms;  // >= 1
  int64_t hits;       // >= 1
  int64_t limit;      // a count above it is refused; window::kMostCount: no limit
  Extend extend;
};

struct WindowSeen {
  int64_t count;  // hits of this window, this one included; at most window::kMostCount
  // Until the window (or the block) is over; without room: until there is a slot. At most what the call asks for, as a
  // window that ends at a full millisecond has a fraction more left in its first; a look tells whole milliseconds.
  int64_t reset_ns;
  bool refused;
  bool has_room;  // false: every slot of the group is in use; nothing was counted
};

template <class W = Word>
class KeyedWindow {
 public:
  // `attempts`: how often an operation begins anew because others were faster, before it gives up as if there were no
  // room. Each time takes another thread's success, and from the second on a moment that lets it finish.
  KeyedWindow(W* words, const WindowTerms& terms, int attempts = 1000)
      : slots_(words, terms.cut, window::kGenerationBits), terms_(terms), attempts_(attempts) {}
  explicit KeyedWindow(W* words) : KeyedWindow(words, WindowTerms::read(words)) {}

  // Writes an empty table into zeroed memory no other thread can see yet.
  static void initialize(W* words, const WindowTerms& terms) {
    terms.write(words);
    write_kind(words, Kind::kKeyedWindow);
  }

  const WindowTerms& terms() const { return terms_; }

  // Counts hits of a key. A key without a window, or whose window is over, gets a new one.
  WindowSeen hit(int64_t now_ns, uint64_t hash, const WindowHit& hit) {
    return change(
        now_ns, hash, true,
        [&](const Level& before) {
          if (before.standing == kBlocked) return before;
          const int64_t count = std::min(before.count + hit.hits, window::kMostCount);
          const Standing standing = count > hit.limit ? kRefused : count == hit.limit ? kExhausted : kOpen;
          const Level counted{before.end_ms != 0 ? before.end_ms : end_after(now_ns, hit.window_ms),
                              std::max(before.standing, standing), count};
          return extended(counted, now_ns, hit);
        },
        hit.window_ms, hit.limit);
  }

  // Takes back up to `hits` of a key's window. It keeps its end.
  void unhit(int64_t now_ns, uint64_t hash, int64_t hits) {
    change(now_ns, hash, false, [&](const Level& before) {
      if (before.standing == kBlocked) return before;
      // The limit does not come along: a key of which something is left stands as before.
      return before.count > hits ? Level{before.end_ms, before.standing, before.count - hits}
                                 : Level{before.end_ms, kOpen, 0};
    });
  }

  // Refuses every hit of the key for that long, from now on. A block that ends later stays.
  WindowSeen block(int64_t now_ns, uint64_t hash, int64_t ms) {
    return change(
        now_ns, hash, true,
        [&](const Level& before) {
          const int64_t end_ms = end_after(now_ns, ms);
          return before.standing == kBlocked && before.end_ms > end_ms ? before : Level{end_ms, kBlocked, before.count};
        },
        ms);
  }

  // Forgets the key: its window, its count, its block.
  void reset(uint64_t hash) { slots_.free(hash, attempts_); }

  // Forgets every key. Keys that come meanwhile may be kept or forgotten.
  void clear() {
    slots_.each([this](const Seen& seen) {
      Seen now = seen;
      for (Attempts attempts(attempts_); now.state == State::kLive && attempts.next();) {
        if (slots_.commit(now, Slots::free_level(now.identity))) return;
        now = slots_.look_at(now.slot);
      }
    });
  }

  // What the key has. Takes no slot; a key without a window has count 0 and nothing to wait for.
  WindowSeen look(int64_t now_ns, uint64_t hash) const {
    const int64_t now_ms = terms_.ms_at(now_ns);
    const Seen seen = slots_.find(slots_.position_of(hash));
    const Level level = seen.state == State::kLive ? read(slots_.number_of(seen.level), now_ms) : Level{};
    return told(level, now_ns);
  }

  // How many keys have a window or a block that is not over.
  int64_t size(int64_t now_ns) const { return slots_.count_above(floor_at(terms_.ms_at(now_ns))); }

 private:
  using Slots = KeyedSlots<W>;
  using State = typename Slots::State;
  using Seen = typename Slots::Seen;
  using Survey = typename Slots::Survey;
  using Position = typename Slots::Position;

  enum Standing : int64_t { kOpen, kExhausted, kRefused, kBlocked };
  static constexpr int64_t kStandings = 3;  // its bits

  struct Level {
    int64_t end_ms = 0;  // since the epoch; 0: no window
    Standing standing = kOpen;
    int64_t count = 0;
  };

  // The end comes first, so that of two numbers the lower one is free first, and one not above the floor is over.
  static int64_t number_of(const Level& level) {
    return level.end_ms << window::kEndShift | level.standing << window::kCountBits | level.count;
  }
  // Which of the keys of a full group goes first.
  static int64_t rank_of(int64_t number) {
    const int64_t standing = std::min<int64_t>((number >> window::kCountBits) & kStandings, kRefused);
    const int64_t count = standing == kOpen ? number & window::kMostCount : 0;
    return (standing << window::kCountBits | count) << window::kEndBits | number >> window::kEndShift;
  }
  // After the last millisecond of the axis all is over.
  static int64_t floor_at(int64_t now_ms) {
    return (std::min(now_ms, window::kMostMs) << window::kEndShift) | window::kBelowEnd;
  }
  static Level read(int64_t number, int64_t now_ms) {
    if (number <= floor_at(now_ms)) return {};
    return {number >> window::kEndShift, static_cast<Standing>((number >> window::kCountBits) & kStandings),
            number & window::kMostCount};
  }

  // The end of what lasts `ms` from now: never less, and at most a millisecond more.
  int64_t end_after(int64_t now_ns, int64_t ms) const {
    const int64_t now_ms = terms_.ms_at(now_ns + 999'999);
    return now_ms >= window::kMostMs - ms ? window::kMostMs : now_ms + ms;
  }

  Level extended(const Level& counted, int64_t now_ns, const WindowHit& hit) const {
    if (hit.extend == Extend::kNever || counted.count <= hit.limit) return counted;
    const int64_t doublings = hit.extend == Extend::kDouble ? counted.count - hit.limit - 1 : 0;
    const int64_t longest = window::kMostMs >> std::min<int64_t>(doublings, 62);
    const int64_t lasting = hit.window_ms > longest ? window::kMostMs : hit.window_ms << doublings;
    return {std::max(counted.end_ms, end_after(now_ns, lasting)), counted.standing, counted.count};
  }

  // `whole_ms`: from so many on, what is left is told without the fraction.
  WindowSeen told(const Level& level, int64_t now_ns, int64_t whole_ms = 1, int64_t limit = window::kMostCount) const {
    const int64_t left_ns = level.end_ms == 0 ? 0 : terms_.ns_until(level.end_ms, now_ns);
    const int64_t left_ms = left_ns / 1'000'000;
    return {level.count, left_ms >= whole_ms ? left_ms * 1'000'000 : left_ns,
            level.standing == kBlocked || level.count > limit, true};
  }

  // Replaces the key's level by what `next` makes of it. `claims`: whether a key without a slot gets one.
  template <class Next>
  WindowSeen change(int64_t now_ns, uint64_t hash, bool claims, Next next, int64_t whole_ms = 1,
                    int64_t limit = window::kMostCount) {
    const Position at = slots_.position_of(hash);
    const int64_t now_ms = terms_.ms_at(now_ns);
    for (Attempts attempts(attempts_); attempts.next();) {
      const Seen seen = slots_.find(at);
      if (seen.state == State::kLive) [[likely]] {
        const Level before = read(slots_.number_of(seen.level), now_ms);
        if (before.end_ms == 0 && !claims) return told(before, now_ns, whole_ms, limit);
        const Level after = next(before);
        if (slots_.commit(seen, slots_.level_of(number_of(after), seen.identity)))
          return told(after, now_ns, whole_ms, limit);
        continue;
      }
      const Survey survey = slots_.take_stock(at, floor_at(now_ms), rank_of);
      if (survey.result == Survey::kAgain) continue;
      if (!claims) return told({}, now_ns, whole_ms, limit);
      if (survey.result == Survey::kFull && !terms_.evicts)
        return {0, terms_.ns_until(survey.least >> window::kEndShift, now_ns), true, false};
      if (!slots_.freeze(survey.choice)) continue;
      const Level after = next({});
      int64_t identity = 0;
      if (slots_.claim(at, survey, number_of(after), &identity)) return told(after, now_ns, whole_ms, limit);
    }
    return {0, 0, true, false};
  }

  Slots slots_;
  WindowTerms terms_;
  int attempts_;
};

}  // namespace amorsize::core
