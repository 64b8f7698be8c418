// Who waits for a bucket, and what becomes of what the dead held.
#include "core/waiters.h"

#include <array>
#include <vector>

#include "check.h"

namespace amorsize::test {
namespace {

constexpr int64_t kStart = 1'000'000'000;
constexpr int64_t kMs = 1'000'000;
constexpr size_t kRows = 3;
constexpr core::ProcessIdentity kSelf{77, 1};
constexpr core::ProcessIdentity kOther{88, 1};

namespace w = core::waiters;

struct Block {
  alignas(core::kCellBytes) std::array<core::Word, (core::bucket::kCells + 1 + kRows) * core::kWordsPerCell> words{};
  core::TokenBucket<> bucket{words.data()};
  core::Waiters<> waiters{words.data() + core::bucket::kCells * core::kWordsPerCell};

  Block() {
    bucket.initialize(kStart, 1, 4);
    waiters.initialize(kRows);
    CHECK(bucket.try_acquire(kStart, 4) == core::Outcome::kGranted);
  }

  core::Word& head(size_t word) { return words[core::bucket::kCells * core::kWordsPerCell + word]; }
  core::Word& word(int row, size_t word) {
    return head(w::kFirstRow + static_cast<size_t>(row) * core::kWordsPerCell + word);
  }

