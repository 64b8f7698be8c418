// The keyed window: in one thread against a map of plain windows and at the ends of its ranges, and under real threads,
// where no hit may be lost.
#include "core/keyed_window.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <tuple>

#include "check.h"
#include "keyed_cells.h"
#include "run_threads.h"

namespace amorsize::test {
namespace {

using core::Extend;
using core::KeyedWindow;
using core::WindowHit;
using core::WindowSeen;
using core::window::kMostCount;
using core::window::kMostMs;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kMs = 1'000'000;

class Windows {
 public:
  explicit Windows(int64_t capacity, bool evicts = true)
      : cells_(new Cell[core::keyed_cells(capacity)]()), windows_(make(cells_.get(), capacity, evicts)) {}

  KeyedWindow<>* operator->() { return &windows_; }
  core::Word* first_slot() { return cells_[0].words + core::keyed::kFirstGroup + core::keyed::kFirstSlot; }

 private:
  struct alignas(core::kCellBytes) Cell {
    core::Word words[core::kWordsPerCell];
  };

  static KeyedWindow<> make(Cell* cells, int64_t capacity, bool evicts) {
    KeyedWindow<>::initialize(cells[0].words, core::WindowTerms::make(kSecond, capacity, evicts, {1, 2}));
    return KeyedWindow<>(cells[0].words);
  }

