// The keyed table under real threads; what the sanitizers watch. Time stands still where counts must be exact.
#include <array>
#include <atomic>
#include <numeric>
#include <random>
#include <vector>

#include "check.h"
#include "keyed_cells.h"
#include "run_threads.h"

namespace amorsize::test {
namespace {

using core::Outcome;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int kThreads = 4;

using Counts = std::array<std::vector<int64_t>, kThreads>;

std::vector<int64_t> sum_of(const Counts& counts) {
  std::vector<int64_t> sum(counts[0].size());
  for (const auto& mine : counts) std::transform(mine.begin(), mine.end(), sum.begin(), sum.begin(), std::plus<>());
  return sum;
}

TEST("keyed threads: every key has its burst exactly, whoever claims its slot first") {
  for (int round = 0; round < 20 * effort; ++round) {
    constexpr size_t kKeys = 300;
    constexpr int64_t kBurst = 20;
    Table table(1'000, 1, kBurst, false);
    Counts granted;
    granted.fill(std::vector<int64_t>(kKeys));
    run_threads(kThreads, [&](int index) {
      std::mt19937_64 random(static_cast<uint64_t>(round * kThreads + index));
      // Most of the time all are at the same few keys, so that claims meet.
      for (size_t i = 0; i < kKeys * 40; ++i) {
        const size_t key = (i / 20 + random() % 3) % kKeys;
        if (table->try_acquire_one(kSecond, hash_of(key))) ++granted[static_cast<size_t>(index)][key];
      }
    });
    for (const int64_t count : sum_of(granted)) EXPECT_EQ(count, kBurst);
  }
}

TEST("keyed threads: more keys than slots, and none has more than its burst") {
  for (int round = 0; round < 100 * effort; ++round) {
    constexpr size_t kKeys = 6;
    constexpr int64_t kBurst = 3;
    Table table(4, 1, kBurst, false);
    Counts granted;
    granted.fill(std::vector<int64_t>(kKeys));
    run_threads(kThreads, [&](int index) {
      std::mt19937_64 random(static_cast<uint64_t>(round * kThreads + index));
      for (int i = 0; i < 200; ++i) {
        const size_t key = random() % kKeys;
        if (table->try_acquire_one(kSecond, hash_of(key))) ++granted[static_cast<size_t>(index)][key];
      }
    });
    int64_t in_use = 0;
    for (const int64_t count : sum_of(granted)) {
      CHECK(count <= kBurst);
      in_use += count > 0 ? 1 : 0;
    }
    EXPECT_EQ(in_use, 4);
    EXPECT_EQ(table->size(kSecond), 4);
  }
}

TEST("keyed threads: while time passes and slots are reclaimed no key has more than burst + rate * w") {
  // The threads drive the time; a bucket is full again after 20 ms. What a key was granted in all is bounded from its
  // first grant on.
  constexpr size_t kKeys = 40;
  constexpr int64_t kStep = 1'000;
  Table table(12, 100, 2, false);
  std::atomic<int64_t> now{kSecond};
  Counts granted;
  granted.fill(std::vector<int64_t>(kKeys));
  run_threads(kThreads, [&](int index) {
    std::mt19937_64 random(static_cast<uint64_t>(index));
    for (int64_t i = 0; i < 60'000 * effort; ++i) {
      const size_t key = random() % kKeys;
      if (table->try_acquire_one(now.fetch_add(kStep), hash_of(key))) ++granted[static_cast<size_t>(index)][key];
    }
  });
  const double seconds = static_cast<double>(now.load() - kSecond) / 1e9;
  int64_t total = 0;
  for (const int64_t count : sum_of(granted)) {
    // A thread that is late reads a time of up to a few steps ago: a token at most.
    CHECK(static_cast<double>(count) <= 2 + 100 * seconds + 1);
    total += count;
  }
  CHECK(total > 0);
}

TEST("keyed threads: no key is denied for what another one took, while both are evicted all the time") {
  // Each thread has keys of its own and takes one token of two from each, once: a denial could only be another's fault.
  Table table(3, 1, 2, true);
  std::atomic<int64_t> denied{0};
  run_threads(kThreads, [&](int index) {
    for (int64_t i = 0; i < 40'000 * effort; ++i) {
      const auto key = static_cast<uint64_t>(i * kThreads + index);
      if (table->try_acquire(kSecond + i * 1'000, hash_of(key), 2) == Outcome::kDenied) ++denied;
    }
  });
  EXPECT_EQ(denied.load(), 0);
}

TEST("keyed threads: any mixture of operations leaves a table that works") {
  Table table(50, 1'000, 10, true, clock_ns());
  const int64_t end = clock_ns() + 300'000'000 * effort;
  run_threads(kThreads, [&](int index) {
    std::mt19937_64 random(static_cast<uint64_t>(index) + 10);
    uint64_t held_key = 0;
    int64_t held_generation = 0;
    int64_t held_end = 0;
    constexpr int64_t kUnits = 3'000;
    for (int64_t now = clock_ns(); now < end; now = clock_ns()) {
      const uint64_t hash = hash_of(random() % 100);
      switch (random() % 8) {
        case 0: {
          const core::KeyedSurvey seen = table->survey(now, hash);
          const core::Run made =
              table->reserve_run(now, hash, seen.generation, kUnits, kUnits, seen.produced + 100 * kUnits);
          if (made.outcome != Outcome::kGranted) break;
          held_key = hash;
          held_generation = table->survey(now, hash).generation;
          held_end = made.start + kUnits;
          break;
        }
        case 1:
          if (held_end != 0) table->return_run(now, held_key, held_generation, held_end, kUnits);
          held_end = 0;
          break;
        case 2:
          table->charge(now, hash, 15);
          break;
        case 3:
          CHECK(table->refund(now, hash, 2) <= 2);
          break;
        case 4:
          table->reset(now, hash);
          break;
        case 5: {
          const core::KeyedLook seen = table->look(now, hash, 1);
          CHECK(seen.available >= 0 && seen.available <= 10);
          break;
        }
        case 6:
          CHECK(table->size(now) <= 100);
          break;
        default:
          table->try_acquire_one(now, hash);
      }
    }
  });
  const int64_t later = end + 100'000 * kSecond;
  EXPECT_EQ(table->size(later), 0);
  for (uint64_t key = 0; key < 40; ++key) {
    CHECK(table->try_acquire(later, hash_of(key), 10) == Outcome::kGranted);
    CHECK(!table->try_acquire_one(later, hash_of(key)));
  }
}

}  // namespace
}  // namespace amorsize::test
