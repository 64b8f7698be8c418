// What a semaphore writes, to the bit.
#include <memory>
#include <vector>

#include "check.h"
#include "core/semaphore.h"

namespace amorsize::test {
namespace {

namespace s = core::semaphore;
using core::Admission;
using core::Owner;

// As in SemaphoreWords.
enum Action : int64_t { kMark, kTake, kGive, kHandOver, kJoin, kCancel, kGrant, kAnnounce };

TEST("semaphore, words: a shape has a line for each row and places in whole lines, more than rows") {
  struct Case {
    core::SemaphoreShape shape;
    bool is_valid;
  };
  constexpr auto kMostLeast = static_cast<uint32_t>(core::adaptive::kMostLimit);
  const Case cases[] = {{{1, 8}, true},
                        {{0, 8}, false},
                        {{7, 8}, true},
                        {{8, 8}, false},
                        {{9, 8}, false},
                        {{63, 64}, true},
                        {{64, 72}, false},
                        {{1, 9}, false},
                        {{1, 4088}, true},
                        {{1, 4096}, false},
                        {{1, 12}, false},
                        {{1, 8, kMostLeast}, true},
                        {{1, 8, kMostLeast + 1}, false}};
  for (const Case& each : cases) EXPECT_EQ(each.shape.is_valid(), each.is_valid);
  constexpr core::SemaphoreShape kFixed{3, 16};
  EXPECT_EQ(kFixed.cells(), 6);
  CHECK(!kFixed.is_adaptive());
  constexpr core::SemaphoreShape kAdaptive{3, 16, 1};
  EXPECT_EQ(kAdaptive.adaptive_line(), 6);
  EXPECT_EQ(kAdaptive.cells(), 7);
  CHECK(kAdaptive.is_adaptive());
  const core::SemaphoreShape read = core::SemaphoreShape::of_word(core::SemaphoreShape{5, 24, 0x7001'0001}.word());
  EXPECT_EQ(core::SemaphoreShape({5, 24, 9}).word(), int64_t{9} << 32 | 5 << 16 | 24);
  EXPECT_EQ(read.rows, 5);
  EXPECT_EQ(read.places, 24);
  EXPECT_EQ(read.least, 0x7001'0001);
  EXPECT_EQ(core::SemaphoreShape::of_word(0x7FFF'FFFF).rows, 0x7FFF);
}

TEST("semaphore, words: terms are one word, of which noise makes none that do harm") {
  EXPECT_EQ(core::SemaphoreTerms({7, 2, 9}).word(), int64_t{7} << 43 | int64_t{2} << 30 | 10);
  EXPECT_EQ(core::SemaphoreTerms({7, 0, -1}).word(), int64_t{7} << 43);
  EXPECT_EQ(core::SemaphoreTerms({1, 0, s::kMostQueue}).word(), int64_t{1} << 43 | (s::kMostQueue + 1));
  EXPECT_EQ(core::SemaphoreTerms({1, 0, s::kMostQueue + 1}).word(), int64_t{1} << 43);
  for (const core::SemaphoreTerms& each :
       {core::SemaphoreTerms{7, 2, 9}, {7, 0, -1}, {s::kMostPermits, 5, s::kMostQueue}, {4, 4, 0}}) {
    const core::SemaphoreTerms read = core::SemaphoreTerms::of_word(each.word());
    EXPECT_EQ(read.most, each.most);
    EXPECT_EQ(read.least, each.least);
    EXPECT_EQ(read.max_queue, each.max_queue);
    EXPECT_EQ(read.bounds().least, each.least);
    EXPECT_EQ(read.bounds().most, each.most);
  }
  EXPECT_EQ(core::SemaphoreTerms::of_word(core::SemaphoreTerms{3, 5, 0}.word()).least, 3);
  const core::SemaphoreTerms noise = core::SemaphoreTerms::of_word(-1);
  EXPECT_EQ(noise.most, s::kMostPermits);
  EXPECT_EQ(noise.least, core::adaptive::kMostLimit);
  EXPECT_EQ(noise.max_queue, s::kMostQueue);
}

// Three rows and eight places, so that five runs of callers have places of their own.
struct Fixture {
  static constexpr core::SemaphoreShape kShape{3, 8};
  std::unique_ptr<core::Word[]> words{new core::Word[64 * core::kWordsPerCell]()};
  core::Semaphore<> semaphore{words.get(), kShape};

  explicit Fixture(int64_t max_concurrent, int64_t max_queue = -1) { semaphore.initialize(max_concurrent, max_queue); }

  int64_t word(size_t index) const { return words[index].load(); }
  int64_t row(Owner owner, size_t word) const { return words[s::kFirstRow + (owner - 1) * 8 + word].load(); }
  static int64_t payload(int64_t word) { return static_cast<int64_t>(static_cast<uint64_t>(word) >> 40); }
  static int64_t stamp(int64_t word) { return word & ((int64_t{1} << 40) - 1); }

  // `owner` has just done its operation number `count`.
  void expect_hot(int64_t in_use, bool queued, Action action, Owner owner, int64_t count) const {
    EXPECT_EQ(payload(word(s::kHot)), in_use << 4 | int64_t{queued} << 3 | action);
    EXPECT_EQ(stamp(word(s::kHot)), int64_t{owner} << 34 | count);
    EXPECT_EQ(stamp(row(owner, s::kOwn)), int64_t{owner} << 34 | count);
  }
  void expect_line(int64_t head, int64_t length) const { EXPECT_EQ(payload(word(s::kQueue)), head << 12 | length); }
  void expect_place(size_t index, Owner owner, int64_t waiting) const {
    EXPECT_EQ(payload(word(s::kFirstRow + 3 * 8 + index)), int64_t{owner} << 18 | waiting);
  }
  void expect_row(Owner owner, int64_t own, int64_t grants) const {
    EXPECT_EQ(payload(row(owner, s::kOwn)), own & 0xFF'FFFF);
    EXPECT_EQ(payload(row(owner, s::kGrants)), grants);
    EXPECT_EQ(semaphore.held(owner), own + grants);
  }
};

TEST("semaphore, words: a new one has its terms and shape, and nothing else") {
  Fixture f(3, 7);
  EXPECT_EQ(f.word(s::kKind), core::kind_word(core::Kind::kSemaphore));
  EXPECT_EQ(f.word(s::kHot), 0);
  EXPECT_EQ(f.word(s::kQueue), 0);
  EXPECT_EQ(f.word(s::kMaxConcurrent), 3);
  EXPECT_EQ(f.word(s::kMaxQueue), 7);
  EXPECT_EQ(f.word(s::kShape), int64_t{3} << 16 | 8);
  EXPECT_EQ(f.word(s::kLimit), 0);
  EXPECT_EQ(f.word(s::kTerms), int64_t{3} << 43 | 8);
  for (size_t i = s::kFirstRow; i < 64 * core::kWordsPerCell; ++i) EXPECT_EQ(f.word(i), 0);
}

TEST("semaphore, words: permits are taken and given back") {
  Fixture f(3);
  CHECK(f.semaphore.try_acquire(1));
  f.expect_hot(1, false, kTake, 1, 1);
  CHECK(f.semaphore.acquire(2) == Admission::kAdmitted);
  f.expect_hot(2, false, kTake, 2, 1);
  CHECK(f.semaphore.try_acquire(1));
  f.expect_hot(3, false, kTake, 1, 2);
  f.expect_row(1, 2, 0);
  f.expect_row(2, 1, 0);
  EXPECT_EQ(f.semaphore.release(1), core::kNobody);
  f.expect_hot(2, false, kGive, 1, 3);
  f.expect_row(1, 1, 0);
  // Refused, it changes nothing.
  CHECK(f.semaphore.try_acquire(3));
  const int64_t hot = f.word(s::kHot);
  CHECK(!f.semaphore.try_acquire(3));
  EXPECT_EQ(f.word(s::kHot), hot);
  f.expect_line(0, 0);
}

TEST("semaphore, words: callers queue in runs, and each that is served moves the line on") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 2u, 3u, 2u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  f.expect_hot(1, true, kJoin, 2, 3);
  f.expect_line(0, 3);
  f.expect_place(0, 2, 2);
  f.expect_place(1, 3, 1);
  f.expect_place(2, 2, 1);
  bool waits = false;
  EXPECT_EQ(f.semaphore.release(1, &waits), 2u);
  CHECK(waits);
  f.expect_hot(1, true, kHandOver, 1, 2);
  f.expect_line(0, 3);
  f.expect_place(0, 2, 1);
  f.expect_row(1, 0, 0);
  f.expect_row(2, 0, 1);
  EXPECT_EQ(f.semaphore.release(2, &waits), 2u);
  CHECK(waits);
  f.expect_line(1, 2);
  f.expect_place(0, 2, 0);
  f.expect_row(2, -1, 2);
  EXPECT_EQ(f.semaphore.release(2, &waits), 3u);
  CHECK(waits);
  f.expect_line(2, 1);
  EXPECT_EQ(f.semaphore.release(3, &waits), 2u);
  CHECK(!waits);
  f.expect_hot(1, false, kHandOver, 3, 2);
  f.expect_line(0, 0);
  EXPECT_EQ(f.semaphore.release(2, &waits), core::kNobody);
  CHECK(!waits);
  f.expect_hot(0, false, kGive, 2, 6);
}

TEST("semaphore, words: the line is a ring") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 3u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  Owner holder = 1;
  for (int64_t i = 1; i <= 20; ++i) {
    EXPECT_EQ(holder = f.semaphore.release(holder), i % 2 == 1 ? 2u : 3u);
    f.expect_line(i % 8, 1);
    CHECK(f.semaphore.acquire(holder) == Admission::kQueued);
    f.expect_line(i % 8, 2);
    f.expect_place(static_cast<size_t>(i + 1) % 8, holder, 1);
  }
}

TEST("semaphore, words: who gives up leaves a hole, and the last holes of a line are cut off") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 3u, 1u, 2u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  CHECK(f.semaphore.cancel(1));
  f.expect_hot(1, true, kCancel, 1, 3);
  f.expect_line(0, 4);
  f.expect_place(2, 1, 0);
  CHECK(!f.semaphore.cancel(1));
  f.expect_hot(1, true, kCancel, 1, 3);
  CHECK(f.semaphore.cancel(2));
  f.expect_line(0, 2);
  f.expect_place(0, 2, 1);
  // Those who come then take what was cut off.
  CHECK(f.semaphore.acquire(1) == Admission::kQueued);
  f.expect_line(0, 3);
  CHECK(f.semaphore.cancel(2));
  f.expect_line(0, 3);
  f.expect_place(0, 2, 0);
  // A hole is passed over, and goes with the place behind it.
  EXPECT_EQ(f.semaphore.release(1), 3u);
  f.expect_line(2, 1);
  CHECK(f.semaphore.cancel(1));
  f.expect_hot(1, false, kCancel, 1, 6);
  f.expect_line(0, 0);
  f.expect_row(3, 0, 1);
}

TEST("semaphore, words: in a line that is too long callers join their own, or the last hole, or are refused") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  // As many runs as have places of their own, and a place for each row.
  for (const Owner owner : {1u, 2u, 1u, 2u, 1u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  f.expect_line(0, 5);
  CHECK(f.semaphore.acquire(2) == Admission::kQueued);
  f.expect_line(0, 5);
  f.expect_place(3, 2, 2);
  CHECK(f.semaphore.acquire(3) == Admission::kQueued);
  f.expect_line(0, 6);
  f.expect_place(5, 3, 1);
  CHECK(f.semaphore.acquire(3) == Admission::kQueued);
  f.expect_place(5, 3, 2);
  CHECK(f.semaphore.acquire(1) == Admission::kQueued);
  f.expect_place(4, 1, 2);
  f.expect_line(0, 6);
}

TEST("semaphore, words: a permit that is free is granted to the first, one by one") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 3u, 3u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  const auto set_most = [&](int64_t most) {
    return f.semaphore.update(1, [&](core::SemaphoreTerms* terms) {
      terms->most = most;
      return true;
    });
  };
  CHECK(set_most(4));
  f.expect_hot(1, true, kAnnounce, 1, 2);
  f.expect_row(1, 1, 0);
  EXPECT_EQ(f.semaphore.grant(1), 2u);
  f.expect_hot(2, true, kGrant, 1, 3);
  f.expect_line(1, 1);
  f.expect_row(2, 0, 1);
  EXPECT_EQ(f.semaphore.grant(1), 3u);
  f.expect_hot(3, true, kGrant, 1, 4);
  f.expect_line(1, 1);
  EXPECT_EQ(f.semaphore.grant(1), 3u);
  f.expect_hot(4, false, kGrant, 1, 5);
  f.expect_line(0, 0);
  f.expect_row(3, 0, 2);
  const int64_t hot = f.word(s::kHot);
  EXPECT_EQ(f.semaphore.grant(1), core::kNobody);
  EXPECT_EQ(f.word(s::kHot), hot);
  CHECK(set_most(4));
  f.expect_hot(4, false, kAnnounce, 1, 6);
}

TEST("semaphore, words: beyond a limit that has fallen what is given back goes to nobody, and those who wait stay") {
  Fixture f(2);
  CHECK(f.semaphore.try_acquire(1) && f.semaphore.try_acquire(1));
  CHECK(f.semaphore.acquire(2) == Admission::kQueued);
  CHECK(f.semaphore.update(1, [](core::SemaphoreTerms* terms) {
    terms->most = 1;
    return true;
  }));
  bool waits = false;
  EXPECT_EQ(f.semaphore.release(1, &waits), core::kNobody);
  CHECK(waits);
  f.expect_hot(1, true, kGive, 1, 4);
  f.expect_line(0, 1);
  EXPECT_EQ(f.semaphore.release(1, &waits), 2u);
  CHECK(!waits);
  f.expect_hot(1, false, kHandOver, 1, 5);
}

TEST("semaphore, words: low callers go short at half of the limit, and at one of one") {
  for (const int64_t most : {1, 2, 3, 5}) {
    Fixture f(most);
    for (int64_t i = 0; i < std::max<int64_t>(1, most / 2); ++i) CHECK(f.semaphore.try_acquire_low(1));
    CHECK(!f.semaphore.try_acquire_low(1));
    EXPECT_EQ(f.semaphore.in_use(), std::max<int64_t>(1, most / 2));
  }
}

TEST("semaphore, words: a row has its thread's doorbell and space, its heir's, and nobody's when it is buried") {
  Fixture f(2);
  EXPECT_EQ(f.semaphore.claim({11, 5, 6}), 1u);
  EXPECT_EQ(f.semaphore.claim({12, 7, 8}), 2u);
  EXPECT_EQ(f.row(1, s::kOwner), 11);
  EXPECT_EQ(f.row(1, s::kSpace), 5);
  EXPECT_EQ(f.row(1, s::kDoorbell), 6);
  CHECK(!f.semaphore.inherit(1, 12, {12, 9, 10}));
  EXPECT_EQ(f.row(1, s::kDoorbell), 6);
  CHECK(f.semaphore.inherit(1, 11, {12, 9, 10}));
  EXPECT_EQ(f.row(1, s::kOwner), 12);
  EXPECT_EQ(f.row(1, s::kSpace), 9);
  EXPECT_EQ(f.row(1, s::kDoorbell), 10);
  f.semaphore.bury(1, [](Owner) {});
  EXPECT_EQ(f.row(1, s::kOwner), 0);
  EXPECT_EQ(f.row(1, s::kSpace), 0);
  EXPECT_EQ(f.row(2, s::kOwner), 12);
  // What whoever buries does last is to announce, in case the limit was being moved.
  f.expect_hot(0, false, kAnnounce, 1, 1);
  EXPECT_EQ(f.semaphore.claim({13, 1, 2}), 1u);
}

TEST("semaphore, words: of one that is buried, places go first, then permits, to those who wait") {
  Fixture f(2);
  CHECK(f.semaphore.try_acquire(1) && f.semaphore.try_acquire(1));
  for (const Owner owner : {1u, 2u, 1u, 3u, 3u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  std::vector<Owner> woken;
  f.semaphore.bury(1, [&](Owner owner) { woken.push_back(owner); });
  CHECK(woken == (std::vector<Owner>{2, 3}));
  f.expect_row(1, -0, 0);
  f.expect_row(2, 0, 1);
  f.expect_row(3, 0, 1);
  EXPECT_EQ(f.semaphore.waiting(), 1);
}

// What a thread leaves that dies right after its swap of `hot`: whoever comes next completes it, and any number may.
TEST("semaphore, words: what was begun is completed by whoever comes next, once") {
  struct Begun {
    Action action;
    int64_t in_use;
    bool queued;
    int64_t own;
    int64_t grants_of_2;
    int64_t length;
    int64_t waiting;
  };
  // Row 1 has two permits, and rows 2 and 1 wait with one caller each.
  const Begun all[] = {{kTake, 3, true, 3, 0, 2, 2},     {kGive, 1, true, 1, 0, 2, 2},
                       {kHandOver, 2, true, 1, 1, 1, 1}, {kJoin, 2, true, 2, 0, 2, 3},
                       {kCancel, 2, true, 2, 0, 1, 1},   {kGrant, 3, true, 2, 1, 1, 1},
                       {kAnnounce, 2, true, 2, 0, 2, 2}};
  for (const Begun& begun : all) {
    Fixture f(2);
    CHECK(f.semaphore.try_acquire(1) && f.semaphore.try_acquire(1));
    for (const Owner owner : {2u, 1u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
    const int64_t payload = begun.in_use << 4 | int64_t{begun.queued} << 3 | begun.action;
    f.words[s::kHot].store(static_cast<int64_t>(static_cast<uint64_t>(payload) << 40) | int64_t{1} << 34 | 4);
    for (int i = 0; i < 3; ++i) {
      f.semaphore.complete_any();
      EXPECT_EQ(f.semaphore.held(1), begun.own);
      EXPECT_EQ(f.semaphore.grants(2), begun.grants_of_2);
      EXPECT_EQ(f.semaphore.waiting(), begun.waiting);
      EXPECT_EQ(Fixture::payload(f.word(s::kQueue)) & 0xFFF, begun.length);
      f.expect_hot(begun.in_use, begun.queued, begun.action, 1, 4);
    }
  }
}

TEST("semaphore, words: an operation of a row that there is not, in memory that is damaged, is nobody's") {
  for (const int64_t owner : {0, 4, 63}) {
    Fixture f(2);
    const int64_t damaged = int64_t{kTake} << 40 | int64_t{1} << 44 | owner << 34 | 1;
    f.words[s::kHot].store(damaged);
    f.semaphore.complete_any();
    EXPECT_EQ(f.word(s::kHot), damaged);
    for (size_t i = s::kFirstRow; i < 64 * core::kWordsPerCell; ++i) EXPECT_EQ(f.word(i), 0);
    CHECK(f.semaphore.try_acquire(1));
    f.expect_hot(2, false, kTake, 1, 1);
  }
}

TEST("semaphore, words: what can be told of one") {
  Fixture f(3);
  EXPECT_EQ(f.semaphore.rows(), 3);
  EXPECT_EQ(f.semaphore.available(), 3);
  EXPECT_EQ(f.semaphore.claim({11, 5, 6}), 1u);
  const auto who = f.semaphore.identity(1);
  EXPECT_EQ(who.process, 11);
  EXPECT_EQ(who.space, 5);
  EXPECT_EQ(who.doorbell, 6);
  EXPECT_EQ(f.semaphore.identity(2).process, 0);
  for (int i = 0; i < 3; ++i) CHECK(f.semaphore.try_acquire(1));
  EXPECT_EQ(f.semaphore.available(), 0);
  for (const Owner owner : {2u, 2u, 3u, 2u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  EXPECT_EQ(f.semaphore.waiting(), 4);
  CHECK(f.semaphore.is_ready(3) && !f.semaphore.is_ready(4));
  CHECK(f.semaphore.is_ready(0, 2) && !f.semaphore.is_ready(1, 2));
  EXPECT_EQ(f.semaphore.release(1), 2u);
  EXPECT_EQ(f.semaphore.grants(2), 1);
  EXPECT_EQ(f.semaphore.held(2), 1);
  EXPECT_EQ(f.semaphore.uncollected(2), 1);
  EXPECT_EQ(f.semaphore.usable(2), 0);
  EXPECT_EQ(f.semaphore.collect(2), 1);
  EXPECT_EQ(f.semaphore.uncollected(2), 0);
  EXPECT_EQ(f.semaphore.usable(2), 1);
  CHECK(f.semaphore.update(1, [](core::SemaphoreTerms* terms) {
    terms->most = 1;
    return true;
  }));
  EXPECT_EQ(f.semaphore.limit(), 1);
  EXPECT_EQ(f.semaphore.in_use(), 3);
  EXPECT_EQ(f.semaphore.available(), 0);
}

TEST("semaphore, words: in a line that fills its ring each place is counted once") {
  const std::unique_ptr<core::Word[]> words{new core::Word[8 * core::kWordsPerCell]()};
  core::Semaphore<> semaphore{words.get(), {4, 8}};
  semaphore.initialize(1, -1);
  CHECK(semaphore.try_acquire(1));
  const auto join = [&](Owner owner) { CHECK(semaphore.acquire(owner) == Admission::kQueued); };
  // As many runs as have places of their own, and a place for row 3. Rows that then leave holes have a place each.
  for (const Owner owner : {4u, 1u, 2u, 1u, 3u}) join(owner);
  CHECK(semaphore.cancel(1) && semaphore.cancel(1));
  join(1);
  CHECK(semaphore.cancel(2));
  join(2);
  CHECK(semaphore.cancel(1));
  join(1);
  EXPECT_EQ(Fixture::payload(words[s::kQueue].load()), 8);
  EXPECT_EQ(semaphore.waiting(), 4);
  // Whoever has left it then takes the last hole.
  const auto place = [&](size_t index) { return Fixture::payload(words[s::kFirstRow + 4 * 8 + index].load()); };
  CHECK(semaphore.cancel(2));
  join(2);
  EXPECT_EQ(place(6), int64_t{2} << 18 | 1);
  CHECK(semaphore.cancel(3));
  join(3);
  EXPECT_EQ(place(5), int64_t{3} << 18 | 1);
  EXPECT_EQ(place(4) & 0x3'FFFF, 0);
  EXPECT_EQ(semaphore.waiting(), 4);
}

TEST("semaphore, words: sequences of operations come round") {
  Fixture f(2);
  constexpr int64_t kLast = (int64_t{1} << 34) - 1;
  f.words[s::kFirstRow + s::kOwn].store(int64_t{1} << 34 | kLast);
  CHECK(f.semaphore.try_acquire(1));
  f.expect_hot(1, false, kTake, 1, 0);
  f.expect_row(1, 1, 0);
}

}  // namespace
}  // namespace amorsize::test
