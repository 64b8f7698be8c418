// Operations that are interrupted by another thread's, at each step.
#include <array>
#include <functional>

#include "check.h"
#include "core/circuit_breaker.h"
#include "interrupted_word.h"

namespace amorsize::test {
namespace {

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
  return {{0, 1, 1, 1e300, 1e300, 1, probes, 100, 2, 1000, 50, rate}};
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

}  // namespace
}  // namespace amorsize::test
