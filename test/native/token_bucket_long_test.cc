// The token bucket over long runs: counts that must come out exactly, and random operations compared with the model.
#include <algorithm>
#include <array>
#include <random>

#include "bucket_model.h"
#include "check.h"

namespace amorsize::test {
namespace {

constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;
constexpr int64_t kYear = 31'557'600 * kSecond;
constexpr int64_t kStart = 5 * kSecond;

struct Cells {
  alignas(core::kCellBytes) std::array<core::Word, core::bucket::kCells * core::kWordsPerCell> words{};
};

// Takes whatever there is at every step of time; what has been granted must be the burst and what the rate has yielded.
// Ends after a century, which is as long as a bucket promises to last.
void expect_exact_count(int64_t per_second_e6, double burst, int64_t step_ns, int64_t steps) {
  Cells cells;
  core::TokenBucket<> bucket(cells.words.data());
  bucket.initialize(kStart, static_cast<double>(per_second_e6) / 1e6, burst);
  std::mt19937_64 random(static_cast<uint64_t>(per_second_e6));
  int64_t granted = 0;
  int64_t now = kStart;
  for (int64_t i = 0; i < std::min(steps, 100 * kYear / step_ns); ++i) {
    while (bucket.try_acquire_one(now)) ++granted;
    const auto due = static_cast<int64_t>(burst) +
                     static_cast<int64_t>(static_cast<int128>(now - kStart) * per_second_e6 / 1'000'000 / kSecond);
    if (granted != due) {
      return fail(
          __FILE__, __LINE__,
          std::to_string(granted) + " granted by " + std::to_string(now - kStart) + " ns, not " + std::to_string(due));
    }
    now += static_cast<int64_t>(random() % static_cast<uint64_t>(2 * step_ns));
  }
}

TEST("long run: a saturated bucket grants exactly what is due, at every step") {
  expect_exact_count(1'000'000, 10, 300 * kMs, 500'000 * effort);          // 1/s over two days
  expect_exact_count(1'000'000'000, 10, kMs, 2'000'000 * effort);          // 1000/s, 900 rebases
  expect_exact_count(999'999'999, 2, kMs / 4, 1'000'000 * effort);         // 999.999999/s
  expect_exact_count(100'000, 2, 2 * kSecond, 1'000'000 * effort);         // 0.1/s over 23 days
  expect_exact_count(10'000'000'000, 100, kMs / 20, 1'000'000 * effort);   // 10,000/s
  expect_exact_count(1, 2, 3'600 * kSecond, 200'000 * effort);             // once in 11.6 days, over 23 years
  expect_exact_count(1'000'000'000'000'000, 100, 20, 1'000'000 * effort);  // 1e9/s, one every nanosecond
}

TEST("long run: a rate that is no decimal is never exceeded, and missed by less than one part in 2^31") {
  for (const double rate : {1.0 / 3, 1000.0 / 7, 1e5 / 3}) {
    Cells cells;
    core::TokenBucket<> bucket(cells.words.data());
    bucket.initialize(kStart, rate, 1e9);
    double taken = 0;
    int64_t now = kStart;
    for (int i = 0; i < 1'000'000; ++i) {
      if (i > 0) now += 315 * kSecond;
      const double tokens = std::floor(bucket.available(now));
      if (tokens >= 1 && bucket.try_acquire(now, tokens) == core::Outcome::kGranted) taken += tokens;
    }
    const long double due = 1e9L + static_cast<long double>(rate) * static_cast<long double>(now - kStart) / 1e9L;
    const long double got = taken + bucket.available(now);
    if (got > due + 1e-4L || got < due * (1 - 0x1p-31L) - 1) {
      fail(__FILE__, __LINE__, "got " + std::to_string(got) + ", due " + std::to_string(due));
    }
  }
}

TEST("long run: reservations come due exactly one after the other, across new slots and far into the future") {
  Cells cells;
  core::TokenBucket<> bucket(cells.words.data());
  bucket.initialize(kStart, 1000, 1);
  int64_t now = kStart;
  for (int64_t i = 0; i < 2'000'000; ++i) {
    const core::Reservation reservation = bucket.reserve(now, 1, core::kMaxWaitNs);
    EXPECT_EQ(now + reservation.wait_ns, kStart + i * kMs);
    if (i % 3 == 0) now += kMs;
  }
}

struct Mix {
  std::vector<double> rates;
  std::vector<double> bursts;
  double quantum;  // amounts are multiples of it
  int64_t step_ns;
  int64_t back_ns;  // how far time may step back
};

// Random operations, each compared with the model. Amounts are whole units: what rounding does is in the tables.
void expect_like_model(const Mix& mix, uint64_t seed, int operations) {
  std::mt19937_64 random(seed);
  const auto any_of = [&](const std::vector<double>& values) { return values[random() % values.size()]; };
  const double first_rate = any_of(mix.rates);
  const double first_burst = any_of(mix.bursts);
  Cells cells;
  core::TokenBucket<> bucket(cells.words.data());
  bucket.initialize(kStart, first_rate, first_burst);
  BucketModel model(kStart, first_rate, first_burst);
  core::Ticket ticket{0, -1, 0};
  int64_t now = kStart;
  double reserved = 0;
  bool has_run = false;
  for (int i = 0; i < operations; ++i) {
    now += static_cast<int64_t>(random() % static_cast<uint64_t>(mix.step_ns));
    if (random() % 500 == 0) now += 3'600 * kSecond;
    const int64_t when = now - (mix.back_ns > 0 && random() % 4 == 0
                                    ? static_cast<int64_t>(random() % static_cast<uint64_t>(mix.back_ns))
                                    : 0);
    Operation operation{static_cast<Action>(random() % 8), when};
    if (random() % 6 == 0) operation.action = random() % 3 == 0 ? Action::kReturnRun : Action::kReserveRun;
    operation.amount = static_cast<double>(random() % 30 + 1) * mix.quantum;
    // Changes are rarer than decisions.
    if (random() % 8 == 0)
      operation.action = static_cast<Action>(static_cast<int>(Action::kUpdate) + static_cast<int>(random() % 3));
    if (operation.action == Action::kAcquireOne) operation.amount = 1;
    if (operation.action == Action::kCancel || operation.action == Action::kReturnRun) {
      operation.action = has_run ? Action::kReturnRun : Action::kCancel;
      operation.amount = reserved;
    }
    if (operation.action == Action::kReserveRun) {
      operation.burst = 0;  // a new slot, which may be started at any time, drops what is older than the burst
      operation.limit = static_cast<int64_t>(random() % 40);
    }
    if (operation.action == Action::kReset) operation.burst = static_cast<double>(random() % 3);
    if (operation.action == Action::kReserve && random() % 4 != 0)
      operation.limit = static_cast<int64_t>(random() % (100 * kSecond));
    if (operation.action == Action::kPause)
      operation.limit = when + static_cast<int64_t>(random() % (3 * kSecond)) - kSecond;
    if (operation.action == Action::kUpdate) {
      operation.amount = any_of(mix.rates);
      operation.burst = any_of(mix.bursts);
    }
    const core::Ticket before = ticket;
    const Result actual = perform(bucket, operation, &ticket);
    const Result expected = model.apply(operation, before);
    const bool reserves = operation.action == Action::kReserve || operation.action == Action::kReserveRun;
    if (reserves && actual.outcome == core::Outcome::kGranted) {
      reserved = operation.amount;
      has_run = operation.action == Action::kReserveRun;
    }
    if (actual == expected) continue;
    return fail(__FILE__, __LINE__,
                "seed " + std::to_string(seed) + ", operation " + std::to_string(i) + ": " + describe(operation) +
                    ": " + describe(actual) + "; the model says " + describe(expected));
  }
}

TEST("random operations: as the model, in millionths of a token") {
  const Mix mix{{1, 10, 0.1, 1000, 0.001, 33.3}, {1, 2, 5.5, 100, 3}, 0.1, 400 * kMs, 0};
  for (int64_t seed = 1; seed <= 300 * effort; ++seed) expect_like_model(mix, static_cast<uint64_t>(seed), 3'000);
}

TEST("random operations: as the model, when the number of digits changes") {
  const Mix mix{{1, 1000, 1e6, 1e9, 1e7, 1e4}, {1, 2, 50, 1000}, 1, 400 * kMs, 0};
  for (int64_t seed = 1; seed <= 300 * effort; ++seed) expect_like_model(mix, static_cast<uint64_t>(seed), 3'000);
}

TEST("random operations: as the model, when clocks disagree") {
  // Slow enough that no slot is started but by a change: that would let what is due since be seen a moment earlier.
  const Mix mix{{0.001, 0.01, 0.1}, {1, 2, 5, 100}, 0.1, 400 * kMs, 2 * kSecond};
  for (int64_t seed = 1; seed <= 300 * effort; ++seed) expect_like_model(mix, static_cast<uint64_t>(seed), 3'000);
}

TEST("long run: full once a year, and on time still after forty") {
  Cells cells;
  core::TokenBucket<> bucket(cells.words.data());
  bucket.initialize(kStart, 1000, 10);
  int64_t now = kStart;
  for (int year = 0; year < 40; ++year) {
    now += kYear;
    int granted = 0;
    while (bucket.try_acquire_one(now)) ++granted;
    EXPECT_EQ(granted, 10);
    CHECK(!bucket.try_acquire_one(now + kMs - 1));
    CHECK(bucket.try_acquire_one(now + kMs));
  }
}

}  // namespace
}  // namespace amorsize::test
