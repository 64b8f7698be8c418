// The bucket under real threads; what the sanitizers watch. Time is the real clock, or stands still where counts must
// be exact.
#include <algorithm>
#include <array>
#include <atomic>
#include <random>
#include <vector>

#include "check.h"
#include "core/backoff.h"
#include "core/token_bucket.h"
#include "run_threads.h"

namespace amorsize::test {
namespace {

using core::Outcome;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;

struct Cells {
  alignas(core::kCellBytes) std::array<core::Word, core::bucket::kCells * core::kWordsPerCell> words{};
  core::TokenBucket<> bucket() { return core::TokenBucket<>(words.data()); }
};

// Whether grants, given by when they took effect, never exceed burst + rate * w in any window w. That is so when their
// count less rate * time never rises by more than the burst over its least value so far. Production is seen in whole
// units, so a window may begin just before one and end just at another: hence up to a unit more.
void expect_within_bound(std::vector<int64_t> times, double rate, double burst) {
  const double unit = 1 / core::pow10_of(core::digits_for(rate, burst, 0));
  std::sort(times.begin(), times.end());
  double least = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    const double before = static_cast<double>(i) - rate * static_cast<double>(times[i] - times[0]) / 1e9;
    least = std::min(least, before);
    // 10^-6 of a token for the doubles of this sum.
    if (before + 1 - least > burst + unit + 1e-6)
      return fail(__FILE__, __LINE__, "more than the bound by grant " + std::to_string(i));
  }
}

TEST("back-off: takes 1 to 4 us whatever a pause takes, by the shortest of several times") {
  int64_t now_ns = 0;
  int reads = 0;
  const auto calibrate = [&](int64_t pause_ns) {
    reads = 0;
    core::Backoff::calibrate([&] {
      // The thread had to wait in all but one of the four times.
      const int64_t waited_ns = reads / 2 == 2 ? 0 : 50'000;
      if (reads++ % 2 == 1) now_ns += 64 * pause_ns + waited_ns;
      return now_ns;
    });
  };
  for (const int64_t pause_ns : {5, 10, 100, 250}) {
    calibrate(pause_ns);
    core::Backoff backoff;
    for (const int64_t us : {1, 2, 4, 4}) {
      EXPECT_EQ(backoff.pauses() * pause_ns, us * 1000);
      backoff.lost();
    }
  }
  // A clock that stands still, and a processor that took half a minute for a pause.
  core::Backoff::calibrate([] { return int64_t{7}; });
  EXPECT_EQ(core::Backoff{}.pauses(), 1000);
  calibrate(30'000'000'000);
  EXPECT_EQ(core::Backoff{}.pauses(), 1);
  calibrate(23);
}

TEST("threads: acquires keep within burst + rate * w over every window, and miss nothing") {
  for (const auto& [rate, burst, threads] : {std::tuple{1e6, 10.0, 2}, {1e5, 1.0, 4}, {2e7, 1000.0, 3}}) {
    Cells cells;
    core::TokenBucket<> bucket = cells.bucket();
    const int64_t start = clock_ns();
    bucket.initialize(start, rate, burst);
    // Each thread decides once at least, however long the kernel has kept it from beginning.
    const int64_t end = start + 150 * kMs * effort;
    std::vector<std::vector<int64_t>> granted(static_cast<size_t>(threads));
    run_threads(threads, [&](int index) {
      auto& mine = granted[static_cast<size_t>(index)];
      int64_t now = clock_ns();
      do {
        const bool taken =
            index % 2 == 0 ? bucket.try_acquire_one(now) : bucket.try_acquire(now, 1) == Outcome::kGranted;
        if (taken) mine.push_back(now);
        now = clock_ns();
      } while (now < end);
    });
    std::vector<int64_t> all;
    for (const auto& mine : granted) all.insert(all.end(), mine.begin(), mine.end());
    expect_within_bound(all, rate, burst);
    CHECK(!all.empty());
    const int64_t last = *std::max_element(all.begin(), all.end());
    CHECK(static_cast<double>(all.size()) <= burst + rate * static_cast<double>(last - start) / 1e9);
  }
}

TEST("threads: reservations take each place on the axis exactly once") {
  constexpr int kThreads = 4;
  const int64_t each = 20'000 * effort;
  Cells cells;
  core::TokenBucket<> bucket = cells.bucket();
  bucket.initialize(kSecond, 1000, 1);
  std::vector<std::vector<int64_t>> due(kThreads);
  run_threads(kThreads, [&](int index) {
    auto& mine = due[static_cast<size_t>(index)];
    for (int64_t i = 0; i < each; ++i) mine.push_back(bucket.reserve(kSecond, 1, core::kMaxWaitNs).wait_ns);
  });
  std::vector<int64_t> all;
  for (const auto& mine : due) {
    CHECK(std::is_sorted(mine.begin(), mine.end()));  // first come, first served
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<int64_t>(i) * kMs);
}

TEST("threads: what is taken, given back and cancelled adds up when time stands still") {
  constexpr int kThreads = 3;
  constexpr double kBurst = 1000;
  Cells cells;
  core::TokenBucket<> bucket = cells.bucket();
  bucket.initialize(kSecond, 1, kBurst);
  std::array<int64_t, kThreads> held{};
  run_threads(kThreads, [&](int index) {
    std::mt19937_64 random(static_cast<uint64_t>(index));
    int64_t& mine = held[static_cast<size_t>(index)];
    for (int64_t i = 0; i < 60'000 * effort; ++i) {
      switch (random() % 4) {
        case 0:
          mine += bucket.try_acquire_one(kSecond) ? 1 : 0;
          break;
        case 1:
          mine += bucket.try_acquire(kSecond, 3) == Outcome::kGranted ? 3 : 0;
          break;
        case 2: {
          const core::Reservation reservation = bucket.reserve(kSecond, 2, 0);
          if (reservation.outcome == Outcome::kGranted)
            mine += 2 - static_cast<int64_t>(bucket.cancel(kSecond, reservation.ticket, 2));
          break;
        }
        default:
          if (mine > 0) mine -= static_cast<int64_t>(std::max(bucket.refund(kSecond, 1), 0.0));
      }
    }
  });
  const int64_t out = held[0] + held[1] + held[2];
  EXPECT_EQ(bucket.available(kSecond), kBurst - static_cast<double>(out));
}

TEST("threads: decisions at the turn of slots are neither lost nor doubled") {
  // A new slot every 2.2 seconds of a time that the threads themselves drive.
  constexpr int kThreads = 3;
  Cells cells;
  core::TokenBucket<> bucket = cells.bucket();
  bucket.initialize(kSecond, 1000, 2000);
  std::atomic<int64_t> now{kSecond};
  // Far from full, where time that passes is lost, and from empty, where a thread that is late is denied.
  std::atomic<int64_t> granted{1000};
  CHECK(bucket.try_acquire(kSecond, 1000) == Outcome::kGranted);
  run_threads(kThreads, [&](int) {
    for (int64_t i = 0; i < 100'000 * effort; ++i) {
      // Half a millisecond a turn: the three together ask 2000 times a second or less.
      if (bucket.try_acquire_one(now.fetch_add(kMs / 2))) ++granted;
    }
  });
  const int64_t end = now.load();
  const double total = 2000 + static_cast<double>(end - kSecond) / 1e6;
  EXPECT_EQ(static_cast<double>(granted.load()) + bucket.available(end), total);
}

TEST("threads: any mixture of operations and changes leaves a bucket that works") {
  constexpr int kThreads = 4;
  Cells cells;
  core::TokenBucket<> bucket = cells.bucket();
  bucket.initialize(clock_ns(), 1000, 100);
  const int64_t end = clock_ns() + 300 * kMs * effort;
  std::atomic<int64_t> changes{0};
  run_threads(kThreads, [&](int index) {
    std::mt19937_64 random(static_cast<uint64_t>(index) + 10);
    // Pairs that belong together: parameters read as any other pair are torn.
    static constexpr double kRates[] = {1, 1000, 1e6, 1e9};
    static constexpr double kBursts[] = {10, 100, 1000, 50};
    core::Ticket ticket;
    double reserved = 0;
    for (int64_t now = clock_ns(); now < end; now = clock_ns()) {
      switch (random() % 10) {
        case 0: {
          const size_t choice = random() % 4;
          if (bucket.update(now, kRates[choice], kBursts[choice]) == Outcome::kGranted) ++changes;
          break;
        }
        case 1:
          bucket.pause(now, now + 1000);
          break;
        case 2:
          bucket.reset(now);
          break;
        case 3:
          CHECK(bucket.try_acquire(now, 5) != Outcome::kExceedsBurst);
          break;
        case 4: {
          const core::Reservation reservation = bucket.reserve(now, 2, kMs);
          if (reservation.outcome != Outcome::kGranted) break;
          CHECK(reservation.wait_ns <= kMs);
          ticket = reservation.ticket;
          reserved = 2;
          break;
        }
        case 5: {
          if (reserved == 0) break;
          const double returned = bucket.cancel(now, ticket, reserved);
          CHECK(returned >= 0 && returned <= reserved);
          reserved = 0;
          break;
        }
        case 6: {
          const double returned = bucket.refund(now, 3);
          CHECK((returned >= 0 && returned <= 3) || returned == core::TokenBucket<>::kTryAgain);
          break;
        }
        case 7: {
          const core::Parameters found = bucket.parameters();
          bool known = found.rate == 1000 && found.burst == 100;
          for (size_t i = 0; i < 4; ++i) known |= found.rate == kRates[i] && found.burst == kBursts[i];
          if (!known)
            fail(__FILE__, __LINE__,
                 "torn parameters: " + std::to_string(found.rate) + ", " + std::to_string(found.burst));
          break;
        }
        case 8: {
          const double available = bucket.available(now);
          CHECK(available >= 0 && available <= 1000);
          break;
        }
        default:
          bucket.try_acquire_one(now);
      }
    }
  });
  CHECK(changes > 0);
  // At 10^9 a second a millisecond's wait is a debt of 10^6 tokens, and one second pays it off.
  EXPECT_EQ(bucket.update(end + kSecond, 1e9, 7), Outcome::kGranted);
  const int64_t later = end + 2 * kSecond;
  EXPECT_EQ(bucket.update(later, 1, 7), Outcome::kGranted);
  EXPECT_EQ(bucket.available(later), 7.0);
  for (int i = 0; i < 7; ++i) CHECK(bucket.try_acquire_one(later));
  CHECK(!bucket.try_acquire_one(later));
}

}  // namespace
}  // namespace amorsize::test
