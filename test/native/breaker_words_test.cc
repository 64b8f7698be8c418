// What a circuit breaker tells and writes, to the nanosecond and the bit.
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "check.h"
#include "core/circuit_breaker.h"

namespace amorsize::test {
namespace {

namespace b = core::breaker;
namespace p = core::breaker_parameter;
using core::BreakerState;
using core::CallResult;
using core::low_bits;
using Breaker = core::CircuitBreaker<>;

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1000 * kMs;
constexpr int64_t kYear = 31'557'600 * kSecond;
constexpr int64_t kStart = 5 * kSecond;
constexpr double kNever = std::numeric_limits<double>::infinity();

// Opens at so many failures in a row, for 100 ms, then twice as long each time up to a second; a probe has 50 ms.
core::BreakerParameters parameters_of(double failures, double probes) {
  return {{0, failures, 1, kNever, kNever, 1, probes, 100, 2, 1000, 50}};
}

core::BreakerParameters with(core::BreakerParameters parameters, size_t index, double value) {
  parameters.values[index] = value;
  return parameters;
}

// A breaker in memory of its own.
struct Cells {
  alignas(core::kCellBytes) std::array<core::Word, 2048> words{};
  Breaker breaker;

  explicit Cells(const core::BreakerParameters& parameters) : breaker(made(parameters)) {}

  int64_t word(size_t index) const { return words[index].load(); }
  void fail(int64_t now) { breaker.settle(breaker.admit(now).permit, CallResult::kFailed, false, now); }
  // How often it has been opened in a row, as `control` has it.
  int64_t reopenings() const { return word(b::kControl) >> b::kReopeningsShift & b::kMaxReopenings; }
  int64_t generation() const { return Breaker::generation_of(word(b::kControl)); }

