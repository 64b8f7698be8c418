// The semaphore in one thread: what each operation does, and what is left by an owner that dies.
#include "core/semaphore.h"

#include <map>
#include <memory>
#include <vector>

#include "check.h"

namespace amorsize::test {
namespace {

using core::Admission;
using core::Owner;
using core::Word;

constexpr core::SemaphoreShape kSmall{3, 8};

struct Fixture {
  std::unique_ptr<Word[]> words;
  core::SemaphoreShape shape;
  core::Semaphore<> semaphore;

  explicit Fixture(int64_t max_concurrent, int64_t max_queue = -1, core::SemaphoreShape with = kSmall)
      : words(new Word[with.cells() * core::kWordsPerCell]()), shape(with), semaphore(words.get(), with) {
    semaphore.initialize(max_concurrent, max_queue);
  }
};

TEST("semaphore: admits as many as it has permits, and not more") {
  Fixture f(3);
  const Owner owner = f.semaphore.claim({7, 0, 0});
  EXPECT_EQ(owner, 1u);
  for (int i = 0; i < 3; ++i) CHECK(f.semaphore.try_acquire(owner));
  CHECK(!f.semaphore.try_acquire(owner));
  EXPECT_EQ(f.semaphore.held(owner), 3u);
  EXPECT_EQ(f.semaphore.available(), 0u);
  EXPECT_EQ(f.semaphore.release(owner), core::kNobody);
  EXPECT_EQ(f.semaphore.held(owner), 2u);
  CHECK(f.semaphore.try_acquire(owner));
}

TEST("semaphore: hands over first come first served, without barging") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 3u, 2u, 2u, 1u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  EXPECT_EQ(f.semaphore.waiting(), 5);
  Owner holder = 1;
  for (const Owner next : {2u, 3u, 2u, 2u, 1u}) {
    CHECK(!f.semaphore.try_acquire(holder));
    EXPECT_EQ(f.semaphore.release(holder), next);
    holder = next;
  }
  EXPECT_EQ(f.semaphore.release(1), core::kNobody);
  EXPECT_EQ(f.semaphore.available(), 1u);
  for (const Owner owner : {1u, 2u, 3u}) EXPECT_EQ(f.semaphore.held(owner), 0u);
}

TEST("semaphore: a caller that gives up leaves no place behind") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 3u, 2u, 3u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  CHECK(f.semaphore.cancel(2));  // the third place: the first of row 2 stays
  EXPECT_EQ(f.semaphore.waiting(), 3);
  EXPECT_EQ(f.semaphore.release(1), 2u);
  EXPECT_EQ(f.semaphore.release(2), 3u);
  CHECK(!f.semaphore.cancel(2));
  EXPECT_EQ(f.semaphore.release(3), 3u);
  EXPECT_EQ(f.semaphore.release(3), core::kNobody);
}

TEST("semaphore: a bounded queue refuses, and has room again when somebody leaves it") {
  Fixture f(1, 2);
  CHECK(f.semaphore.try_acquire(1));
  CHECK(f.semaphore.acquire(2) == Admission::kQueued);
  CHECK(f.semaphore.acquire(3) == Admission::kQueued);
  CHECK(f.semaphore.acquire(1) == Admission::kRefused);
  CHECK(f.semaphore.cancel(2));
  CHECK(f.semaphore.acquire(1) == Admission::kQueued);
  Fixture none(1, 0);
  CHECK(none.semaphore.acquire(1) == Admission::kAdmitted);
  CHECK(none.semaphore.acquire(1) == Admission::kRefused);
}

TEST("semaphore: serves more changes of thread than it has places, and forgets nobody") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  std::map<Owner, int> asked;
  for (int i = 0; i < 300; ++i) {
    const Owner owner = 1 + static_cast<Owner>(i) % 3;
    CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
    ++asked[owner];
    if (i % 7 == 0 && f.semaphore.cancel(1)) --asked[1];
  }
  Owner holder = 1;
  // As long as the queue has room for every change of thread the order is exact.
  for (const Owner next : {2u, 3u}) EXPECT_EQ(holder = f.semaphore.release(holder), next);
  asked[2]--;
  asked[3]--;
  while ((holder = f.semaphore.release(holder)) != core::kNobody) --asked[holder];
  for (const auto& [owner, left] : asked) EXPECT_EQ(left, 0);
  EXPECT_EQ(f.semaphore.available(), 1u);
}

TEST("semaphore: with the usual shape the order is exact through hundreds of changes of thread") {
  Fixture f(1, -1, {core::semaphore::kRows, core::semaphore::kPlaces});
  CHECK(f.semaphore.try_acquire(1));
  std::vector<Owner> came;
  for (int64_t i = 0; i < core::semaphore::kPlaces - core::semaphore::kRows; ++i)
    came.push_back(1 + static_cast<Owner>(i * 37 % 63));
  for (const Owner owner : came) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  Owner holder = 1;
  for (const Owner next : came) EXPECT_EQ(holder = f.semaphore.release(holder), next);
}