  std::unique_ptr<Cell[]> cells_;
  KeyedWindow<> windows_;
};

constexpr WindowHit hit_of(int64_t ms, int64_t hits = 1, int64_t limit = kMostCount, Extend extend = Extend::kNever) {
  return {ms, hits, limit, extend};
}

TEST("window: a count saturates, and a window that would end after the axis ends with it") {
  Windows windows(5);
  for (int i = 0; i < 3; ++i) windows->hit(kSecond, hash_of(1), hit_of(1000, kMostCount));
  EXPECT_EQ(windows->look(kSecond, hash_of(1)).count, kMostCount);
  const WindowSeen longest = windows->hit(kSecond, hash_of(2), hit_of(kMostMs, 1));
  EXPECT_EQ(longest.reset_ns, kMostMs * kMs);
  windows->hit(kSecond, hash_of(3), hit_of(1000, 1, 1));
  for (int i = 0; i < 100; ++i) windows->hit(kSecond, hash_of(3), hit_of(1000, 1, 1, Extend::kDouble));
  EXPECT_EQ(windows->look(kSecond, hash_of(3)).reset_ns, kMostMs * kMs);
  CHECK(windows->hit(std::numeric_limits<int64_t>::max() / 2, hash_of(4), hit_of(1000)).has_room);
}

TEST("window: never ends before its time, and at most a millisecond after") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 1000 * effort; ++round) {
    Windows windows(2);
    const auto now = kSecond + static_cast<int64_t>(random() % (kSecond * 100));
    const auto ms = static_cast<int64_t>(1 + random() % 10'000);
    const int64_t reset_ns = windows->hit(now, hash_of(1), hit_of(ms)).reset_ns;
    // Nothing tells of the rest of a millisecond until the window has no more left than it lasts.
    EXPECT_EQ(reset_ns, ms * kMs);
    EXPECT_EQ(windows->look(now, hash_of(1)).reset_ns, ms * kMs);
    EXPECT_EQ(windows->hit(now + reset_ns - 1, hash_of(1), hit_of(ms)).count, 2);
    const int64_t rest_ns = windows->look(now + reset_ns, hash_of(1)).reset_ns;
    CHECK(rest_ns >= 0 && rest_ns < kMs);
    EXPECT_EQ(windows->hit(now + reset_ns + rest_ns, hash_of(1), hit_of(ms)).count, 1);
  }
}

TEST("window: without room a new key is refused until there is some, or takes the place of the one that ends first") {
  for (const bool evicts : {false, true}) {
    Windows windows(3, evicts);
    for (uint64_t key = 0; key < 3; ++key)
      windows->hit(kSecond, hash_of(key), hit_of(1000 * (static_cast<int64_t>(key) + 1), 5));
    const WindowSeen fourth = windows->hit(kSecond, hash_of(9), hit_of(500, 1));
    EXPECT_EQ(fourth.has_room, evicts);
    EXPECT_EQ(fourth.refused, !evicts);
    EXPECT_EQ(windows->look(kSecond, hash_of(0)).count, evicts ? 0 : 5);
    for (const uint64_t key : {1, 2}) EXPECT_EQ(windows->look(kSecond, hash_of(key)).count, 5);
    if (!evicts) EXPECT_EQ(fourth.reset_ns, kSecond);
    CHECK(windows->hit(2 * kSecond, hash_of(9), hit_of(500, 1)).has_room);
  }
}

TEST("window: hits of a key without a window are not taken back, and nobody loses his place for it") {
  Windows windows(1);
  windows->hit(kSecond, hash_of(1), hit_of(1000, 5));
  windows->unhit(kSecond, hash_of(2), 1);
  EXPECT_EQ(windows->look(kSecond, hash_of(1)).count, 5);
  // Its window is over, and it has its slot still.
  windows->unhit(3 * kSecond, hash_of(1), 1);
  EXPECT_EQ(windows->look(kSecond, hash_of(1)).count, 5);
}

TEST("window: the last and the first milliseconds of the axis, and of a window") {
  Windows windows(10);
  const int64_t late = kSecond + (kMostMs - 500) * kMs;
  EXPECT_EQ(windows->hit(late, hash_of(1), hit_of(1000)).reset_ns, 500 * kMs);
  // Twice half of the axis is a millisecond less than all of it.
  EXPECT_EQ(windows->hit(kSecond, hash_of(2), hit_of(kMostMs >> 1, 3, 1, Extend::kDouble)).reset_ns,
            (kMostMs - 1) * kMs);
  EXPECT_EQ(windows->hit(kSecond, hash_of(3), hit_of(1)).reset_ns, kMs);
  EXPECT_EQ(windows->look(kSecond - 10, hash_of(4)).reset_ns, 0);
  // A block with the highest count is over when it ends.
  windows->hit(kSecond, hash_of(5), hit_of(1000, kMostCount));
  windows->block(kSecond, hash_of(5), 1000);
  EXPECT_EQ(windows->look(2 * kSecond - 1, hash_of(5)).count, kMostCount);
  EXPECT_EQ(windows->look(2 * kSecond, hash_of(5)).count, 0);
}

struct PlainWindow {
  int64_t end_ms = 0;
  int64_t count = 0;
  bool blocked = false;
  bool used_up = false;
  bool refused = false;

