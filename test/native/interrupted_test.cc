// Operations that are interrupted by another thread's, at each step.
#include <array>
#include <functional>
#include <limits>

#include "check.h"
#include "core/circuit_breaker.h"
#include "core/semaphore.h"
#include "core/token_bucket.h"
#include "interrupted_word.h"

namespace amorsize::test {
namespace {

constexpr double kUnused = std::numeric_limits<double>::infinity();

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;
constexpr int64_t kStart = 5 * kSecond;

using core::BreakerState;
using core::CallResult;
using Breaker = core::CircuitBreaker<InterruptedWord>;

// Runs what `make` makes anew for each step: an operation, what interrupts it, and what must be so afterwards.
struct Interruption {
  std::function<void()> operation;
  std::function<void()> other;
  std::function<void()> check;
};
template <class Make>
void at_each_step(Make make) {
  bool has_come_in = true;
  for (int64_t step = 0; has_come_in; ++step) {
    const Interruption each = make();
    has_come_in = InterruptedWord::run(step, each.operation, each.other);
    each.check();
  }
}

struct BreakerCells {
  std::array<InterruptedWord, 256> words{};
  Breaker breaker(const core::BreakerParameters& parameters) {
    Breaker::initialize(words.data(), kStart, parameters);
    return Breaker(words.data());
  }
};

core::BreakerParameters opens_at_one(double probes, double rate) {
  return {{0, 1, 1, kUnused, kUnused, 1, probes, 100, 2, 1000, 50, rate}};
}

TEST("interrupted breaker: of two that open it, one makes the transition") {
  BreakerCells cells;
  int made = 0;
  at_each_step([&] {
    cells = BreakerCells{};
    made = 0;
    Breaker breaker = cells.breaker(opens_at_one(1, 0));
    const auto fails = [&made, &cells, permit = breaker.admit(kStart).permit] {
      Breaker mine(cells.words.data());
      made += mine.settle(permit, CallResult::kFailed, false, kStart) ? 1 : 0;
    };
    return Interruption{fails, fails, [&] {
                          EXPECT_EQ(made, 1);
                          EXPECT_EQ(Breaker(cells.words.data()).state(kStart), BreakerState::kOpen);
                        }};
  });
}

TEST("interrupted breaker: of two probes that tell the last results, one makes the transition") {
  BreakerCells cells;
  int made = 0;
  for (const CallResult result : {CallResult::kSucceeded, CallResult::kFailed}) {
    at_each_step([&] {
      cells = BreakerCells{};
      made = 0;
      Breaker breaker = cells.breaker(opens_at_one(2, 1));
      breaker.settle(breaker.admit(kStart).permit, CallResult::kFailed, false, kStart);
      const int64_t now = kStart + 100 * kMs;
      const auto tells = [&made, &cells, result, now](const core::Permit& probe) {
        return [&made, &cells, result, now, probe] {
          Breaker mine(cells.words.data());
          made += mine.settle(probe, result, false, now) ? 1 : 0;
        };
      };
      const auto first = tells(breaker.admit(now).permit);
      const auto second = tells(breaker.admit(now).permit);
      return Interruption{first, second, [&cells, &made, result, now] {
                            EXPECT_EQ(made, 1);
                            EXPECT_EQ(Breaker(cells.words.data()).state(now),
                                      result == CallResult::kFailed ? BreakerState::kOpen : BreakerState::kClosed);
                          }};
    });
  }
}

TEST("interrupted breaker: whoever is forced meanwhile stays so, and who asks is told of a state that there was") {
  BreakerCells cells;
  core::BreakerAdmission admission{};
  at_each_step([&] {
    cells = BreakerCells{};
    Breaker breaker = cells.breaker(opens_at_one(1, 0));
    breaker.settle(breaker.admit(kStart).permit, CallResult::kFailed, false, kStart);
    const auto asks = [&] { admission = Breaker(cells.words.data()).admit(kStart + 100 * kMs); };
    const auto isolates = [&] { CHECK(Breaker(cells.words.data()).force(BreakerState::kIsolated)); };
    return Interruption{asks, isolates, [&] {
                          EXPECT_EQ(Breaker(cells.words.data()).state(kStart), BreakerState::kIsolated);
                          EXPECT_EQ(admission.admitted, admission.state == BreakerState::kHalfOpen);
                          CHECK(admission.admitted || admission.state == BreakerState::kIsolated);
                        }};
  });
}

namespace b = core::bucket;
using core::Outcome;
using Bucket = core::TokenBucket<InterruptedWord>;

struct BucketCells {
  std::array<InterruptedWord, b::kCells * core::kWordsPerCell> words{};
  Bucket bucket() { return Bucket(words.data()); }
};

TEST("interrupted bucket: while an updater sleeps past its lease nobody writes to its slot, nor it to theirs") {
  BucketCells cells;
  Outcome slept = Outcome::kBusy;
  for (int updates = 1; updates <= 6; ++updates) {
    at_each_step([&] {
      cells = BucketCells{};
      cells.bucket().initialize(kStart, 10, 3);
      const auto sleeps = [&] { slept = cells.bucket().update(kStart, 20, 3); };
      const auto change = [&, updates] {
        const int64_t claim = cells.words[b::kClaim].load();
        const bool is_claimed = (claim & 1) != 0;
        const int64_t ticks = kStart >> b::kClaimTickBits;
        if (is_claimed) EXPECT_EQ(claim, ticks << b::kClaimTimeShift | 1 << 1 | 1);
        for (int i = 0; i < updates; ++i) {
          EXPECT_EQ(cells.bucket().update(kStart + 2 * kSecond, 30 + i, 3), Outcome::kGranted);
          if (is_claimed) CHECK(cells.bucket().parameters().generation % 4 != 1 || slept == Outcome::kGranted);
        }
      };
      slept = Outcome::kBusy;
      return Interruption{sleeps, change, [&, updates] {
                            // It has come first, or has found that it is too late; or all of it comes last.
                            const core::Parameters found = cells.bucket().parameters();
                            CHECK(found.rate == 29 + updates || (found.rate == 20 && slept == Outcome::kGranted));
                            EXPECT_EQ(found.burst, 3.0);
                            EXPECT_EQ(cells.words[b::kClaim].load(), 0);
                            EXPECT_EQ(cells.bucket().available(kStart + 2 * kSecond), 3.0);
                            EXPECT_EQ(cells.bucket().update(kStart + 2 * kSecond, 5, 3), Outcome::kGranted);
                          }};
    });
  }
}

using core::Admission;
using Semaphore = core::Semaphore<InterruptedWord>;

struct SemaphoreCells {
  static constexpr core::SemaphoreShape kShape{3, 8};
  std::array<InterruptedWord, 64 * core::kWordsPerCell> words{};
  Semaphore semaphore() { return Semaphore(words.data(), kShape); }
  bool set_most(core::Owner owner, int64_t most) {
    return semaphore().update(owner, [most](core::SemaphoreTerms* terms) {
      terms->most = most;
      return true;
    });
  }
};

TEST("interrupted semaphore: nobody is refused for what was never so at one time") {
  SemaphoreCells cells;
  bool is_admitted = false;
  // One of two permits is in use; it is given back, and then there is but one.
  const auto lowers = [&] {
    cells.semaphore().release(2);
    cells.set_most(2, 1);
  };
  for (const bool tries : {true, false}) {
    at_each_step([&] {
      cells = SemaphoreCells{};
      cells.semaphore().initialize(2, 0);
      CHECK(cells.semaphore().try_acquire(2));
      return Interruption{[&, tries] {
                            is_admitted = tries ? cells.semaphore().try_acquire(1)
                                                : cells.semaphore().acquire(1) == Admission::kAdmitted;
                          },
                          lowers,
                          [&] {
                            CHECK(is_admitted);
                            EXPECT_EQ(cells.semaphore().in_use(), 1);
                          }};
    });
  }
}

TEST("interrupted semaphore: of any two operations both are done, once") {
  SemaphoreCells cells;
  int64_t waiting = 0;
  int64_t used = 0;
  // Rows 2 and 3 wait for what row 1 has, twice each.
  using Operation = std::function<void(core::Owner)>;
  const Operation operations[] = {[&](core::Owner owner) {
                                    if (cells.semaphore().held(owner) == 0) return;
                                    if (cells.semaphore().release(owner) == core::kNobody) {
                                      --used;
                                    } else {
                                      --waiting;
                                    }
                                  },
                                  [&](core::Owner owner) { waiting -= cells.semaphore().cancel(owner) ? 1 : 0; },
                                  [&](core::Owner owner) {
                                    const Admission admission = cells.semaphore().acquire(owner);
                                    waiting += admission == Admission::kQueued ? 1 : 0;
                                    used += admission == Admission::kAdmitted ? 1 : 0;
                                  },
                                  [&](core::Owner owner) { used += cells.semaphore().try_acquire(owner) ? 1 : 0; },
                                  [&](core::Owner owner) {
                                    cells.set_most(owner, 3);
                                    while (cells.semaphore().grant(owner) != core::kNobody) {
                                      ++used;
                                      --waiting;
                                    }
                                  },
                                  [&](core::Owner owner) { cells.semaphore().announce(owner); },
                                  [&](core::Owner owner) { cells.set_most(owner, 1); }};
  for (const Operation& first : operations) {
    for (const Operation& second : operations) {
      for (core::Owner owner = 1; owner <= 3; ++owner) {
        for (const int waiters : {0, 1, 2}) {
          at_each_step([&] {
            cells = SemaphoreCells{};
            cells.semaphore().initialize(2, 5);
            for (int i = 0; i < 2; ++i) CHECK(cells.semaphore().try_acquire(1));
            for (int i = 0; i < waiters; ++i)
              for (const core::Owner each : {2U, 3U}) CHECK(cells.semaphore().acquire(each) == Admission::kQueued);
            waiting = 2 * waiters;
            used = 2;
            return Interruption{[&] { first(owner); }, [&] { second(owner % 3 + 1); },
                                [&] {
                                  Semaphore semaphore = cells.semaphore();
                                  EXPECT_EQ(semaphore.waiting(), waiting);
                                  EXPECT_EQ(semaphore.in_use(), used);
                                  EXPECT_EQ(semaphore.held(1) + semaphore.held(2) + semaphore.held(3), used);
                                  // Each permit comes back, and each that waits is served or gives up.
                                  for (core::Owner each = 1; each <= 3; ++each)
                                    semaphore.bury(each, [](core::Owner) {});
                                  EXPECT_EQ(semaphore.in_use(), 0);
                                  EXPECT_EQ(semaphore.waiting(), 0);
                                }};
          });
        }
      }
    }
  }
}

}  // namespace
}  // namespace amorsize::test
