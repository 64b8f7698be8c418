// Who waits for a bucket, and what becomes of what the dead held.
#include "core/waiters.h"

#include <array>

#include "check.h"

namespace amorsize::test {
namespace {

constexpr int64_t kStart = 1'000'000'000;
constexpr int64_t kMs = 1'000'000;
constexpr size_t kRows = 3;
constexpr core::ProcessIdentity kSelf{77, 1};
constexpr core::ProcessIdentity kOther{88, 1};

struct Block {
  alignas(core::kCellBytes) std::array<core::Word, (core::bucket::kCells + 1 + kRows) * core::kWordsPerCell> words{};
  core::TokenBucket<> bucket{words.data()};
  core::Waiters<> waiters{words.data() + core::bucket::kCells * core::kWordsPerCell};

  Block() {
    bucket.initialize(kStart, 1, 4);
    waiters.initialize(kRows);
    CHECK(bucket.try_acquire(kStart, 4) == core::Outcome::kGranted);
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

}  // namespace
}  // namespace amorsize::test