 private:
  Breaker made(const core::BreakerParameters& parameters) {
    CHECK(parameters.valid());
    CHECK(parameters.cells() * core::kWordsPerCell <= words.size());
    Breaker::initialize(words.data(), kStart, parameters);
    return Breaker(words.data());
  }
};

void expect_empty(const core::Permit& permit) {
  EXPECT_EQ(permit.generation, 0);
  EXPECT_EQ(permit.place, -1);
  EXPECT_EQ(permit.lease, 0);
}

TEST("breaker, words: a new one is closed, in its first generation, with what it was made with") {
  const core::BreakerParameters made = with(parameters_of(3, 2), p::kProbeFailureRate, 0.25);
  Cells cells(made);
  EXPECT_EQ(cells.word(b::kControl), int64_t{1} << b::kGenerationShift);
  EXPECT_EQ(cells.word(b::kEpochNs), kStart);
  for (size_t i = 0; i < p::kCount; ++i)
    EXPECT_EQ(std::bit_cast<double>(cells.word(b::kFirstParameter + i)), made.values[i]);
  for (size_t i = b::kFirstSlot; i < cells.words.size(); ++i) EXPECT_EQ(cells.word(i), 0);
}

TEST("breaker, words: what an admission says, of each state") {
  Cells cells(parameters_of(1, 1));
  core::BreakerAdmission admission = cells.breaker.admit(kStart);
  CHECK(admission.admitted && admission.state == BreakerState::kClosed);
  EXPECT_EQ(admission.generation, 1);
  EXPECT_EQ(admission.retry_after_ns, 0);
  EXPECT_EQ(admission.permit.generation, 1);
  EXPECT_EQ(admission.permit.place, -1);
  EXPECT_EQ(admission.permit.lease, 0);
  cells.breaker.force(BreakerState::kIsolated);
  admission = cells.breaker.admit(kStart);
  CHECK(!admission.admitted && admission.state == BreakerState::kIsolated);
  EXPECT_EQ(admission.generation, 2);
  EXPECT_EQ(admission.retry_after_ns, core::kNeverAdmits);
  expect_empty(admission.permit);
  cells.breaker.force(BreakerState::kClosed);
  cells.fail(kStart);
  admission = cells.breaker.admit(kStart + 1);
  CHECK(!admission.admitted && admission.state == BreakerState::kOpen);
  EXPECT_EQ(admission.generation, 4);
  EXPECT_EQ(admission.retry_after_ns, 100 * kMs - 1);
  expect_empty(admission.permit);
  EXPECT_EQ(cells.breaker.admit(kStart + 100 * kMs - 1).retry_after_ns, 1);
  const int64_t now = kStart + 100 * kMs;
  admission = cells.breaker.admit(now);
  CHECK(admission.admitted && admission.state == BreakerState::kHalfOpen);
  EXPECT_EQ(admission.generation, 5);
  EXPECT_EQ(admission.retry_after_ns, 0);
  EXPECT_EQ(admission.permit.generation, 5);
  EXPECT_EQ(admission.permit.place, 0);
  EXPECT_EQ(admission.permit.lease, cells.word(b::kFirstProbe));
  admission = cells.breaker.admit(now);
  CHECK(!admission.admitted && admission.state == BreakerState::kHalfOpen);
  EXPECT_EQ(admission.generation, 5);
  EXPECT_EQ(admission.retry_after_ns, 51 * kMs);
  expect_empty(admission.permit);
}

TEST("breaker, words: nobody's permit tells nothing") {
  Cells cells(parameters_of(1, 1));
  CHECK(!cells.breaker.settle(core::Permit{}, CallResult::kFailed, false, kStart));
  EXPECT_EQ(cells.breaker.state(kStart), BreakerState::kClosed);
  EXPECT_EQ(cells.word(b::kStreak), 0);
}

TEST("breaker, words: a call that is ignored ends no row of failures") {
  Cells cells(parameters_of(2, 1));
  cells.fail(kStart);
  CHECK(!cells.breaker.settle(cells.breaker.admit(kStart).permit, CallResult::kIgnored, false, kStart));
  CHECK(cells.breaker.settle(cells.breaker.admit(kStart).permit, CallResult::kFailed, false, kStart));
}

TEST("breaker, words: it is open for its time from the next microsecond on, which is not moved") {
  struct Case {
    int64_t elapsed_ns;
    double reset_ms;
    int64_t retry_ns;
  };
  const Case cases[] = {{0, 100, 100 * kMs},    {1, 100, 100 * kMs + 999},
                        {1000, 100, 100 * kMs}, {1'000'001, 100, 100 * kMs + 999},
                        {0, 0.0001, 1000},      {500, 0.0015, 2500}};
  for (const Case& each : cases) {
    Cells cells(with(parameters_of(1, 1), p::kResetTimeoutMs, each.reset_ms));
    const int64_t now = kStart + each.elapsed_ns;
    cells.fail(now);
    const int64_t tag = cells.generation() & low_bits(b::kUntilTagBits);
    EXPECT_EQ(cells.word(b::kUntil), (each.elapsed_ns + each.retry_ns) / 1000 << b::kUntilTagBits | tag);
    EXPECT_EQ(cells.breaker.admit(now).retry_after_ns, each.retry_ns);
    EXPECT_EQ(cells.breaker.admit(now + 400).retry_after_ns, each.retry_ns - 400);
    EXPECT_EQ(cells.breaker.state(now + each.retry_ns - 1), BreakerState::kOpen);
    EXPECT_EQ(cells.breaker.state(now + each.retry_ns), BreakerState::kHalfOpen);
  }
}

TEST("breaker, words: a time that nobody has set is not taken for one, whatever the generation") {
  Cells cells(parameters_of(1, 1));
  // The tag of this one is 0, as is a word that nobody wrote.
  constexpr int64_t kGeneration = int64_t{1} << b::kUntilTagBits;
  cells.words[b::kControl] = (kGeneration - 1) << b::kGenerationShift;
  cells.fail(kStart);
  EXPECT_EQ(cells.generation(), kGeneration);
  EXPECT_EQ(cells.breaker.admit(kStart).retry_after_ns, 100 * kMs);
}

TEST("breaker, words: a time beyond what the word can hold is over") {
  Cells cells(parameters_of(1, 1));
  cells.fail(kStart + 20 * kYear);
  EXPECT_EQ(cells.word(b::kUntil) >> b::kUntilTagBits, low_bits(63 - b::kUntilTagBits));
  EXPECT_EQ(cells.breaker.state(kStart + 20 * kYear), BreakerState::kHalfOpen);
}

TEST("breaker, words: opened again it is open for longer, up to a most, and as usual once it was closed") {
  Cells cells(parameters_of(1, 1));
  int64_t now = kStart;
  cells.fail(now);
  int64_t most = 0;
  for (int64_t i = 0; i < 70; ++i) {
    EXPECT_EQ(cells.reopenings(), std::min(i, b::kMaxReopenings));
    const int64_t wait = cells.breaker.admit(now).retry_after_ns;
    EXPECT_EQ(wait, std::min(100 * kMs << std::min<int64_t>(i, 5), kSecond));
    most = std::max(most, wait);
    now += wait;
    EXPECT_EQ(cells.breaker.state(now), BreakerState::kHalfOpen);
    const core::Permit probe = cells.breaker.admit(now).permit;
    EXPECT_EQ(cells.reopenings(), std::min(i, b::kMaxReopenings));
    CHECK(cells.breaker.settle(probe, CallResult::kFailed, false, now));
  }
  EXPECT_EQ(most, kSecond);
  now += kSecond;
  CHECK(cells.breaker.settle(cells.breaker.admit(now).permit, CallResult::kSucceeded, false, now));
  EXPECT_EQ(cells.word(b::kControl), cells.generation() << b::kGenerationShift);
  cells.fail(now);
  EXPECT_EQ(cells.reopenings(), 0);
  EXPECT_EQ(cells.breaker.admit(now).retry_after_ns, 100 * kMs);
  CHECK(cells.breaker.force(BreakerState::kClosed));
  CHECK(cells.breaker.force(BreakerState::kOpen));
  EXPECT_EQ(cells.reopenings(), 0);
  EXPECT_EQ(cells.breaker.admit(now).retry_after_ns, 100 * kMs);
}

TEST("breaker, words: an update keeps how often it was opened, and sets the time of an open one at once") {
  Cells cells(parameters_of(1, 1));
  cells.fail(kStart);
  int64_t now = kStart + 100 * kMs;
  cells.breaker.settle(cells.breaker.admit(now).permit, CallResult::kFailed, false, now);
  EXPECT_EQ(cells.reopenings(), 1);
  EXPECT_EQ(cells.breaker.update(cells.generation(), with(parameters_of(1, 1), p::kResetTimeoutMs, 70), now),
            core::UpdateResult::kDone);
  EXPECT_EQ(cells.reopenings(), 1);
  // Whoever comes later finds the time from then.
  EXPECT_EQ(cells.breaker.admit(now + 20 * kMs).retry_after_ns, 120 * kMs);
  now += 140 * kMs;
  EXPECT_EQ(cells.breaker.update(cells.generation(), parameters_of(2, 1), now), core::UpdateResult::kOutdated);
  EXPECT_EQ(cells.breaker.control() & low_bits(b::kReopeningsShift), static_cast<int64_t>(BreakerState::kHalfOpen));
  EXPECT_EQ(cells.reopenings(), 1);
  EXPECT_EQ(cells.breaker.parameters().size(), 1);
}

TEST("breaker, words: an update in the last nanosecond of an open one begins its time anew") {
  for (const int64_t early : {1, 0}) {
    Cells cells(parameters_of(1, 1));
    cells.fail(kStart);
    const int64_t now = kStart + 100 * kMs - early;
    EXPECT_EQ(cells.breaker.update(cells.generation(), parameters_of(2, 1), now),
              early > 0 ? core::UpdateResult::kDone : core::UpdateResult::kOutdated);
    EXPECT_EQ(cells.breaker.state(now), early > 0 ? BreakerState::kOpen : BreakerState::kHalfOpen);
  }
}

TEST("breaker, words: the places of probes have their leases, and then their results") {
  constexpr int64_t kProbes = 9;
  Cells cells(with(parameters_of(1, kProbes), p::kProbeFailureRate, 1));
  cells.fail(kStart);
  const int64_t now = kStart + 100 * kMs + 999'999;
  std::array<core::Permit, kProbes> probes;
  for (core::Permit& probe : probes) probe = cells.breaker.admit(now).permit;
  CHECK(!cells.breaker.admit(now).admitted);
  const int64_t tag = cells.generation() << (b::kHolderBits + b::kLeaseBits);
  for (int64_t i = 0; i < kProbes; ++i) {
    const size_t place = b::kFirstProbe + static_cast<size_t>(i);
    EXPECT_EQ(probes[static_cast<size_t>(i)].place, i);
    EXPECT_EQ(cells.word(place), tag | (100 + 1 + 50));
    const auto result = static_cast<CallResult>(i % 3);
    CHECK(!cells.breaker.settle(probes[static_cast<size_t>(i)], result, false, now));
    const int64_t then = result == CallResult::kIgnored     ? 0
                         : result == CallResult::kSucceeded ? tag | low_bits(b::kLeaseBits)
                                                            : tag | (low_bits(b::kLeaseBits) - 1);
    EXPECT_EQ(cells.word(place), then);
  }
  EXPECT_EQ(cells.word(b::kFirstProbe + kProbes), 0);
  for (size_t i = b::kFirstSlot; i < b::kFirstProbe; ++i) EXPECT_EQ(cells.word(i), 0);
  // Those that told nothing are free.
  for (const int64_t place : {2, 5, 8}) EXPECT_EQ(cells.breaker.admit(now).permit.place, place);
  CHECK(!cells.breaker.admit(now).admitted);
}

TEST("breaker, words: a lease ends with its last millisecond, and the one after it ends later") {
  for (const double lease_ms : {50.0, 0.5}) {
    Cells cells(with(parameters_of(1, 2), p::kProbeLeaseMs, lease_ms));
    cells.fail(kStart);
    int64_t now = kStart + 100 * kMs;
    const int64_t lease = (1 + static_cast<int64_t>(lease_ms)) * kMs;
    const core::Permit first = cells.breaker.admit(now).permit;
    const core::Permit second = cells.breaker.admit(now + kMs).permit;
    EXPECT_EQ(second.place, lease_ms < 1 ? 0 : 1);
    if (lease_ms < 1) {
      EXPECT_EQ(second.lease, first.lease + 1);
      continue;
    }
    EXPECT_EQ(cells.breaker.admit(now + lease - 1).retry_after_ns, 1);
    CHECK(!cells.breaker.admit(now + lease - 1).admitted);
    now += lease;
    const core::BreakerAdmission third = cells.breaker.admit(now);
    CHECK(third.admitted && third.permit.place == 0);
    // What has lost its place has nothing to tell.
    CHECK(!cells.breaker.settle(first, CallResult::kFailed, false, now));
    EXPECT_EQ(cells.breaker.admit(now).retry_after_ns, kMs);
    CHECK(cells.breaker.settle(third.permit, CallResult::kFailed, false, now));
  }
}

TEST("breaker, words: who finds no place is told when the first lease ends, however short the breaker is open") {
  for (const double reset_ms : {100.0, 40.0}) {
    Cells cells(with(parameters_of(1, 2), p::kResetTimeoutMs, reset_ms));
    cells.fail(kStart);
    const int64_t now = kStart + 100 * kMs;
    CHECK(cells.breaker.admit(now + 7 * kMs).admitted);
    CHECK(cells.breaker.admit(now).admitted);
    EXPECT_EQ(cells.breaker.admit(now + 2 * kMs + 5).retry_after_ns, 49 * kMs - 5);
  }
}

TEST("breaker, words: a place tells whose it is, and is free when that process has ended, or another has its row") {
  Cells cells(parameters_of(1, 2));
  cells.fail(kStart);
  const int64_t now = kStart + 100 * kMs;
  std::vector<int64_t> asked;
  int64_t gone = 0;
  const auto admit = [&](int64_t holder) {
    return cells.breaker.admit(now, holder, [&](int64_t each) {
      asked.push_back(each);
      return each == gone;
    });
  };
  const core::Permit first = admit(3).permit;
  const core::Permit second = admit(208).permit;
  const int64_t tag = cells.generation() << (b::kHolderBits + b::kLeaseBits);
  EXPECT_EQ(first.lease, tag | int64_t{3} << b::kLeaseBits | 151);
  EXPECT_EQ(second.lease, tag | int64_t{208} << b::kLeaseBits | 151);
  CHECK(asked.empty());
  CHECK(!admit(7).admitted && asked == std::vector<int64_t>({3, 208}));
  gone = 208;
  const core::BreakerAdmission third = admit(7);
  CHECK(third.admitted && third.permit.place == 1);
  // As late as the dead one's, so that the two are told apart.
  EXPECT_EQ(third.permit.lease, tag | int64_t{7} << b::kLeaseBits | 152);
  CHECK(!cells.breaker.settle(second, CallResult::kFailed, false, now));
  EXPECT_EQ(static_cast<int>(cells.breaker.state(now)), static_cast<int>(BreakerState::kHalfOpen));
  // A probe that has told its result is nobody's.
  cells.breaker.settle(third.permit, CallResult::kSucceeded, false, now);
  asked.clear();
  CHECK(!admit(9).admitted && asked == std::vector<int64_t>({3, 0}));
  // Row 3 is another process's from now on; nobody else's place is touched.
  for (const int64_t row : {7, 3}) core::take_over_row(cells.words.data(), parameters_of(1, 2).cells(), row);
  CHECK(!cells.breaker.settle(first, CallResult::kFailed, false, now));
  const core::BreakerAdmission fourth = admit(3);
  CHECK(fourth.admitted && fourth.permit.place == 0);
  CHECK(cells.breaker.settle(fourth.permit, CallResult::kSucceeded, false, now));
  EXPECT_EQ(static_cast<int>(cells.breaker.state(now)), static_cast<int>(BreakerState::kClosed));
}

TEST("breaker, words: a row of a damaged breaker is taken over with nothing changed") {
  Cells cells(parameters_of(1, 2));
  cells.words[b::kFirstProbe] = int64_t{3} << b::kLeaseBits | 5;
  core::take_over_row(cells.words.data(), parameters_of(1, 2).cells() + 1, 3);
  cells.words[b::kFirstParameter + p::kSuccessThreshold] = -1;
  core::take_over_row(cells.words.data(), parameters_of(1, 2).cells(), 3);
  EXPECT_EQ(cells.word(b::kFirstProbe), int64_t{3} << b::kLeaseBits | 5);
}

TEST("breaker, words: a place of an earlier generation is free, and so is one that nobody wrote to, whatever its tag") {
  Cells cells(parameters_of(1, 1));
  cells.fail(kStart);
  int64_t now = kStart + 100 * kMs;
  const core::Permit first = cells.breaker.admit(now).permit;
  cells.breaker.force(BreakerState::kClosed);
  CHECK(!cells.breaker.settle(first, CallResult::kFailed, false, now));
  cells.fail(now);
  now += 100 * kMs;
  CHECK(cells.breaker.admit(now).admitted);
  // Here the tag is 0.
  cells.words[b::kControl] =
      int64_t{1} << (b::kProbeTagBits + b::kGenerationShift) | static_cast<int64_t>(BreakerState::kHalfOpen);
  cells.words[b::kFirstProbe] = 0;
  const core::BreakerAdmission admission = cells.breaker.admit(kStart);
  CHECK(admission.admitted);
  EXPECT_EQ(admission.permit.lease, 51);
}

TEST("breaker, words: leases beyond what a place can hold end before the words of results") {
  Cells cells(parameters_of(1, 1));
  const int64_t latest_ms = low_bits(b::kLeaseBits) - 2;
  const int64_t now = kStart + (latest_ms - 1) * kMs;
  cells.words[b::kControl] = int64_t{2} << b::kGenerationShift | static_cast<int64_t>(BreakerState::kHalfOpen);
  const core::BreakerAdmission admission = cells.breaker.admit(now);
  CHECK(admission.admitted);
  EXPECT_EQ(admission.permit.lease, int64_t{2} << (b::kHolderBits + b::kLeaseBits) | latest_ms);
  EXPECT_EQ(cells.breaker.admit(now).retry_after_ns, kMs);
  CHECK(cells.breaker.settle(admission.permit, CallResult::kSucceeded, false, now));
}

TEST("breaker, words: with no share of failures that opens it one failure does, and none does not") {
  Cells cells(parameters_of(1, 3));
  cells.fail(kStart);
  const int64_t now = kStart + 100 * kMs;
  const core::Permit first = cells.breaker.admit(now).permit;
  const core::Permit second = cells.breaker.admit(now).permit;
  CHECK(!cells.breaker.settle(first, CallResult::kSucceeded, false, now));
  CHECK(cells.breaker.settle(second, CallResult::kFailed, false, now));
  EXPECT_EQ(cells.breaker.state(now), BreakerState::kOpen);
}

TEST("breaker, words: what is free to write is known by mode, generation and what was counted") {
  Cells cells(parameters_of(3, 1));
  CHECK(cells.breaker.success_is_free(1));
  cells.fail(kStart);
  CHECK(!cells.breaker.success_is_free(1));
  CHECK(cells.breaker.success_is_free(2));
  cells.breaker.settle(cells.breaker.admit(kStart).permit, CallResult::kSucceeded, false, kStart);
  CHECK(cells.breaker.success_is_free(1));
}

}  // namespace
}  // namespace amorsize::test
