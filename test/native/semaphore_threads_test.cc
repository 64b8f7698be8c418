// The semaphore under real threads: never more holders than permits, nobody forgotten, what the dead held comes back.
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
  void release() { shared_->semaphore.release(owner_); }
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

}  // namespace
}  // namespace amorsize::test
