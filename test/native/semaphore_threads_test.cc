// The semaphore under real threads: never more holders than permits, nobody forgotten, what the dead held comes back.
#include <algorithm>
#include <atomic>
#include <thread>

#include "check.h"
#include "core/semaphore.h"
#include "run_threads.h"

namespace amorsize::test {
namespace {

using core::Admission;
using core::Owner;
using core::Word;

constexpr core::SemaphoreShape kShape{7, 64};
constexpr int kThreads = 4;

struct Shared {
  alignas(64) Word words[kShape.cells() * core::kWordsPerCell] = {};
  core::Semaphore<> semaphore{words, kShape};
  int64_t permits;
  std::atomic<int64_t> holders{0};
  std::atomic<int64_t> most{0};
  std::atomic<int64_t> next_id{1};

  explicit Shared(int64_t permits_) : permits(permits_) { semaphore.initialize(permits, -1); }

  void work() {
    const int64_t now = holders.fetch_add(1, std::memory_order_relaxed) + 1;
    if (now > most.load(std::memory_order_relaxed)) most.store(now, std::memory_order_relaxed);
    if (now % 3 == 0) std::this_thread::yield();
    holders.fetch_sub(1, std::memory_order_relaxed);
  }

  int64_t drain() {
    const Owner owner = semaphore.claim({next_id++, 0, 0});
    int64_t taken = 0;
    while (semaphore.try_acquire(owner)) ++taken;
    semaphore.bury(owner, [](Owner) {});
    return taken;
  }
};

// One caller of a thread at a time, which takes what comes: at once, or by waiting.
class Caller {
 public:
  explicit Caller(Shared* shared)
      : shared_(shared),
        owner_(shared->semaphore.claim({shared->next_id++, 0, 0})),
        seen_(shared->semaphore.grants(owner_)) {}

  bool queue() { return shared_->semaphore.acquire(owner_) == Admission::kQueued; }
  bool is_granted() const { return shared_->semaphore.grants(owner_) != seen_; }
  void await() {
    while (!is_granted()) std::this_thread::yield();
    ++seen_;
  }
  // True if it has gone without a permit.
  bool give_up() {
    if (shared_->semaphore.cancel(owner_)) return true;
    await();
    return false;
  }
  void release() {
    shared_->semaphore.release(owner_);
    while (shared_->semaphore.grant(owner_) != core::kNobody) {
    }
  }
  void end() {
    shared_->semaphore.bury(owner_, [](Owner) {});
  }