TEST("semaphore: a hundred thousand callers of one thread take one place") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  constexpr int kCallers = 600'000;  // more than one place can count
  for (int i = 0; i < kCallers; ++i) CHECK(f.semaphore.acquire(1) == Admission::kQueued);
  EXPECT_EQ(f.semaphore.waiting(), kCallers);
  for (int i = 0; i < kCallers; ++i) EXPECT_EQ(f.semaphore.release(1), 1u);
  EXPECT_EQ(f.semaphore.release(1), core::kNobody);
}

TEST("semaphore: what a dead owner held goes to those who wait, and its places are gone") {
  Fixture f(2);
  CHECK(f.semaphore.claim({11, 0, 0}) == 1 && f.semaphore.claim({12, 0, 0}) == 2 && f.semaphore.claim({13, 0, 0}) == 3);
  CHECK(f.semaphore.claim({14, 0, 0}) == core::kNobody);
  CHECK(f.semaphore.try_acquire(1) && f.semaphore.try_acquire(1));
  for (const Owner owner : {1u, 2u, 1u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  std::vector<Owner> woken;
  f.semaphore.bury(1, [&](Owner owner) { woken.push_back(owner); });
  EXPECT_EQ(woken.size(), 1u);
  EXPECT_EQ(f.semaphore.held(1), 0u);
  EXPECT_EQ(f.semaphore.held(2), 1u);
  EXPECT_EQ(f.semaphore.available(), 1u);
  EXPECT_EQ(f.semaphore.waiting(), 0);
  EXPECT_EQ(f.semaphore.claim({15, 0, 0}), 1u);
  const uint32_t before = f.semaphore.grants(1);
  CHECK(f.semaphore.try_acquire(1));
  CHECK(f.semaphore.acquire(1) == Admission::kQueued);
  EXPECT_EQ(f.semaphore.release(2), 1u);
  EXPECT_EQ(f.semaphore.grants(1) - before, 1u);
  EXPECT_EQ(f.semaphore.held(1), 2u);
}

TEST("semaphore: the row of a dead process has one heir, and its permits come back") {
  Fixture f(2);
  CHECK(f.semaphore.claim({11, 5, 1}) == 1 && f.semaphore.claim({12, 5, 2}) == 2);
  CHECK(f.semaphore.try_acquire(1) && f.semaphore.try_acquire(1));
  EXPECT_EQ(f.semaphore.identity(1).process, 11);
  EXPECT_EQ(f.semaphore.identity(1).space, 5);
  CHECK(!f.semaphore.inherit(1, 12, {12, 5, 0}));
  CHECK(f.semaphore.inherit(1, 11, {12, 5, 0}));
  CHECK(!f.semaphore.inherit(1, 11, {13, 5, 0}));
  EXPECT_EQ(f.semaphore.identity(1).process, 12);
  f.semaphore.bury(1, [](Owner) {});
  EXPECT_EQ(f.semaphore.available(), 2u);
  EXPECT_EQ(f.semaphore.identity(1).process, 0);
}

// Has the window of an adaptive limit tell of calls that took `us`, with `in_use` in use.
void tell(Fixture* f, int64_t* now_ms, int64_t us, int64_t in_use) {
  auto limit = f->semaphore.adaptive_limit();
  *now_ms += core::AdaptiveLimit<>::kWindowMs;
  for (int i = 0; i < core::AdaptiveLimit<>::kFewestCalls; ++i) limit.add(*now_ms, us, in_use);
}

TEST("semaphore, adaptive: admits up to its limit, and low ones up to half of it") {
  Fixture f(100, 0, {3, 8, 2});
  EXPECT_EQ(f.semaphore.limit(), 16u);
  for (int i = 0; i < 8; ++i) CHECK(f.semaphore.try_acquire_low(1));
  CHECK(!f.semaphore.try_acquire_low(1));
  for (int i = 0; i < 8; ++i) CHECK(f.semaphore.try_acquire(2));
  CHECK(!f.semaphore.try_acquire(3));
  CHECK(f.semaphore.acquire(3) == Admission::kRefused);
  EXPECT_EQ(f.semaphore.in_use(), 16u);
  EXPECT_EQ(f.semaphore.available(), 0u);
}

TEST("semaphore, adaptive: a limit that rises lets in who waits, in order, and nobody past them") {
  Fixture f(100, -1, {3, 8, 2});
  for (int i = 0; i < 16; ++i) CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 3u, 2u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  EXPECT_EQ(f.semaphore.grant(1), core::kNobody);
  int64_t now_ms = 0;
  while (f.semaphore.limit() < 18) tell(&f, &now_ms, 1000, 16);
  CHECK(!f.semaphore.try_acquire(1));
  CHECK(f.semaphore.acquire(1) == Admission::kQueued);
  EXPECT_EQ(f.semaphore.grant(1), 2u);
  EXPECT_EQ(f.semaphore.grant(1), 3u);
  EXPECT_EQ(f.semaphore.in_use(), 18u);
  EXPECT_EQ(f.semaphore.waiting(), 2);
}

TEST("semaphore, adaptive: a limit that falls hands over nothing until enough was given back") {
  Fixture f(100, -1, {3, 8, 2});
  int64_t now_ms = 0;
  for (int i = 0; i < 16; ++i) CHECK(f.semaphore.try_acquire(1));
  CHECK(f.semaphore.acquire(2) == Admission::kQueued);
  tell(&f, &now_ms, 1000, 16);
  while (f.semaphore.limit() > 14) tell(&f, &now_ms, 10'000, 16);
  const uint32_t limit = f.semaphore.limit();
  for (uint32_t in_use = 16; in_use > limit; --in_use) EXPECT_EQ(f.semaphore.release(1), core::kNobody);
  EXPECT_EQ(f.semaphore.in_use(), limit);
  EXPECT_EQ(f.semaphore.release(1), 2u);
  EXPECT_EQ(f.semaphore.in_use(), limit);
}

TEST("semaphore, adaptive: what is written over its words does no harm") {
  for (const int64_t scribble : {int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN}) {
    Fixture f(100, -1, {3, 8, 2});
    f.words[core::semaphore::kLimit].store(scribble);
    for (size_t i = 0; i < core::kWordsPerCell; ++i)
      f.words[f.shape.adaptive_line() * core::kWordsPerCell + i].store(scribble);
    int64_t now_ms = 0;
    for (int i = 0; i < 50; ++i) tell(&f, &now_ms, 1000, 90);
    CHECK(f.semaphore.limit() >= 2 && f.semaphore.limit() <= 100);
    CHECK(f.semaphore.try_acquire(1));
  }
}

// Changes what may be in use and how many may wait; -1: no bound.
bool update(Fixture* f, int64_t most, int64_t max_queue = -1) {
  return f->semaphore.update(1, [&](core::SemaphoreTerms* terms) {
    terms->most = most;
    terms->max_queue = max_queue;
    return terms->least <= most;
  });
}

TEST("semaphore, update: a higher limit lets in who waits, in order, and nobody past them") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (const Owner owner : {2u, 3u, 2u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  EXPECT_EQ(f.semaphore.grant(1), core::kNobody);
  CHECK(update(&f, 3));
  EXPECT_EQ(f.semaphore.limit(), 3u);
  CHECK(!f.semaphore.try_acquire(1));
  EXPECT_EQ(f.semaphore.grant(1), 2u);
  EXPECT_EQ(f.semaphore.grant(1), 3u);
  EXPECT_EQ(f.semaphore.grant(1), core::kNobody);
  EXPECT_EQ(f.semaphore.in_use(), 3u);
  CHECK(update(&f, 10));
  EXPECT_EQ(f.semaphore.grant(1), 2u);
  EXPECT_EQ(f.semaphore.grant(1), core::kNobody);
  CHECK(f.semaphore.try_acquire(1));
}

TEST("semaphore, update: a lower limit takes nothing away, and lets nobody in until fewer are in use") {
  Fixture f(3);
  for (int i = 0; i < 3; ++i) CHECK(f.semaphore.try_acquire(1));
  CHECK(f.semaphore.acquire(2) == Admission::kQueued);
  CHECK(update(&f, 1));
  EXPECT_EQ(f.semaphore.held(1), 3u);
  EXPECT_EQ(f.semaphore.available(), 0u);
  for (const uint32_t left : {2u, 1u}) {
    EXPECT_EQ(f.semaphore.release(1), core::kNobody);
    EXPECT_EQ(f.semaphore.in_use(), left);
    EXPECT_EQ(f.semaphore.grant(1), core::kNobody);
    CHECK(!f.semaphore.try_acquire(3));
  }
  EXPECT_EQ(f.semaphore.release(1), 2u);
  EXPECT_EQ(f.semaphore.in_use(), 1u);
  EXPECT_EQ(f.semaphore.release(2), core::kNobody);
  EXPECT_EQ(f.semaphore.available(), 1u);
}

TEST("semaphore, update: a shorter queue drops nobody, and refuses who comes until it is short enough") {
  Fixture f(1);
  CHECK(f.semaphore.try_acquire(1));
  for (int i = 0; i < 3; ++i) CHECK(f.semaphore.acquire(2) == Admission::kQueued);
  CHECK(update(&f, 1, 2));
  EXPECT_EQ(f.semaphore.waiting(), 3);
  CHECK(f.semaphore.acquire(3) == Admission::kRefused);
  EXPECT_EQ(f.semaphore.release(1), 2u);
  CHECK(f.semaphore.acquire(3) == Admission::kRefused);
  EXPECT_EQ(f.semaphore.release(2), 2u);
  CHECK(f.semaphore.acquire(3) == Admission::kQueued);
  CHECK(update(&f, 1));
  CHECK(f.semaphore.acquire(3) == Admission::kQueued);
}

TEST("semaphore, update: keeps what it was made with, and every number it may be given") {
  Fixture f(5, 7);
  for (const int64_t most : {int64_t{1}, core::semaphore::kMostPermits}) {
    for (const int64_t max_queue : {int64_t{-1}, int64_t{0}, core::semaphore::kMostQueue}) {
      CHECK(update(&f, most, max_queue));
      EXPECT_EQ(f.semaphore.terms().most, most);
      EXPECT_EQ(f.semaphore.terms().max_queue, max_queue);
      CHECK(f.words[core::semaphore::kTerms].load() >= 0);
    }
  }
  // No queue is so long.
  CHECK(update(&f, 5, core::semaphore::kMostQueue + 1));
  EXPECT_EQ(f.semaphore.terms().max_queue, -1);
  EXPECT_EQ(f.words[core::semaphore::kMaxConcurrent].load(), 5);
  EXPECT_EQ(f.words[core::semaphore::kMaxQueue].load(), 7);
  CHECK(!f.semaphore.update(1, [](core::SemaphoreTerms*) { return false; }));
  EXPECT_EQ(f.semaphore.terms().most, 5);
}

TEST("semaphore, update: other bounds hold for an adaptive limit at once, and for what it learns") {
  Fixture f(1000, -1, {3, 8, 2});
  int64_t now_ms = 0;
  const auto bounds = [&](int64_t least, int64_t most) {
    return f.semaphore.update(1, [&](core::SemaphoreTerms* terms) {
      *terms = {most, least, -1};
      return true;
    });
  };
  CHECK(bounds(100, 1000));
  EXPECT_EQ(f.semaphore.limit(), 100u);
  while (f.semaphore.limit() < 300) tell(&f, &now_ms, 1000, 300);
  CHECK(bounds(2, 20));
  EXPECT_EQ(f.semaphore.limit(), 20u);
  // A limit that is far above what may be in use would count as idle, and never come down.
  for (int i = 0; i < 20; ++i) tell(&f, &now_ms, 10'000, 20);
  CHECK(f.semaphore.limit() < 15);
  CHECK(bounds(2, 1000));
  CHECK(f.semaphore.limit() < 15);
}

TEST("semaphore, update: whoever buries one that died before it let anybody in does so") {
  Fixture f(1);
  CHECK(f.semaphore.claim({11, 0, 0}) == 1 && f.semaphore.claim({12, 0, 0}) == 2 && f.semaphore.claim({13, 0, 0}) == 3);
  CHECK(f.semaphore.try_acquire(2));
  for (const Owner owner : {2u, 3u, 3u}) CHECK(f.semaphore.acquire(owner) == Admission::kQueued);
  CHECK(update(&f, 3));
  std::vector<Owner> woken;
  f.semaphore.bury(1, [&](Owner owner) { woken.push_back(owner); });
  CHECK(woken == (std::vector<Owner>{2, 3}));
  EXPECT_EQ(f.semaphore.waiting(), 1);
}

TEST("semaphore: what is written over its terms does no harm") {
  for (const int64_t scribble : {int64_t{0}, int64_t{-1}, INT64_MAX, INT64_MIN, core::adaptive::kMostLimit << 30}) {
    for (const uint32_t least : {0u, 2u}) {
      Fixture f(100, -1, {3, 8, least});
      f.words[core::semaphore::kTerms].store(scribble);
      CHECK(f.semaphore.limit() <= core::semaphore::kMostPermits);
      if (f.semaphore.try_acquire(1)) f.semaphore.release(1);
      CHECK(f.semaphore.acquire(2) == Admission::kAdmitted || f.semaphore.limit() == 0);
    }
  }
}

TEST("semaphore: holds as many permits as the layout says") {
  Fixture f(core::semaphore::kMostPermits);
  EXPECT_EQ(f.semaphore.available(), core::semaphore::kMostPermits);
  for (int64_t i = 0; i < core::semaphore::kMostPermits; ++i) {
    if (!f.semaphore.try_acquire(2)) return fail(__FILE__, __LINE__, "refused too early");
  }
  CHECK(!f.semaphore.try_acquire(1));
  f.semaphore.bury(2, [](Owner) {});
  EXPECT_EQ(f.semaphore.available(), core::semaphore::kMostPermits);
}

}  // namespace
}  // namespace amorsize::test