  // Lower: goes first.
  std::tuple<int, int64_t, int64_t> rank() const {
    if (blocked || refused) return {2, 0, end_ms};
    return used_up ? std::tuple{1, int64_t{0}, end_ms} : std::tuple{0, count, end_ms};
  }
};

TEST("window: of a full group goes a key that is neither refused nor blocked, and of those that are the first to end") {
  constexpr int64_t kLimit = 3;
  std::mt19937_64 random(12);
  for (int round = 0; round < 200 * effort; ++round) {
    const size_t capacity = round % 2 == 0 ? 3 : 31;
    Windows windows(static_cast<int64_t>(capacity));
    std::map<uint64_t, PlainWindow> plain;
    int64_t now_ms = 0;
    for (int i = 0; i < 500; ++i) {
      now_ms += static_cast<int64_t>(random() % 3);
      const int64_t now_ns = kSecond + now_ms * kMs;
      std::erase_if(plain, [&](const auto& entry) { return entry.second.end_ms <= now_ms; });
      const uint64_t key = random() % (2 * capacity);
      const auto ms = static_cast<int64_t>(1 + random() % 400);
      const bool is_there = plain.contains(key);
      const auto kind = random() % 8;
      if (kind == 0 && !is_there) continue;
      auto first = std::min_element(plain.begin(), plain.end(), [](const auto& one, const auto& other) {
        return one.second.rank() < other.second.rank();
      });
      if (!is_there && plain.size() == capacity) {
        const auto lowest = first->second.rank();
        const auto n = static_cast<int64_t>(1 + random() % 4);
        kind == 1 ? windows->block(now_ns, hash_of(key), ms)
                  : windows->hit(now_ns, hash_of(key), hit_of(ms, n, kLimit));
        const auto gone = std::find_if(plain.begin(), plain.end(), [&](const auto& entry) {
          return windows->look(now_ns, hash_of(entry.first)).reset_ns == 0;
        });
        CHECK(gone != plain.end() && gone->second.rank() == lowest);
        plain.erase(gone);
        plain[key] =
            kind == 1 ? PlainWindow{now_ms + ms, 0, true} : PlainWindow{now_ms + ms, n, false, n == kLimit, n > kLimit};
      } else if (kind == 0) {
        windows->unhit(now_ns, hash_of(key), 1);
        PlainWindow& window = plain[key];
        if (!window.blocked && --window.count <= 0) window = {window.end_ms};
      } else if (kind == 1) {
        windows->block(now_ns, hash_of(key), ms);
        PlainWindow& window = plain[key];
        if (!window.blocked || window.end_ms <= now_ms + ms) window = {now_ms + ms, window.count, true};
      } else {
        windows->hit(now_ns, hash_of(key), hit_of(ms, 1, kLimit));
        PlainWindow& window = plain[key];
        if (window.end_ms == 0) window.end_ms = now_ms + ms;
        if (!window.blocked) {
          ++window.count;
          window.used_up |= window.count == kLimit;
          window.refused |= window.count > kLimit;
        }
      }
      for (const auto& [each, window] : plain) EXPECT_EQ(windows->look(now_ns, hash_of(each)).count, window.count);
    }
  }
}

TEST("window: as a map of plain windows counts, over keys, operations and times at random") {
  std::mt19937_64 random(11);
  for (int round = 0; round < 100 * effort; ++round) {
    Windows windows(400);
    std::map<uint64_t, PlainWindow> plain;
    int64_t now_ms = 0;
    for (int i = 0; i < 500; ++i) {
      now_ms += static_cast<int64_t>(random() % 40);
      const int64_t now_ns = kSecond + now_ms * kMs;
      const uint64_t key = random() % 8;
      PlainWindow& window = plain[key];
      if (window.end_ms <= now_ms) window = {};
      const auto ms = static_cast<int64_t>(1 + random() % 200);
      const auto n = static_cast<int64_t>(1 + random() % 3);
      switch (random() % 6) {
        case 0:
          windows->unhit(now_ns, hash_of(key), n);
          if (!window.blocked) window.count = std::max<int64_t>(window.count - n, 0);
          break;
        case 1:
          windows->block(now_ns, hash_of(key), ms);
          if (!window.blocked || window.end_ms <= now_ms + ms) window = {now_ms + ms, window.count, true};
          break;
        case 2:
          windows->reset(hash_of(key));
          window = {};
          break;
        default: {
          const auto extend = static_cast<Extend>(random() % 3);
          const WindowSeen seen = windows->hit(now_ns, hash_of(key), hit_of(ms, n, 4, extend));
          if (!window.blocked) {
            if (window.end_ms == 0) window.end_ms = now_ms + ms;
            window.count += n;
            if (extend != Extend::kNever && window.count > 4) {
              const int64_t lasting = extend == Extend::kDouble ? ms << std::min<int64_t>(window.count - 5, 38) : ms;
              window.end_ms = std::max(window.end_ms, std::min(now_ms + lasting, kMostMs));
            }
          }
          EXPECT_EQ(seen.refused, window.blocked || window.count > 4);
        }
      }
      const WindowSeen seen = windows->look(now_ns, hash_of(key));
      EXPECT_EQ(seen.count, window.count);
      EXPECT_EQ(seen.reset_ns, std::max<int64_t>(window.end_ms - now_ms, 0) * kMs);
      EXPECT_EQ(seen.refused, window.blocked);
    }
  }
}

TEST("window: a slot that was frozen late, for a key that it had eight keys before, serves the next key") {
  Windows windows(1);
  windows->hit(kSecond, hash_of(1), hit_of(1000));
  namespace keyed = core::keyed;
  const int64_t identity = windows.first_slot()[keyed::kIdentity].load();
  windows.first_slot()[keyed::kLevel].store(keyed::kFrozen | ((identity - 8) & keyed::kGenerationMask));
  const WindowSeen seen = windows->hit(kSecond, hash_of(2), hit_of(1000));
  CHECK(seen.has_room);
  EXPECT_EQ(seen.count, 1);
  EXPECT_EQ(windows->hit(kSecond, hash_of(2), hit_of(1000)).count, 2);
}

TEST("window threads: every hit is counted, and exactly the limit is admitted, whoever claims the slot first") {
  constexpr int kThreads = 4;
  for (int round = 0; round < 30 * effort; ++round) {
    constexpr uint64_t kKeys = 50;
    constexpr int kHits = 40;
    constexpr int64_t kLimit = 100;
    Windows windows(400, false);
    std::atomic<int64_t> admitted{0};
    run_threads(kThreads, [&](int) {
      int64_t mine = 0;
      for (uint64_t key = 0; key < kKeys; ++key)
        for (int i = 0; i < kHits; ++i)
          mine += windows->hit(kSecond, hash_of(key), hit_of(1000, 1, kLimit)).refused ? 0 : 1;
      admitted += mine;
    });
    EXPECT_EQ(admitted.load(), static_cast<int64_t>(kKeys) * kLimit);
    for (uint64_t key = 0; key < kKeys; ++key)
      EXPECT_EQ(windows->look(kSecond, hash_of(key)).count, int64_t{kThreads * kHits});
  }
}

TEST("window threads: no flood pushes out a key that others refuse at the same time") {
  constexpr int64_t kLimit = 5;
  for (int round = 0; round < 300 * effort; ++round) {
    Windows windows(31);
    std::atomic<bool> is_lost{false};
    run_threads(4, [&](int index) {
      for (int i = 0; i < 400; ++i) {
        if (index != 0) {
          windows->hit(kSecond, hash_of(static_cast<uint64_t>(1000 * index + i)), hit_of(1000, 1 + i % 4, kLimit));
        } else if (i < 100) {
          // Twenty keys, each of which goes beyond its limit at once, and is looked at from then on.
          const WindowSeen seen =
              windows->hit(kSecond, hash_of(static_cast<uint64_t>(i % 20)), hit_of(1000, 6, kLimit));
          if (seen.count != 6 * (i / 20 + 1)) is_lost = true;
        }
      }
    });
    CHECK(!is_lost);
    for (uint64_t key = 0; key < 20; ++key) EXPECT_EQ(windows->look(kSecond, hash_of(key)).count, 30);
  }
}

TEST("window threads: hits that are taken back leave what the others have") {
  constexpr int kThreads = 4;
  for (int round = 0; round < 30 * effort; ++round) {
    Windows windows(10);
    run_threads(kThreads, [&](int index) {
      for (int i = 0; i < 2000; ++i) {
        windows->hit(kSecond, hash_of(1), hit_of(1000));
        if (index != 0) windows->unhit(kSecond, hash_of(1), 1);
      }
    });
    EXPECT_EQ(windows->look(kSecond, hash_of(1)).count, int64_t{2000});
  }
}

}  // namespace
}  // namespace amorsize::test
