// The circuit breaker and the retry budget in one thread and in several. What is told here of one thread is little:
// property tests compare both with references.
#include "core/circuit_breaker.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <limits>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "core/retry_budget.h"

namespace amorsize::test {
namespace {

constexpr double kUnused = std::numeric_limits<double>::infinity();

using core::BreakerState;
using core::CallResult;
using Breaker = core::CircuitBreaker<>;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;

core::BreakerParameters consecutive(double failures, double successes) {
  return {{0, failures, 1, kUnused, kUnused, 1, successes, 100, 1, 100, 60'000}};
}

struct alignas(64) BreakerCells {
  std::array<core::Word, 1024> words{};
  explicit BreakerCells(const core::BreakerParameters& parameters) {
    CHECK(parameters.valid());
    CHECK(parameters.cells() * core::kWordsPerCell <= words.size());
    Breaker::initialize(words.data(), kSecond, parameters);
  }
  Breaker breaker() { return Breaker(words.data()); }
};

template <class Body>
void run_threads(int count, Body body) {
  std::vector<std::thread> threads;
  for (int i = 0; i < count; ++i) threads.emplace_back(body, i);
  for (std::thread& thread : threads) thread.join();
}

TEST("breaker: opens, admits probes, opens again, closes") {
  BreakerCells cells(consecutive(3, 2));
  Breaker breaker = cells.breaker();
  for (int i = 0; i < 3; ++i) {
    const core::BreakerAdmission admission = breaker.admit(kSecond);
    CHECK(admission.admitted);
    EXPECT_EQ(breaker.settle(admission.permit, CallResult::kFailed, false, kSecond), i == 2);
  }
  const core::BreakerAdmission refused = breaker.admit(kSecond + 60 * kMs);
  CHECK(!refused.admitted);
  EXPECT_EQ(refused.retry_after_ns, 40 * kMs);
  EXPECT_EQ(breaker.state(kSecond + 100 * kMs - 1), BreakerState::kOpen);
  EXPECT_EQ(breaker.state(kSecond + 100 * kMs), BreakerState::kHalfOpen);
  int64_t now = kSecond + 100 * kMs;
  const core::BreakerAdmission first = breaker.admit(now);
  const core::BreakerAdmission second = breaker.admit(now);
  CHECK(first.admitted && second.admitted && !breaker.admit(now).admitted);
  CHECK(!breaker.settle(first.permit, CallResult::kSucceeded, false, now));
  CHECK(breaker.settle(second.permit, CallResult::kFailed, false, now));
  now += 100 * kMs;
  const core::BreakerAdmission third = breaker.admit(now);
  CHECK(!breaker.settle(second.permit, CallResult::kFailed, false, now));
  CHECK(!breaker.settle(third.permit, CallResult::kSucceeded, false, now));
  CHECK(!breaker.settle(third.permit, CallResult::kSucceeded, false, now));
  CHECK(breaker.settle(breaker.admit(now).permit, CallResult::kSucceeded, false, now));
  EXPECT_EQ(breaker.state(now), BreakerState::kClosed);
}

TEST("breaker: opens again at a share of failed probes, or closes when all have told") {
  core::BreakerParameters parameters = consecutive(1, 4);
  parameters.values[core::breaker_parameter::kProbeFailureRate] = 0.5;
  for (const bool fails : {true, false}) {
    BreakerCells cells(parameters);
    Breaker breaker = cells.breaker();
    CHECK(breaker.settle(breaker.admit(kSecond).permit, CallResult::kFailed, false, kSecond));
    const int64_t now = kSecond + 100 * kMs;
    core::Permit permits[4];
    for (core::Permit& permit : permits) permit = breaker.admit(now).permit;
    CHECK(!breaker.admit(now).admitted);
    CHECK(!breaker.settle(permits[0], CallResult::kFailed, false, now));
    // What has told has no more to tell.
    CHECK(!breaker.settle(permits[0], CallResult::kFailed, false, now));
    CHECK(!breaker.settle(permits[0], CallResult::kSucceeded, false, now));
    CHECK(!breaker.settle(permits[1], CallResult::kIgnored, false, now));
    CHECK(!breaker.settle(permits[2], CallResult::kSucceeded, false, now));
    CHECK(!breaker.settle(permits[3], CallResult::kSucceeded, false, now));
    // Long after all leases the one that was given up is the only one that is missing.
    const core::BreakerAdmission last = breaker.admit(now + 1000 * kSecond);
    CHECK(last.admitted && !breaker.admit(now + 1000 * kSecond).admitted);
    CHECK(breaker.settle(last.permit, fails ? CallResult::kFailed : CallResult::kSucceeded, false, now));
    EXPECT_EQ(breaker.state(now), fails ? BreakerState::kOpen : BreakerState::kClosed);
  }
}

core::BreakerParameters with(core::BreakerParameters parameters, size_t index, double value) {
  parameters.values[index] = value;
  return parameters;
}

core::UpdateResult update(Breaker* breaker, const core::BreakerParameters& parameters, int64_t now) {
  return breaker->update(Breaker::generation_of(breaker->control()), parameters, now);
}

TEST("breaker: an update begins a new generation of the same state, in which nothing is counted") {
  namespace p = core::breaker_parameter;
  for (const BreakerState state : {BreakerState::kClosed, BreakerState::kIsolated}) {
    BreakerCells cells(consecutive(3, 2));
    Breaker breaker = cells.breaker();
    Breaker other = cells.breaker();
    breaker.force(state);
    const core::Permit early = breaker.admit(kSecond).permit;
    for (int i = 0; i < 2; ++i) breaker.settle(early, CallResult::kFailed, false, kSecond);
    const int64_t generation = Breaker::generation_of(breaker.control());
    const core::BreakerParameters two = with(consecutive(2, 2), p::kProbeLeaseMs, 7);
    EXPECT_EQ(breaker.update(generation - 1, two, kSecond), core::UpdateResult::kOutdated);
    EXPECT_EQ(breaker.update(generation, two, kSecond), core::UpdateResult::kDone);
    CHECK(breaker.parameters() == two && breaker.updates() == 1);
    EXPECT_EQ(breaker.state(kSecond), state);
    EXPECT_EQ(Breaker::generation_of(other.keep_up()), generation + 1);
    CHECK(other.parameters() == two && other.updates() == 1);
    CHECK(!other.settle(early, CallResult::kFailed, false, kSecond));
    other.force(BreakerState::kClosed);
    for (int i = 0; i < 2; ++i)
      EXPECT_EQ(other.settle(other.admit(kSecond).permit, CallResult::kFailed, false, kSecond), i == 1);
    // What it was made with is still there, for who compares.
    CHECK(core::BreakerParameters::read(cells.words.data()) == consecutive(3, 2));
  }
}

TEST("breaker: an update of an open one begins its time anew; one whose time is up, and a half-open one, probe anew") {
  namespace p = core::breaker_parameter;
  BreakerCells cells(consecutive(1, 1));
  Breaker breaker = cells.breaker();
  breaker.settle(breaker.admit(kSecond).permit, CallResult::kFailed, false, kSecond);
  int64_t now = kSecond + 60 * kMs;
  EXPECT_EQ(update(&breaker, with(consecutive(1, 1), p::kResetTimeoutMs, 50), now), core::UpdateResult::kDone);
  EXPECT_EQ(breaker.admit(now).retry_after_ns, 50 * kMs);
  now += 50 * kMs;
  EXPECT_EQ(update(&breaker, consecutive(1, 8), now), core::UpdateResult::kOutdated);
  EXPECT_EQ(update(&breaker, consecutive(1, 8), now), core::UpdateResult::kDone);
  EXPECT_EQ(breaker.state(now), BreakerState::kHalfOpen);
  core::Permit probes[8];
  for (core::Permit& probe : probes) probe = breaker.admit(now).permit;
  CHECK(!breaker.admit(now).admitted);
  EXPECT_EQ(update(&breaker, consecutive(1, 2), now), core::UpdateResult::kDone);
  for (const core::Permit& probe : probes) CHECK(!breaker.settle(probe, CallResult::kFailed, false, now));
  const core::Permit first = breaker.admit(now).permit;
  const core::Permit second = breaker.admit(now).permit;
  CHECK(!breaker.admit(now).admitted);
  CHECK(!breaker.settle(first, CallResult::kSucceeded, false, now));
  CHECK(breaker.settle(second, CallResult::kSucceeded, false, now));
  EXPECT_EQ(breaker.state(now), BreakerState::kClosed);
}

TEST("breaker: parameters fit what it was made with, or they do not") {
  namespace p = core::breaker_parameter;
  const core::BreakerParameters made{{1, 100, 0.5, 0.5, 5, 10, 9, 100, 2, 1000, 50}};
  CHECK(made.fits(made));
  CHECK(with(made, p::kSuccessThreshold, 16).fits(made) && !with(made, p::kSuccessThreshold, 17).fits(made));
  CHECK(with(made, p::kSize, 1).fits(made) && !with(made, p::kSize, 101).fits(made));
  CHECK(!with(made, p::kMode, 0).fits(made) && !with(made, p::kMode, 2).fits(made));
  CHECK(!with(made, p::kResetTimeoutMs, 0).fits(made));
  CHECK(with(consecutive(3, 2), p::kSize, 1000).fits(consecutive(3, 2)));
}

TEST(
    "breaker: slots of updaters who died are lost, until nobody uses it; what is in force stays, and the last slot "
    "too") {
  BreakerCells cells(consecutive(1, 1));
  Breaker breaker = cells.breaker();
  core::Word& claims = cells.words[core::breaker::kClaims];
  for (int round = 0; round < 20; ++round)
    EXPECT_EQ(update(&breaker, consecutive(2 + round % 2, 1), kSecond), core::UpdateResult::kDone);
  for (size_t died = 1; died < core::breaker::kSlots; ++died) {
    core::BreakerSlots<> dying(cells.words.data(), consecutive(1, 1));
    const int64_t slot = dying.claim();
    CHECK(slot > 0);
    dying.write(slot, {consecutive(9, 1), 99});
    const bool is_last = died == core::breaker::kSlots - 1;
    EXPECT_EQ(update(&breaker, consecutive(4 + static_cast<double>(died), 1), kSecond),
              is_last ? core::UpdateResult::kNoSlot : core::UpdateResult::kDone);
  }
  EXPECT_EQ(breaker.parameters().size(), 9);
  EXPECT_EQ(breaker.updates(), 25);
  CHECK(breaker.admit(kSecond).admitted);
  breaker.force(BreakerState::kIsolated);
  breaker.restore(kSecond);
  CHECK(breaker.parameters() == consecutive(1, 1));
  EXPECT_EQ(breaker.state(kSecond), BreakerState::kIsolated);
  EXPECT_EQ(std::popcount(static_cast<uint64_t>(claims.load())), 1);
  const int64_t control = breaker.control();
  breaker.restore(kSecond);
  EXPECT_EQ(breaker.control(), control);
  EXPECT_EQ(update(&breaker, consecutive(2, 1), kSecond), core::UpdateResult::kDone);
}

TEST("breaker: a slot that holds no parameters, in memory that is damaged, is not believed") {
  namespace b = core::breaker;
  for (size_t word = 0; word < b::kWordsPerSlot; ++word) {
    for (const int64_t damaged : {int64_t{-1}, std::numeric_limits<int64_t>::min(), std::bit_cast<int64_t>(1e300)}) {
      BreakerCells cells(consecutive(3, 8));
      Breaker breaker = cells.breaker();
      EXPECT_EQ(update(&breaker, consecutive(2, 1), kSecond), core::UpdateResult::kDone);
      cells.words[b::kFirstSlot + word] = damaged;
      Breaker other = cells.breaker();
      for (int i = 0; i < 10; ++i) other.settle(other.admit(kSecond).permit, CallResult::kFailed, false, kSecond);
      CHECK(other.parameters() == consecutive(3, 8) || other.parameters().fits(consecutive(3, 8)));
      EXPECT_EQ(update(&other, consecutive(1, 1), kSecond), core::UpdateResult::kDone);
    }
  }
}

TEST("threads: of all that fail at once, one opens the breaker; of all that ask, as many probe as there are places") {
  constexpr int kThreads = 4;
  constexpr int kProbes = 3;
  for (int64_t round = 0; round < 100 * effort; ++round) {
    BreakerCells cells(consecutive(4, kProbes));
    Breaker breaker = cells.breaker();
    std::atomic<int> opened{0};
    std::atomic<int> probes{0};
    std::atomic<int> closed{0};
    std::atomic<int> ready{0};
    run_threads(kThreads, [&](int) {
      Breaker mine = cells.breaker();
      const core::Permit permit = mine.admit(kSecond).permit;
      for (++ready; ready < kThreads;) std::this_thread::yield();
      for (int i = 0; i < 4; ++i) opened += mine.settle(permit, CallResult::kFailed, false, kSecond) ? 1 : 0;
      for (++ready; ready < 2 * kThreads;) std::this_thread::yield();
      const core::BreakerAdmission admission = mine.admit(2 * kSecond);
      probes += admission.admitted ? 1 : 0;
      for (++ready; ready < 3 * kThreads;) std::this_thread::yield();
      if (admission.admitted)
        closed += mine.settle(admission.permit, CallResult::kSucceeded, false, 2 * kSecond) ? 1 : 0;
    });
    EXPECT_EQ(opened.load(), 1);
    EXPECT_EQ(probes.load(), kProbes);
    EXPECT_EQ(closed.load(), 1);
    EXPECT_EQ(breaker.state(2 * kSecond), BreakerState::kClosed);
  }
}

TEST("threads: of all probes that tell at once, one opens or closes the breaker, by how many have failed") {
  constexpr int kThreads = 4;
  core::BreakerParameters parameters = consecutive(1, kThreads);
  parameters.values[core::breaker_parameter::kProbeFailureRate] = 0.75;
  for (int64_t round = 0; round < 100 * effort; ++round) {
    BreakerCells cells(parameters);
    Breaker breaker = cells.breaker();
    breaker.settle(breaker.admit(kSecond).permit, CallResult::kFailed, false, kSecond);
    const int failing = static_cast<int>(round % (kThreads + 1));
    std::atomic<int> ready{0};
    std::atomic<int> transitions{0};
    run_threads(kThreads, [&](int index) {
      Breaker mine = cells.breaker();
      const core::Permit permit = mine.admit(2 * kSecond).permit;
      for (++ready; ready < kThreads;) std::this_thread::yield();
      const CallResult result = index < failing ? CallResult::kFailed : CallResult::kSucceeded;
      transitions += mine.settle(permit, result, false, 2 * kSecond) ? 1 : 0;
    });
    EXPECT_EQ(transitions.load(), 1);
    EXPECT_EQ(breaker.state(2 * kSecond), failing >= 3 ? BreakerState::kOpen : BreakerState::kClosed);
  }
}

TEST("threads: any mixture of operations on any window leaves a breaker that works, and makes each transition once") {
  const core::BreakerParameters all[] = {consecutive(3, 2),
                                         {{1, 100, 0.5, 0.5, 5, 10, 3, 0.01, 2, 1, 1}},
                                         {{2, 10, 0.3, 0.9, 5, 5, 8, 0.05, 1, 1, 1}},
                                         {{0, 3, 1, kUnused, kUnused, 1, 5, 0.01, 1, 1, 1, 0.4}}};
  for (const core::BreakerParameters& parameters : all) {
    BreakerCells cells(parameters);
    std::atomic<int64_t> now{kSecond};
    std::atomic<int64_t> transitions{0};
    run_threads(4, [&](int index) {
      Breaker mine = cells.breaker();
      std::mt19937_64 random(static_cast<uint64_t>(index));
      for (int64_t i = 0; i < 20'000 * effort; ++i) {
        const int64_t at = now.fetch_add(static_cast<int64_t>(random() % 20'000));
        const int64_t before = mine.control();
        const core::BreakerAdmission admission = mine.admit(at);
        CHECK(admission.generation >= Breaker::generation_of(before));
        if (random() % 5000 == 0) transitions += mine.force(BreakerState::kIsolated) ? 1 : 0;
        if (random() % 1000 == 0) transitions += mine.force(BreakerState::kClosed) ? 1 : 0;
        if (random() % 2000 == 0) {
          const double ms = 0.01 * static_cast<double>(1 + random() % 4);
          update(&mine, with(parameters, core::breaker_parameter::kResetTimeoutMs, ms), at);
        }
        if (!admission.admitted) {
          CHECK(admission.retry_after_ns > 0);
          continue;
        }
        const auto result = static_cast<CallResult>(random() % 16 == 0 ? 2 : random() % 2);
        transitions += mine.settle(admission.permit, result, random() % 4 == 0, at) ? 1 : 0;
      }
    });
    Breaker breaker = cells.breaker();
    CHECK(transitions.load() > 0);
    // Those to half-open, and those made for a thread that told of a last success, are not counted.
    CHECK(transitions.load() < Breaker::generation_of(breaker.control()));
    breaker.force(BreakerState::kIsolated);
    CHECK(breaker.force(BreakerState::kClosed));
    CHECK(breaker.admit(now.load()).admitted);
  }
}

TEST("threads: whoever looks while others update sees parameters that belong together, and no update is lost") {
  namespace p = core::breaker_parameter;
  const core::BreakerParameters founding{{2, 1000, 1, 1, 1, 1, 1, 1, 1, 1e9, 1}};
  // Numbers of one update that all are told by the first.
  const auto made_of = [&](double number) {
    core::BreakerParameters parameters = founding;
    for (const size_t index : {p::kMinimumCalls, p::kResetTimeoutMs, p::kProbeLeaseMs, p::kSlowCallMs, p::kSize})
      parameters.values[index] = number;
    return parameters;
  };
  BreakerCells cells(founding);
  std::atomic<int64_t> updates{0};
  std::atomic<int64_t> forced{0};
  const int64_t rounds = 200'000 * effort;
  run_threads(4, [&](int index) {
    Breaker mine = cells.breaker();
    int64_t before = 0;
    for (int64_t i = 0; i < rounds; ++i) {
      const int64_t seen = mine.keep_up();
      CHECK(mine.updates() >= before);
      before = mine.updates();
      if (before > 0) CHECK(mine.parameters() == made_of(mine.parameters()[p::kMinimumCalls]));
      if (index == 3) {
        forced += mine.force(i % 2 == 0 ? BreakerState::kIsolated : BreakerState::kClosed) ? 1 : 0;
        continue;
      }
      const auto number = static_cast<double>(1 + i % 1000 + index * 1000);
      if (mine.update(Breaker::generation_of(seen), made_of(number), kSecond) == core::UpdateResult::kDone) ++updates;
    }
  });
  Breaker breaker = cells.breaker();
  const int64_t control = breaker.keep_up();
  EXPECT_EQ(breaker.updates(), updates.load());
  EXPECT_EQ(Breaker::generation_of(control), 1 + updates.load() + forced.load());
  EXPECT_EQ(std::popcount(static_cast<uint64_t>(cells.words[core::breaker::kClaims].load())), 1);
}

TEST("budget: gives ratio x calls + reserve, and forgets after its time") {
  alignas(64) std::array<core::Word, 24> words{};
  core::RetryBudget<> budget(words.data());
  constexpr int64_t kUnit = core::RetryBudget<>::kUnit;
  budget.initialize(kUnit / 4, 2 * kUnit, 100 * kMs);
  for (int i = 0; i < 8; ++i) budget.deposit(kSecond);
  EXPECT_EQ(budget.available(kSecond), 4 * kUnit);
  for (int i = 0; i < 4; ++i) CHECK(budget.try_withdraw(kSecond + 50 * kMs));
  CHECK(!budget.try_withdraw(kSecond + 50 * kMs));
  EXPECT_EQ(budget.available(kSecond + 900 * kMs), 0);
  // The window of this moment begins within their slice, which may have been behind the retries.
  EXPECT_EQ(budget.available(kSecond + 1000 * kMs), 0);
  EXPECT_EQ(budget.available(kSecond + 1100 * kMs), 2 * kUnit);
  budget.deposit(kSecond + 1100 * kMs);
  EXPECT_EQ(budget.available(kSecond + 2000 * kMs), kUnit * 9 / 4);
  EXPECT_EQ(budget.available(kSecond + 2100 * kMs), 2 * kUnit);
}

TEST("budget: within its time there are no more retries than the reserve and the calls give") {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    std::array<core::Word, core::retry_budget::kCells * core::kWordsPerCell> words{};
    core::RetryBudget<> budget(words.data());
    constexpr int64_t kUnit = core::RetryBudget<>::kUnit;
    constexpr int64_t kSlice = 1000;
    const int64_t ratio = static_cast<int64_t>(random() % 4) * kUnit / 4;
    const int64_t reserve = static_cast<int64_t>(random() % 6) * kUnit;
    budget.initialize(ratio, reserve, kSlice);
    std::vector<int64_t> calls;
    std::vector<int64_t> retries;
    int64_t now = static_cast<int64_t>(random() % 20'000);
    for (int step = 0; step < 300; ++step) {
      now += static_cast<int64_t>(random() % 4 == 0 ? random() % 4000 : random() % 100);
      if (random() % 3 == 0) {
        budget.deposit(now);
        calls.push_back(now);
      } else if (budget.try_withdraw(now)) {
        retries.push_back(now);
        const auto since = [now](const std::vector<int64_t>& times, int64_t ns) {
          return std::ranges::count_if(times, [&](int64_t at) { return at > now - ns; });
        };
        // A call counts with its slice.
        CHECK(since(retries, 10 * kSlice) * kUnit <= since(calls, 11 * kSlice) * ratio + reserve);
      }
    }
  }
}

TEST(
    "budget: whoever was held up since it read the clock writes over no later slice, and gets no retry of an old one") {
  for (const int64_t windows : {1, 2, 30}) {
    std::array<core::Word, core::retry_budget::kCells * core::kWordsPerCell> words{};
    core::RetryBudget<> budget(words.data());
    constexpr int64_t kUnit = core::RetryBudget<>::kUnit;
    budget.initialize(kUnit, 10 * kUnit, kMs);
    const int64_t before = kSecond;
    const int64_t now = before + windows * static_cast<int64_t>(core::retry_budget::kKept) * kMs;
    while (budget.try_withdraw(now)) {
    }
    budget.deposit(before);
    CHECK(!budget.try_withdraw(before));
    EXPECT_EQ(budget.available(now), 0);
    CHECK(!budget.try_withdraw(now));
  }
}

TEST("budget: a word that was left behind, or never written, is not taken for one of a later slice") {
  constexpr int64_t kUnit = core::RetryBudget<>::kUnit;
  constexpr auto kKept = static_cast<int64_t>(core::retry_budget::kKept);
  const int64_t range = int64_t{1} << (63 - core::retry_budget::kBalanceBits);
  // What a word was left with, 0 for nothing, and the slice that comes. The number of the second is 0, too.
  const std::pair<int64_t, int64_t> cases[] = {
      {0, range - 1}, {0, range}, {kKept, kKept + range / (2 * kKept) * kKept}};
  for (const auto& [left, slice] : cases) {
    std::array<core::Word, core::retry_budget::kCells * core::kWordsPerCell> words{};
    core::RetryBudget<> budget(words.data());
    budget.initialize(kUnit, 0, kMs);
    if (left != 0) budget.deposit((left - 1) * kMs);
    EXPECT_EQ(budget.available((slice - 1) * kMs), 0);
    budget.deposit((slice - 1) * kMs);
    EXPECT_EQ(budget.available((slice - 1) * kMs), kUnit);
    // Also where the window has the next slice, of which nothing was written.
    EXPECT_EQ(budget.available((slice + 4) * kMs), kUnit);
    CHECK(budget.try_withdraw((slice - 1) * kMs));
  }
}

TEST("budget: a word is the number of its slice, as far as there are bits, and its balance above the least") {
  namespace b = core::retry_budget;
  constexpr int64_t kUnit = core::RetryBudget<>::kUnit;
  constexpr int64_t kMost = (int64_t{1} << (b::kBalanceBits - 1)) - 1;
  constexpr int64_t kRange = int64_t{1} << (63 - b::kBalanceBits);
  std::array<core::Word, b::kCells * core::kWordsPerCell> words{};
  core::RetryBudget<> budget(words.data());
  budget.initialize(kUnit, 2 * kMost, kMs);
  // There are no slices before the first.
  EXPECT_EQ(budget.available(0), 2 * kMost);
  const auto word_of = [&words](int64_t slice) -> core::Word& {
    return words[b::kFirstSlice + static_cast<size_t>(slice) % b::kKept];
  };
  const auto told = [](int64_t number, int64_t balance) { return number << b::kBalanceBits | (balance + kMost); };
  for (const int64_t slice : {int64_t{8}, kRange - 1, kRange, kRange + 5}) {
    word_of(slice) = 0;
    budget.deposit((slice - 1) * kMs);
    EXPECT_EQ(word_of(slice).load(), told(slice % kRange, kUnit));
  }
  word_of(20) = told(20, kMost - 1);
  budget.deposit(19 * kMs);
  EXPECT_EQ(word_of(20).load(), told(20, kMost));
  word_of(20) = told(20, 1 - kMost);
  CHECK(budget.try_withdraw(19 * kMs));
  EXPECT_EQ(word_of(20).load(), told(20, -kMost));
}

TEST("threads: a budget is given out once, exactly") {
  alignas(64) std::array<core::Word, 24> words{};
  core::RetryBudget<> budget(words.data());
  budget.initialize(core::RetryBudget<>::kUnit / 4, 100 * core::RetryBudget<>::kUnit, kSecond);
  std::atomic<int64_t> taken{0};
  const int64_t calls = 40'000 * effort;
  run_threads(4, [&](int) {
    for (int64_t i = 0; i < calls; ++i) {
      budget.deposit(kSecond);
      if (budget.try_withdraw(kSecond)) ++taken;
    }
  });
  while (budget.try_withdraw(kSecond)) ++taken;
  EXPECT_EQ(taken.load(), calls + 100);
}

}  // namespace
}  // namespace amorsize::test