 private:
  Shared* shared_;
  Owner owner_;
  uint32_t seen_;
};

TEST("semaphore, threads: never more holders than permits, and everybody is served") {
  for (const int64_t permits : {1, 2, 3}) {
    Shared shared(permits);
    run_threads(kThreads, [&](int) {
      Caller caller(&shared);
      for (int64_t i = 0; i < 20'000 * effort; ++i) {
        if (caller.queue()) caller.await();
        shared.work();
        caller.release();
      }
      caller.end();
    });
    CHECK(shared.most.load() <= permits);
    EXPECT_EQ(shared.drain(), permits);
    EXPECT_EQ(shared.semaphore.waiting(), 0);
  }
}

TEST("semaphore, threads: callers that give up at any moment lose no permit and take none with them") {
  Shared shared(1);
  run_threads(kThreads, [&](int thread) {
    Caller caller(&shared);
    uint32_t random = 12345u + static_cast<uint32_t>(thread);
    for (int64_t i = 0; i < 20'000 * effort; ++i) {
      random = random * 1664525u + 1013904223u;
      if (caller.queue()) {
        if ((random >> 16) % 2 == 0) std::this_thread::yield();
        if ((random >> 17) % 2 == 0 && caller.give_up()) continue;
        if ((random >> 17) % 2 != 0) caller.await();
      }
      shared.work();
      caller.release();
    }
    caller.end();
  });
  CHECK(shared.most.load() <= 1);
  EXPECT_EQ(shared.drain(), 1);
  EXPECT_EQ(shared.semaphore.waiting(), 0);
}

TEST("semaphore, threads: permits and places of threads that end without a word come back") {
  Shared shared(3);
  for (int64_t round = 0; round < 20 * effort; ++round) {
    run_threads(kThreads, [&](int thread) {
      Caller caller(&shared);
      for (int i = 0; i < 100; ++i) {
        if (caller.queue()) caller.await();
        shared.work();
        caller.release();
      }
      // Ends with what it has: permits, places, or both.
      for (int i = 0; i <= thread; ++i) caller.queue();
      caller.end();
    });
    EXPECT_EQ(shared.drain(), 3);
  }
  CHECK(shared.most.load() <= 3);
}

TEST(
    "semaphore, threads: one changes the limits all the time, never more hold permits than may, and everybody is "
    "served") {
  constexpr int64_t kMost = 4;
  Shared shared(kMost);
  std::atomic<bool> done{false};
  std::atomic<int64_t> broken{0};
  std::thread changer([&] {
    const Owner owner = shared.semaphore.claim({shared.next_id++, 0, 0});
    const auto change = [&](int64_t most) {
      shared.semaphore.update(owner, [&](core::SemaphoreTerms* terms) {
        terms->most = most;
        return true;
      });
      while (shared.semaphore.grant(owner) != core::kNobody) {
      }
    };
    for (int64_t turn = 0; !done.load(); ++turn) {
      change(1 + turn % kMost);
      if (turn % 2 == 0) {
        // From the end of a change on none begins until fewer hold permits.
        change(1);
        uint32_t in_use = shared.semaphore.in_use();
        for (int look = 0; look < 20; ++look) {
          const uint32_t now = shared.semaphore.in_use();
          if (now > std::max(in_use, uint32_t{1})) ++broken;
          in_use = now;
        }
      }
      std::this_thread::yield();
    }
    change(kMost);
    shared.semaphore.bury(owner, [](Owner) {});
  });
  std::atomic<int64_t> served{0};
  run_threads(kThreads, [&](int thread) {
    Caller caller(&shared);
    for (int64_t i = 0; i < 10'000 * effort; ++i) {
      if (caller.queue()) {
        if ((i + thread) % 7 == 0 && caller.give_up()) continue;
        if ((i + thread) % 7 != 0) caller.await();
      }
      shared.work();
      ++served;
      caller.release();
    }
    caller.end();
  });
  done = true;
  changer.join();
  CHECK(shared.most.load() <= kMost);
  CHECK(served.load() >= kThreads * 10'000 * effort * 6 / 7);
  EXPECT_EQ(broken.load(), 0);
  EXPECT_EQ(shared.drain(), kMost);
  EXPECT_EQ(shared.semaphore.waiting(), 0);
}

// The line and the limit of an adaptive semaphore, for those who only measure.
struct Measured {
  alignas(64) Word limit{0};
  alignas(64) Word line[core::kWordsPerCell] = {};
  core::AdaptiveLimit<> adaptive{&limit, line, {2, 1000}};
  Measured() { adaptive.initialize(); }
};

TEST("adaptive limit, threads: each call is in one window, however many close them") {
  Measured measured;
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> us{0};
  std::atomic<int64_t> drops{0};
  const auto take = [&] {
    const auto [before, window] = measured.adaptive.take_window();
    calls += window.calls;
    us += window.us;
    drops += window.drops;
  };
  constexpr int kMeasuring = 8;
  const int64_t each = 20'000 * effort;
  run_threads(kMeasuring, [&](int thread) {
    for (int64_t i = 0; i < each; ++i) {
      // So that no window closes by itself.
      if (i % 50 == 0) {
        measured.adaptive.drop(0);
      } else {
        measured.adaptive.add(0, 1000 + thread, thread);
      }
      if (i % 100 == 0) take();
    }
  });
  take();
  EXPECT_EQ(calls.load(), kMeasuring * each * 49 / 50);
  EXPECT_EQ(drops.load(), kMeasuring * each / 50);
  EXPECT_EQ(us.load(), each * 49 / 50 * (kMeasuring * 1000 + kMeasuring * (kMeasuring - 1) / 2));
}

TEST("adaptive limit, threads: finds the limit while all measure and close, and one keeps sleeping in between") {
  Measured measured;
  std::atomic<bool> done{false};
  std::atomic<int64_t> dropped{0};
  std::atomic<int64_t> clock_ms{1};
  std::thread sleeper([&] {
    // Takes a window away, and decides when others have decided long since.
    while (!done.load()) {
      const auto closing = measured.adaptive.take_window();
      const int64_t before = measured.limit.load();
      while (!done.load() && measured.limit.load() == before) std::this_thread::yield();
      if (!measured.adaptive.decide(closing) && measured.limit.load() != closing.before) ++dropped;
    }
  });
  const int64_t each = 50'000 * effort;
  run_threads(kThreads, [&](int) {
    // On a busy machine the sleeper may get its turn late.
    for (int64_t i = 0; i < each || (dropped.load() == 0 && i < 200 * each); ++i) {
      const int64_t now_ms = i % 20 == 0 ? clock_ms.fetch_add(50) : clock_ms.load();
      const auto limit = static_cast<int64_t>(measured.adaptive.in_force());
      // Service of 100 at a time: what is above waits in line.
      measured.adaptive.add(now_ms, 1000 * std::max<int64_t>(100, limit) / 100, limit);
    }
  });
  done = true;
  sleeper.join();
  CHECK(dropped.load() > 0);
  const core::LimitState state = measured.adaptive.state();
  CHECK(state.limit >= 100 && state.limit < 320);
  CHECK(state.base_us >= 999 && state.base_us < 2000);
}

TEST("adaptive semaphore, threads: never more holders than its limit allowed, and everybody is served") {
  static constexpr core::SemaphoreShape kAdaptive{7, 64, 1};
  alignas(64) static Word words[kAdaptive.cells() * core::kWordsPerCell];
  for (Word& word : words) word.store(0);
  core::Semaphore<> semaphore(words, kAdaptive);
  semaphore.initialize(3, -1);
  std::atomic<int64_t> holders{0};
  std::atomic<int64_t> most{0};
  std::atomic<int64_t> served{0};
  std::atomic<bool> done{false};
  // Moves the limit up and down between 1 and 3.
  std::thread mover([&] {
    const Owner owner = semaphore.claim({99, 0, 0});
    for (int64_t turn = 0; !done.load(); ++turn) {
      words[core::semaphore::kLimit].store(core::LimitState{static_cast<double>(1 + turn % 3), 0, 0, 0, 0}.word());
      semaphore.announce(owner);
      while (semaphore.grant(owner) != core::kNobody) {
      }
      std::this_thread::yield();
    }
  });
  run_threads(kThreads, [&](int thread) {
    const Owner owner = semaphore.claim({thread + 1, 0, 0});
    uint32_t seen = semaphore.grants(owner);
    for (int64_t i = 0; i < 10'000 * effort; ++i) {
      if (semaphore.acquire(owner) == Admission::kQueued) {
        while (semaphore.grants(owner) == seen) std::this_thread::yield();
        ++seen;
      }
      const int64_t now = holders.fetch_add(1) + 1;
      if (now > most.load()) most.store(now);
      ++served;
      holders.fetch_sub(1);
      semaphore.release(owner);
      while (semaphore.grant(owner) != core::kNobody) {
      }
    }
    semaphore.bury(owner, [](Owner) {});
  });
  done = true;
  mover.join();
  CHECK(most.load() <= 3);
  EXPECT_EQ(served.load(), kThreads * 10'000 * effort);
  EXPECT_EQ(semaphore.in_use(), 0u);
  EXPECT_EQ(semaphore.waiting(), 0);
}

}  // namespace
}  // namespace amorsize::test