  // A run of `tokens` that `row` holds and tells of.
  void hold(int row, int64_t tokens) {
    const core::Survey seen = bucket.survey(kStart);
    const core::Run run = bucket.reserve_run(kStart, seen.generation, tokens * 1'000'000, 0, seen.spent);
    CHECK(run.outcome == core::Outcome::kGranted);
    waiters.publish(
        row, {core::waiters::kNobody, 0, kStart, seen.generation, run.start + tokens * 1'000'000, tokens * 1'000'000});
  }
  int64_t next_wait_ns() {
    const core::Reservation made = bucket.reserve(kStart, 1, core::kMaxWaitNs);
    bucket.cancel(kStart, made.ticket, 1);
    return made.wait_ns / kMs;
  }
};

TEST("waiters: rows are claimed, told from others, and free again") {
  Block block;
  const int first = block.waiters.claim(kSelf, kRows);
  const int second = block.waiters.claim(kSelf, kRows);
  CHECK(first != second && first >= 0 && second >= 0);
  CHECK(block.waiters.claim(kSelf, kRows) >= 0);
  EXPECT_EQ(block.waiters.claim(kSelf, kRows), core::kNoRow);
  block.waiters.leave(second);
  EXPECT_EQ(block.waiters.claim(kOther, kRows), second);
}

TEST("waiters: the first of the others who is not late comes before, and what all of them want is counted") {
  Block block;
  EXPECT_EQ(block.waiters.arrive(2'000), 0);
  EXPECT_EQ(block.waiters.arrive(3'000), 2'000);
  const int mine = block.waiters.claim(kSelf, kRows);
  const int late = block.waiters.claim(kSelf, kRows);
  const int there = block.waiters.claim(kSelf, kRows);
  block.waiters.publish(mine, {0, 9'000, kStart});
  block.waiters.publish(late, {1'000, 4'000, kStart - 16 * kMs});
  block.waiters.publish(there, {2'000, 3'000, kStart - 14 * kMs});
  const core::OtherWaiters all = block.waiters.others(mine, kStart, 5'000, kRows);
  EXPECT_EQ(all.first, -3'000);
  EXPECT_EQ(all.waiting, 7'000);
  CHECK(!all.is_any_late);
  const core::OtherWaiters later = block.waiters.others(mine, kStart + 40 * kMs, 5'000, kRows);
  EXPECT_EQ(later.first, std::numeric_limits<int64_t>::max());
  CHECK(later.is_any_late);
}

TEST("waiters: places are compared by how far they are apart, also where their number begins anew") {
  Block block;
  constexpr int64_t kPlaces = int64_t{1} << core::kPlaceBits;
  EXPECT_EQ(block.waiters.arrive(kPlaces - 1'000), 0);
  EXPECT_EQ(block.waiters.arrive(3'000), kPlaces - 1'000);
  EXPECT_EQ(block.waiters.arrive(1'000), 2'000);
  const int row = block.waiters.claim(kSelf, kRows);
  block.waiters.publish(row, {kPlaces - 1'000, 3'000, kStart});
  EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 2'000, kRows).first, -3'000);
  block.waiters.publish(row, {2'000, 1'000, kStart});
  EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, kPlaces - 1'000, kRows).first, 3'000);
}

TEST("waiters: what the dead held goes back while nobody stands behind it") {
  Block block;
  const int row = block.waiters.claim(kOther, kRows);
  block.hold(row, 3);
  EXPECT_EQ(block.next_wait_ns(), 4'000);
  block.waiters.bury(row, block.bucket, kStart);
  EXPECT_EQ(block.next_wait_ns(), 1'000);
  EXPECT_EQ(block.waiters.claim(kSelf, kRows), row);
}

TEST("waiters: what stands before others stays, and so does what its owner may have used already") {
  Block block;
  const int dead = block.waiters.claim(kOther, kRows);
  const int alive = block.waiters.claim(kSelf, kRows);
  block.hold(dead, 3);
  block.hold(alive, 1);
  block.waiters.bury(dead, block.bucket, kStart);
  EXPECT_EQ(block.next_wait_ns(), 5'000);
  block.waiters.begin_look(alive);
  block.waiters.bury(alive, block.bucket, kStart);
  EXPECT_EQ(block.next_wait_ns(), 5'000);
}

TEST("waiters: a run of parameters that have changed is not given back") {
  Block block;
  const int dead = block.waiters.claim(kOther, kRows);
  block.hold(dead, 3);
  CHECK(block.bucket.update(kStart, 1, 5) == core::Outcome::kGranted);
  block.waiters.bury(dead, block.bucket, kStart);
  EXPECT_EQ(block.next_wait_ns(), 4'000);
}

TEST("waiters: only rows of processes that have ended are buried, and those of this one never") {
  Block block;
  const int mine = block.waiters.claim(kSelf, kRows);
  const int alive = block.waiters.claim({99, 1}, kRows);
  const int dead = block.waiters.claim(kOther, kRows);
  block.hold(mine, 1);
  block.hold(alive, 1);
  block.hold(dead, 2);
  int asked = 0;
  block.waiters.bury_dead(block.bucket, kSelf, kStart, kRows, [&](const core::ProcessIdentity& who) {
    ++asked;
    return who.process != kOther.process;
  });
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(block.next_wait_ns(), 3'000);
  EXPECT_EQ(block.waiters.claim(kSelf, kRows), dead);
  EXPECT_EQ(block.waiters.claim(kSelf, kRows), core::kNoRow);
}

TEST("waiters: a block that was scribbled over names no row that is not there") {
  Block block;
  for (size_t i = (core::bucket::kCells + 1) * core::kWordsPerCell; i < block.words.size(); ++i)
    block.words[i].store(static_cast<int64_t>(i) * 0x0123'4567'89AB'CDEF, std::memory_order_relaxed);
  block.words[core::bucket::kCells * core::kWordsPerCell + core::waiters::kUsed].store(1'000'000);
  block.waiters.others(0, kStart, 0, kRows);
  block.waiters.bury_dead(block.bucket, kSelf, kStart, kRows, [](const core::ProcessIdentity&) { return false; });
  EXPECT_EQ(block.next_wait_ns(), 1'000);
}

TEST("waiters, words: a new block has its rows, and what a row tells is written as the layout says") {
  Block block;
  EXPECT_EQ(block.head(w::kRows).load(), static_cast<int64_t>(kRows));
  EXPECT_EQ(block.head(w::kUsed).load(), 0);
  for (const int expected : {0, 1, 2}) {
    EXPECT_EQ(block.waiters.claim(kOther, kRows), expected);
    EXPECT_EQ(block.head(w::kUsed).load(), expected + 1);
    EXPECT_EQ(block.word(expected, w::kOwner).load(), kOther.process);
    EXPECT_EQ(block.word(expected, w::kSpace).load(), kOther.space);
  }
  constexpr int64_t kGeneration = 5 << 11 | 3;  // of which a row says the last eleven bits
  block.waiters.publish(1, {11, 12, 13, kGeneration, 14, 15});
  EXPECT_EQ(block.word(1, w::kNext).load(), 11);
  EXPECT_EQ(block.word(1, w::kWaiting).load(), 12);
  EXPECT_EQ(block.word(1, w::kLookAtNs).load(), 13);
  EXPECT_EQ(block.word(1, w::kHeldEnd).load(), 14);
  EXPECT_EQ(block.word(1, w::kHeldSize).load(), 15 << 11 | 3);
  for (const int64_t size : {0, -1}) {
    block.waiters.publish(1, {11, 12, 13, kGeneration, 14, size});
    EXPECT_EQ(block.word(1, w::kHeldSize).load(), 0);
  }
  block.waiters.publish(1, {11, 12, 13, kGeneration, 14, 1});
  EXPECT_EQ(block.word(1, w::kHeldSize).load(), 1 << 11 | 3);
  block.waiters.begin_look(1);
  EXPECT_EQ(block.word(1, w::kHeldSize).load(), 0);
  block.waiters.add_waiting(1, 30);
  EXPECT_EQ(block.word(1, w::kWaiting).load(), 42);
  block.waiters.leave(1);
  EXPECT_EQ(block.word(1, w::kOwner).load(), 0);
  EXPECT_EQ(block.word(1, w::kNext).load(), w::kNobody);
  for (const size_t word : {w::kWaiting, w::kLookAtNs, w::kHeldEnd, w::kHeldSize})
    EXPECT_EQ(block.word(1, word).load(), 0);
  // Rows that were ever used stay so.
  EXPECT_EQ(block.waiters.claim(kOther, kRows), 1);
  EXPECT_EQ(block.head(w::kUsed).load(), 3);
}

TEST("waiters: nobody takes a row beyond those that there are for him, nor looks at one") {
  Block block;
  EXPECT_EQ(block.waiters.claim(kSelf, 0), core::kNoRow);
  EXPECT_EQ(block.waiters.claim(kSelf, 1), 0);
  EXPECT_EQ(block.waiters.claim(kSelf, 1), core::kNoRow);
  EXPECT_EQ(block.word(1, w::kOwner).load(), 0);
  EXPECT_EQ(block.waiters.claim(kSelf, kRows), 1);
  EXPECT_EQ(block.waiters.claim(kSelf, kRows), 2);
  for (const int row : {0, 1, 2}) block.waiters.publish(row, {0, 1'000, kStart});
  for (const size_t most : {0, 1, 2, 3}) {
    EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 0, most).waiting, static_cast<int64_t>(most) * 1'000);
    int asked = 0;
    block.waiters.bury_dead(block.bucket, {1, 1}, kStart, most, [&](const core::ProcessIdentity&) {
      ++asked;
      return true;
    });
    EXPECT_EQ(asked, most > 0 ? 1 : 0);
  }
  // How many there are may be scribbled over.
  for (const int64_t used : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
    block.head(w::kUsed) = used;
    EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 0, kRows).waiting, 0);
  }
}

TEST("waiters: without others nobody is first, waits, holds anything, or is late") {
  Block block;
  const int mine = block.waiters.claim(kSelf, kRows);
  block.waiters.publish(mine, {0, 1'000, kStart - 1000 * kMs, 0, 0, 5});
  // One that has left is nobody.
  block.waiters.leave(block.waiters.claim(kOther, kRows));
  const core::OtherWaiters all = block.waiters.others(mine, kStart, 0, kRows);
  EXPECT_EQ(all.first, INT64_MAX);
  EXPECT_EQ(all.waiting, 0);
  EXPECT_EQ(all.held_units, 0);
  CHECK(!all.is_any_late);
}

TEST("waiters: whoever is late is passed over, then looked after, then forgotten, each to the nanosecond") {
  Block block;
  const int row = block.waiters.claim(kSelf, kRows);
  block.waiters.publish(row, {2'000, 3'000, kStart, 0, 0, 7});
  const auto after = [&](int64_t ns) { return block.waiters.others(core::kNoRow, kStart + ns, 0, kRows); };
  for (const int64_t later : {0, 1}) {
    EXPECT_EQ(after(15 * kMs + later).first, later == 0 ? 2'000 : INT64_MAX);
    EXPECT_EQ(after(15 * kMs + later).held_units, later == 0 ? 7 : 0);
    EXPECT_EQ(after(40 * kMs + later).is_any_late, later > 0);
    EXPECT_EQ(after(1000 * kMs + later).waiting, later == 0 ? 3'000 : 0);
  }
  EXPECT_EQ(after(-1000 * kMs).first, 2'000);
  // Times may be of clocks that began anew, and whoever is late at all stays so whoever comes after.
  block.word(row, w::kLookAtNs) = INT64_MAX;
  EXPECT_EQ(block.waiters.others(core::kNoRow, INT64_MIN + 20 * kMs, 0, kRows).first, INT64_MAX);
  block.waiters.publish(row, {2'000, 3'000, kStart - 41 * kMs});
  const int second = block.waiters.claim(kSelf, kRows);
  block.waiters.publish(second, {2'000, 3'000, kStart});
  CHECK(after(0).is_any_late);
}

TEST("waiters: who waits for nothing is nobody's first, and what is scribbled over counts within bounds") {
  Block block;
  const int row = block.waiters.claim(kSelf, kRows);
  block.waiters.publish(row, {w::kNobody, 0, kStart});
  EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 5, kRows).first, INT64_MAX);
  const int second = block.waiters.claim({1, 1}, kRows);
  block.waiters.publish(second, {4'000, 0, kStart});
  EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 1'000, kRows).first, 3'000);
  constexpr int64_t kMost = int64_t{1} << 53;
  for (const int64_t waiting : {int64_t{-1}, INT64_MIN, kMost, kMost + 1, INT64_MAX}) {
    block.word(row, w::kWaiting) = waiting;
    EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 0, kRows).waiting, waiting < 0 ? 0 : kMost);
    block.word(row, w::kHeldSize) = waiting;
    EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 0, kRows).held_units, waiting < 0 ? 0 : waiting >> 11);
  }
}

TEST("waiters: there are 2^52 places, half of which are before any other") {
  Block block;
  constexpr int64_t kPlaces = int64_t{1} << 52;
  EXPECT_EQ(block.waiters.arrive(kPlaces - 1), 0);
  EXPECT_EQ(block.waiters.arrive(1), kPlaces - 1);
  EXPECT_EQ(block.waiters.arrive(1), 0);
  const int row = block.waiters.claim(kSelf, kRows);
  block.waiters.publish(row, {kPlaces / 2 - 1, 0, kStart});
  EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 0, kRows).first, kPlaces / 2 - 1);
  block.waiters.publish(row, {kPlaces / 2, 0, kStart});
  EXPECT_EQ(block.waiters.others(core::kNoRow, kStart, 0, kRows).first, -kPlaces / 2);
}

TEST("waiters: of rows of one process in a row one is asked for, of others each; the heir's space is told") {
  Block block;
  const core::ProcessIdentity first{1, 4};
  for (const auto& who : {first, first, kOther}) CHECK(block.waiters.claim(who, kRows) >= 0);
  std::vector<int64_t> asked;
  block.waiters.bury_dead(block.bucket, kSelf, kStart, kRows, [&](const core::ProcessIdentity& who) {
    asked.push_back(who.process * 10 + who.space);
    return true;
  });
  CHECK(asked == (std::vector<int64_t>{14, 881}));
  block.waiters.leave(0);
  asked.clear();
  block.waiters.bury_dead(block.bucket, {kSelf.process, 9}, kStart, kRows, [&](const core::ProcessIdentity& who) {
    asked.push_back(who.process);
    return who.process == kOther.process;
  });
  CHECK(asked == (std::vector<int64_t>{1, 88}));
  EXPECT_EQ(block.word(1, w::kSpace).load(), 9);
  EXPECT_EQ(block.word(1, w::kOwner).load(), 0);
  EXPECT_EQ(block.word(2, w::kOwner).load(), kOther.process);
}

TEST("waiters: what is held is given back under the same parameters only, also where all but the last bits are equal") {
  for (const int64_t generations : {0, 1, 1024}) {
    Block block;
    const int row = block.waiters.claim(kOther, kRows);
    block.hold(row, 3);
    block.word(row, w::kHeldSize).fetch_xor(generations);
    block.waiters.bury(row, block.bucket, kStart);
    EXPECT_EQ(block.next_wait_ns(), generations == 0 ? 1'000 : 4'000);
  }
}

}  // namespace
}  // namespace amorsize::test
