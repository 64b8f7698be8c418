// The token bucket alone in one thread, at times of our choosing.
#include "core/token_bucket.h"

#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "check.h"

namespace amorsize::test {
namespace {

using core::Outcome;
using core::Reservation;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;
constexpr int64_t kYear = 31'557'600 * kSecond;
constexpr int64_t kStart = 5 * kSecond;
constexpr int64_t kForever = core::kMaxWaitNs;

struct Cells {
  alignas(core::kCellBytes) std::array<core::Word, core::bucket::kCells * core::kWordsPerCell> words{};
};

// A bucket in memory of its own.
class Bucket : private Cells, public core::TokenBucket<> {
 public:
  Bucket(double rate, double burst) : TokenBucket(words.data()) { initialize(kStart, rate, burst); }
  Bucket(const Bucket&) = delete;
  core::Word& word(size_t index) { return words[index]; }
};

int64_t claim_at(int64_t now, int64_t slot) {
  return now >> core::bucket::kClaimTickBits << core::bucket::kClaimTimeShift | slot << 1 | 1;
}

TEST("bucket: starts full, empties, and fills at its rate") {
  Bucket bucket(10, 3);
  EXPECT_EQ(bucket.available(kStart), 3.0);
  for (int i = 0; i < 3; ++i) CHECK(bucket.try_acquire_one(kStart));
  CHECK(!bucket.try_acquire_one(kStart));
  CHECK(!bucket.try_acquire_one(kStart + 100 * kMs - 1));
  CHECK(bucket.try_acquire_one(kStart + 100 * kMs));
  CHECK(!bucket.try_acquire_one(kStart + 100 * kMs));
  EXPECT_EQ(bucket.available(kStart + 250 * kMs), 1.5);
  EXPECT_EQ(bucket.available(kStart + kYear), 3.0);
}

TEST("bucket: scribbled words make no operation run for ever") {
  for (const double rate : {-1.0, 0.0, static_cast<double>(NAN), static_cast<double>(INFINITY), 1e300}) {
    Bucket bucket(10, 3);
    for (size_t word = 0; word < core::bucket::kCells * core::kWordsPerCell; ++word) {
      const bool is_rate = bucket.word(word).load() == std::bit_cast<int64_t>(10.0);
      if (is_rate) bucket.word(word).store(std::bit_cast<int64_t>(rate));
    }
    CHECK(bucket.reset(kStart) == Outcome::kBusy);
    CHECK(bucket.pause(kStart, kStart + kSecond) == Outcome::kBusy);
    CHECK(bucket.update(kStart, 5, 3) == Outcome::kGranted);
  }
  Bucket bucket(10, 3);
  for (size_t slot = 0; slot < core::bucket::kSlots; ++slot) {
    const size_t first = core::bucket::kFirstSlot + slot * core::kWordsPerCell;
    bucket.word(first + core::bucket::kMultiplier).store(INT64_MAX);
    bucket.word(first + core::bucket::kScale).store(61);
  }
  const auto outcome = bucket.try_acquire(kStart + kSecond - 1, 1);
  CHECK(outcome == Outcome::kGranted || outcome == Outcome::kBusy);
}

TEST("bucket: ten tenths are one") {
  Bucket bucket(1, 1);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(bucket.try_acquire(kStart, 0.1), Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 0.0);
  EXPECT_EQ(bucket.try_acquire(kStart, 0.1), Outcome::kDenied);
  EXPECT_EQ(bucket.try_acquire(kStart + 100 * kMs, 0.1), Outcome::kGranted);
  EXPECT_EQ(bucket.try_acquire(kStart + 200 * kMs - 1, 0.1), Outcome::kDenied);
}

TEST("bucket: more than the burst can never be had, and changes nothing") {
  Bucket bucket(1, 2);
  EXPECT_EQ(bucket.try_acquire(kStart, 2.000001), Outcome::kExceedsBurst);
  const Reservation reservation = bucket.reserve(kStart, 3, kForever);
  EXPECT_EQ(reservation.outcome, Outcome::kExceedsBurst);
  EXPECT_EQ(reservation.wait_ns, core::kNever);
  EXPECT_EQ(bucket.available(kStart), 2.0);
}

TEST("bucket: a burst finer than its units is had whole, and given back whole but no more") {
  Bucket bucket(1e9, 2.5);
  EXPECT_EQ(bucket.available(kStart), 2.5);
  const Reservation first = bucket.reserve(kStart, 2.5, kForever);
  const Reservation second = bucket.reserve(kStart, 2.5, kForever);
  EXPECT_EQ(first.wait_ns, 0);
  EXPECT_EQ(second.wait_ns, 2);
  EXPECT_EQ(bucket.cancel(kStart, second.ticket, 2.5), 2.5);
  EXPECT_EQ(bucket.available(kStart), 0.0);
  CHECK(!bucket.try_acquire_one(kStart));
}

TEST("bucket: reservations queue, and a denied one tells how long it would have been") {
  Bucket bucket(2, 1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, i * kSecond / 2);
  const Reservation denied = bucket.reserve(kStart, 1, 2'499 * kMs);
  EXPECT_EQ(denied.outcome, Outcome::kDenied);
  EXPECT_EQ(denied.wait_ns, 2'500 * kMs);
  EXPECT_EQ(bucket.reserve(kStart, 1, 2'500 * kMs).outcome, Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart + kSecond), 0.0);
}

TEST("bucket: a cancelled reservation returns nothing while another stands after it, and all when that has gone") {
  Bucket bucket(1, 4);
  CHECK(bucket.reserve(kStart, 4, 0).outcome == Outcome::kGranted);
  const Reservation first = bucket.reserve(kStart, 3, kForever);
  const Reservation second = bucket.reserve(kStart, 1, kForever);
  EXPECT_EQ(second.wait_ns, 4 * kSecond);
  EXPECT_EQ(bucket.cancel(kStart, first.ticket, 3), 0.0);
  EXPECT_EQ(bucket.cancel(kStart, second.ticket, 1), 1.0);
  EXPECT_EQ(bucket.cancel(kStart, first.ticket, 3), 3.0);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, kSecond);
}

TEST("bucket: a refund to a bucket that is waited for serves who waits earlier, and gives no unit twice") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  Reservation first = bucket.reserve(kStart, 4, kForever);
  Reservation second = bucket.reserve(kStart, 2, kForever);
  EXPECT_EQ(bucket.refund(kStart, 2), 2.0);
  EXPECT_EQ(bucket.remaining(kStart, &first.ticket), 2 * kSecond);
  EXPECT_EQ(bucket.remaining(kStart, &second.ticket), 4 * kSecond);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, 5 * kSecond);
  // Those two are due, but may not have gone on yet: what is given back does not lie where they stand.
  EXPECT_EQ(bucket.refund(kStart + 4 * kSecond, 3), 3.0);
  EXPECT_EQ(bucket.available(kStart + 4 * kSecond), 2.0);
  EXPECT_EQ(bucket.refund(kStart + 4 * kSecond, 9), 2.0);
  EXPECT_EQ(bucket.available(kStart + 4 * kSecond), 4.0);
}

TEST("bucket: a refund during a pause is there when it ends, for those who wait as well") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  Reservation waits = bucket.reserve(kStart, 2, kForever);
  EXPECT_EQ(bucket.pause(kStart, kStart + kSecond), Outcome::kGranted);
  EXPECT_EQ(bucket.refund(kStart, 4), 4.0);
  EXPECT_EQ(bucket.available(kStart), 0.0);
  CHECK(!bucket.try_acquire_one(kStart + kSecond - 1));
  EXPECT_EQ(bucket.remaining(kStart, &waits.ticket), kSecond);
  EXPECT_EQ(bucket.available(kStart + kSecond), 2.0);
}

TEST("bucket: a run begins where the last one ends, or where the oldest tokens are that still count") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  const auto seen = bucket.survey(kStart);
  const core::Run first = bucket.reserve_run(kStart, seen.generation, 3'000'000, seen.burst, seen.produced);
  EXPECT_EQ(first.outcome, Outcome::kGranted);
  EXPECT_EQ(first.start, seen.produced);
  EXPECT_EQ(bucket.reserve_run(kStart, seen.generation, 1, seen.burst, seen.produced + 2'999'999).outcome,
            Outcome::kDenied);
  const core::Run second = bucket.reserve_run(kStart, seen.generation, 1, seen.burst, seen.produced + 3'000'000);
  EXPECT_EQ(second.start, first.start + 3'000'000);
  CHECK(!bucket.try_acquire_one(kStart + 3 * kSecond));
  // Ten seconds later eight tokens count for who reaches that far, and four for everybody else.
  const auto later = bucket.survey(kStart + 10 * kSecond);
  const core::Run wide =
      bucket.reserve_run(kStart + 10 * kSecond, later.generation, 1'000'000, 5'000'000, later.produced);
  EXPECT_EQ(wide.start, later.produced - 5'000'000);
  EXPECT_EQ(bucket.available(kStart + 10 * kSecond), 4.0);
  EXPECT_EQ(bucket.time_until(kStart, seen.generation, seen.produced + 1'000'000), kSecond);
}

TEST("bucket: a run is given back from its end only, and only while nobody stands behind it") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  const auto seen = bucket.survey(kStart);
  const core::Run run = bucket.reserve_run(kStart, seen.generation, 3'000'000, seen.burst, seen.produced);
  const int64_t end = run.start + 3'000'000;
  CHECK(!bucket.return_run(kStart, seen.generation, end - 1, 1));
  CHECK(bucket.return_run(kStart, seen.generation, end, 1'000'000));
  CHECK(!bucket.return_run(kStart, seen.generation, end, 1'000'000));
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, 3 * kSecond);
  CHECK(!bucket.return_run(kStart, seen.generation, end - 1'000'000, 1));
}

TEST("bucket: a run of parameters that have changed is neither made nor given back, nor during a pause") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  const auto seen = bucket.survey(kStart);
  const core::Run run = bucket.reserve_run(kStart, seen.generation, 1'000'000, seen.burst, seen.produced);
  CHECK(bucket.update(kStart, 2, 4) == Outcome::kGranted);
  EXPECT_EQ(bucket.reserve_run(kStart, seen.generation, 1, seen.burst, run.start + 1'000'000).outcome, Outcome::kBusy);
  CHECK(!bucket.return_run(kStart, seen.generation, run.start + 1'000'000, 1));
  EXPECT_EQ(bucket.time_until(kStart, seen.generation, run.start), core::TokenBucket<>::kStale);
  CHECK(bucket.pause(kStart, kStart + kSecond) == Outcome::kGranted);
  const auto paused = bucket.survey(kStart);
  EXPECT_EQ(paused.paused_ns, kSecond);
  EXPECT_EQ(bucket.reserve_run(kStart, paused.generation, 1, paused.burst, paused.spent).outcome, Outcome::kDenied);
}

TEST("bucket: a reset forgets debts, but for what callers that wait have reserved") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  CHECK(bucket.charge(kStart, 1000) == Outcome::kGranted);
  CHECK(bucket.reset(kStart, 3) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 1.0);
  CHECK(bucket.reset(kStart, 0) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 4.0);
  CHECK(bucket.reset(kStart, 3) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 4.0);
}

TEST("bucket: cancelling the last reservation undoes it exactly, fractions too") {
  Bucket bucket(7, 2);
  for (const double tokens : {1.0, 1.0 / 3, 0.1, 1e-9, 2.0, 1.9999999}) {
    const double before = bucket.available(kStart);
    const Reservation reservation = bucket.reserve(kStart, tokens, kForever);
    CHECK(bucket.available(kStart) < before);
    bucket.cancel(kStart, reservation.ticket, tokens);
    EXPECT_EQ(bucket.available(kStart), before);
  }
}

TEST("bucket: a cancelled reservation that has long been made good gives nothing") {
  Bucket bucket(1, 2);
  const Reservation reservation = bucket.reserve(kStart, 2, 0);
  EXPECT_EQ(bucket.cancel(kStart + kSecond, reservation.ticket, 2), 1.0);
  EXPECT_EQ(bucket.available(kStart + kSecond), 2.0);
  const Reservation older = bucket.reserve(kStart + kSecond, 2, 0);
  EXPECT_EQ(bucket.cancel(kStart + kYear, older.ticket, 2), 0.0);
}

TEST("bucket: a cancelled reservation never returns more than it took, whatever the parameters became") {
  // Reserved in tenths of a token, cancelled in whole ones.
  Bucket bucket(1e8, 2);
  CHECK(bucket.try_acquire(kStart, 2) == Outcome::kGranted);
  const Reservation reservation = bucket.reserve(kStart, 0.5, kForever);
  CHECK(bucket.update(kStart, 1e9, 2) == Outcome::kGranted);
  EXPECT_EQ(bucket.cancel(kStart, reservation.ticket, 0.5), 0.0);
}

TEST("bucket: a refund never lifts it above the burst") {
  Bucket bucket(1, 5);
  EXPECT_EQ(bucket.refund(kStart, 3), 0.0);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  EXPECT_EQ(bucket.refund(kStart, 1.5), 1.5);
  EXPECT_EQ(bucket.refund(kStart, 100), 2.5);
  EXPECT_EQ(bucket.available(kStart), 5.0);
}

TEST("bucket: a charge takes what is there and goes into debt for the rest, beyond the burst too") {
  Bucket bucket(10, 4);
  EXPECT_EQ(bucket.charge(kStart, 1.5), Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 2.5);
  EXPECT_EQ(bucket.charge(kStart, 10.5), Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 0.0);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, 900 * kMs);
  CHECK(!bucket.try_acquire_one(kStart + 1000 * kMs - 1));
  CHECK(bucket.try_acquire_one(kStart + 1000 * kMs));
}

TEST("bucket: a charge delays later callers and nobody who waits already") {
  Bucket bucket(10, 1);
  CHECK(bucket.try_acquire_one(kStart));
  Reservation before = bucket.reserve(kStart, 1, kForever);
  EXPECT_EQ(before.wait_ns, 100 * kMs);
  EXPECT_EQ(bucket.charge(kStart, 5), Outcome::kGranted);
  EXPECT_EQ(bucket.remaining(kStart + 100 * kMs, &before.ticket), 0);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, 700 * kMs);
}

TEST("bucket: charges of any size never overflow, and a reset pays them off") {
  Bucket bucket(1e6, 1e6);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(bucket.charge(kStart, core::kMaxBurst), Outcome::kGranted);
  constexpr int64_t kMonth = kYear / 12;
  EXPECT_EQ(bucket.available(kStart + kMonth), 0.0);
  EXPECT_EQ(bucket.reset(kStart + kMonth), Outcome::kGranted);
}

TEST("bucket: a refund pays debts first") {
  Bucket bucket(1, 1);
  for (int i = 0; i < 3; ++i) bucket.reserve(kStart, 1, kForever);
  EXPECT_EQ(bucket.refund(kStart, 1), 1.0);
  EXPECT_EQ(bucket.available(kStart), 0.0);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, 2 * kSecond);
}

TEST("bucket: a pause admits nobody before its end, waiting or new") {
  Bucket bucket(1, 3);
  CHECK(bucket.try_acquire(kStart, 3) == Outcome::kGranted);
  Reservation waiting = bucket.reserve(kStart, 1, kForever);
  const int64_t end = kStart + 10 * kSecond;
  CHECK(bucket.pause(kStart + kSecond / 2, end) == Outcome::kGranted);
  CHECK(!bucket.try_acquire_one(end - 1));
  EXPECT_EQ(bucket.available(end), 0.0);
  EXPECT_EQ(bucket.remaining(kStart + kSecond, &waiting.ticket), 9 * kSecond + kSecond / 2);
  EXPECT_EQ(bucket.remaining(kStart + kSecond, &waiting.ticket), 0);  // brought up to date
  EXPECT_EQ(bucket.reserve(kStart + kSecond, 1, kForever).wait_ns, 10 * kSecond + kSecond / 2);
}

TEST("bucket: what is given back in a pause lets nobody through, and is there when it ends") {
  Bucket bucket(1, 10);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  const Reservation taken = bucket.reserve(kStart, 6, kForever);
  const int64_t end = kStart + 10 * kSecond;
  CHECK(bucket.pause(kStart, end) == Outcome::kGranted);
  EXPECT_EQ(bucket.refund(kStart + kSecond, 3), 3.0);
  EXPECT_EQ(bucket.cancel(kStart + kSecond, taken.ticket, 6), 6.0);
  EXPECT_EQ(bucket.available(end - 1), 0.0);
  CHECK(!bucket.try_acquire_one(end - 1));
  CHECK(bucket.try_acquire(end - 1, 2) == Outcome::kDenied);
  EXPECT_EQ(bucket.reserve(end - kSecond, 1, 0).wait_ns, kSecond);
  EXPECT_EQ(bucket.available(end), 9.0);
  CHECK(bucket.try_acquire(end, 9) == Outcome::kGranted);
}

TEST("bucket: a pause can be made longer but not shorter, and one that is over does nothing") {
  Bucket bucket(1, 1);
  CHECK(bucket.pause(kStart, kStart + 5 * kSecond) == Outcome::kGranted);
  CHECK(bucket.pause(kStart, kStart + 2 * kSecond) == Outcome::kGranted);
  EXPECT_EQ(bucket.reserve(kStart, 1, 0).wait_ns, 6 * kSecond);
  CHECK(bucket.pause(kStart, kStart + 8 * kSecond) == Outcome::kGranted);
  EXPECT_EQ(bucket.reserve(kStart, 1, 0).wait_ns, 9 * kSecond);

  Bucket other(1, 10);
  CHECK(other.try_acquire(kStart, 10) == Outcome::kGranted);
  CHECK(other.pause(kStart + 4 * kSecond, kStart + kSecond) == Outcome::kGranted);
  EXPECT_EQ(other.available(kStart + 4 * kSecond), 4.0);
}

TEST("bucket: new parameters keep what is available, cut to the new burst, and a pause") {
  Bucket bucket(10, 10);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  CHECK(bucket.update(kStart + 100 * kMs, 1, 20) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart + 100 * kMs), 7.0);
  CHECK(bucket.update(kStart + 100 * kMs, 1, 5) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart + 100 * kMs), 5.0);
  EXPECT_EQ(bucket.parameters().rate, 1.0);
  EXPECT_EQ(bucket.parameters().burst, 5.0);
  CHECK(bucket.pause(kStart + 200 * kMs, kStart + kSecond) == Outcome::kGranted);
  CHECK(bucket.update(kStart + 300 * kMs, 100, 5) == Outcome::kGranted);
  EXPECT_EQ(bucket.reserve(kStart + 300 * kMs, 1, 0).wait_ns, 710 * kMs);
}

TEST("bucket: who waits keeps its place under new parameters") {
  Bucket bucket(1, 1);
  CHECK(bucket.try_acquire_one(kStart));
  Reservation first = bucket.reserve(kStart, 1, kForever);
  Reservation second = bucket.reserve(kStart, 1, kForever);
  EXPECT_EQ(bucket.remaining(kStart + kSecond, &first.ticket), 0);
  CHECK(bucket.update(kStart, 4, 1) == Outcome::kGranted);
  EXPECT_EQ(bucket.remaining(kStart, &first.ticket), 250 * kMs);
  EXPECT_EQ(bucket.remaining(kStart, &second.ticket), 500 * kMs);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, 750 * kMs);
}

TEST("bucket: the number of digits may change with every update, and whole tokens survive it") {
  Bucket bucket(1, 100);
  CHECK(bucket.try_acquire(kStart, 37) == Outcome::kGranted);
  for (const double rate : {1e9, 1e3, 1e8, 1.0, 1e6, 1e-6, 1e9}) {
    CHECK(bucket.update(kStart, rate, 100) == Outcome::kGranted);
    EXPECT_EQ(bucket.parameters().rate, rate);
    EXPECT_EQ(bucket.available(kStart), 63.0);
  }
}

TEST("bucket: a reset fills it, ends a pause, and serves who waits first") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  Reservation first = bucket.reserve(kStart, 3, kForever);
  Reservation second = bucket.reserve(kStart, 3, kForever);
  CHECK(bucket.pause(kStart, kStart + 100 * kSecond) == Outcome::kGranted);
  CHECK(bucket.reset(kStart, 6) == Outcome::kGranted);
  EXPECT_EQ(bucket.remaining(kStart, &first.ticket), 0);
  EXPECT_EQ(bucket.remaining(kStart, &second.ticket), 2 * kSecond);
  EXPECT_EQ(bucket.available(kStart), 0.0);
  CHECK(bucket.reset(kStart) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 4.0);
  CHECK(bucket.reset(kStart) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 4.0);
}

TEST("bucket: time that steps back admits nothing twice") {
  Bucket bucket(1, 2);
  CHECK(bucket.try_acquire(kStart + 10 * kSecond, 2) == Outcome::kGranted);
  for (const int64_t ago : {int64_t{1}, kMs, kSecond, 9 * kSecond, 14 * kSecond}) {
    CHECK(!bucket.try_acquire_one(kStart + 10 * kSecond - ago));
    EXPECT_EQ(bucket.available(kStart + 10 * kSecond - ago), 0.0);
  }
  CHECK(!bucket.try_acquire_one(kStart + 11 * kSecond - 1));
  CHECK(bucket.try_acquire_one(kStart + 11 * kSecond));
  CHECK(!bucket.try_acquire_one(0));
}

TEST("bucket: a wait beyond what can be told is denied, not made short") {
  Bucket bucket(1e-6, 1e6);
  CHECK(bucket.try_acquire(kStart, 1e6) == Outcome::kGranted);
  const Reservation reservation = bucket.reserve(kStart, 1e6, kForever);
  EXPECT_EQ(reservation.outcome, Outcome::kDenied);
  EXPECT_EQ(reservation.wait_ns, core::kNever);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, 1'000'000 * kSecond);
}

TEST("bucket: debt cannot outgrow its word") {
  Bucket bucket(1000, 9e9);
  int granted = 0;
  while (granted < 100 && bucket.reserve(kStart, 9e9, kForever).outcome == Outcome::kGranted) ++granted;
  EXPECT_EQ(granted, 6);  // 2^52 units, a hundred thousandth of a token each, and the burst
  EXPECT_EQ(bucket.reserve(kStart, 9e9, kForever).wait_ns, core::kNever);
  CHECK(!bucket.try_acquire_one(kStart + kSecond));
  EXPECT_EQ(bucket.available(kStart), 0.0);
}

TEST("bucket: while another thread changes parameters, changes are busy and decisions go on") {
  Bucket bucket(1000, 10);
  const int64_t now = kStart + 10 * kSecond;  // old enough for a new slot, which the claim prevents
  bucket.word(core::bucket::kClaim) = claim_at(now, 1);
  EXPECT_EQ(bucket.update(now, 5, 5), Outcome::kBusy);
  EXPECT_EQ(bucket.pause(now, now + kSecond), Outcome::kBusy);
  EXPECT_EQ(bucket.reset(now), Outcome::kBusy);
  for (int i = 0; i < 4; ++i) CHECK(bucket.try_acquire_one(now));
  EXPECT_EQ(bucket.try_acquire(now, 4), Outcome::kGranted);
  EXPECT_EQ(bucket.refund(now, 2), 2.0);
  EXPECT_EQ(bucket.reserve(now, 5, kForever).wait_ns, kMs);
  EXPECT_EQ(bucket.available(now), 0.0);
  // Who waits is served earlier by a change of the axis.
  EXPECT_EQ(bucket.refund(now, 2), core::TokenBucket<>::kTryAgain);
}

TEST("bucket: a claim is taken over when its lease is over, not before, and not by a clock that is behind") {
  for (int64_t slot = 0; slot < 4; ++slot) {
    Bucket bucket(1, 1);
    bucket.word(core::bucket::kClaim) = claim_at(kStart, slot);
    EXPECT_EQ(bucket.update(kStart + core::TokenBucket<>::kClaimLeaseNs - 2 * 1024, 2, 2), Outcome::kBusy);
    EXPECT_EQ(bucket.update(kStart - 4 * kSecond, 2, 2), Outcome::kBusy);
    EXPECT_EQ(bucket.update(kStart + core::TokenBucket<>::kClaimLeaseNs + 1024, 2, 2), Outcome::kGranted);
    EXPECT_EQ(bucket.parameters().rate, 2.0);
    CHECK(bucket.parameters().generation % 4 != slot);
    EXPECT_EQ(bucket.word(core::bucket::kClaim).load(), int64_t{1} << (core::bucket::kQuarantineShift + slot));
  }
}

TEST("bucket: a slot whose writer never came back stays out of use, until all others are lost too") {
  Bucket bucket(1, 1);
  int64_t now = kStart;
  const auto dies = [&](int64_t slot) {
    bucket.word(core::bucket::kClaim) =
        claim_at(now, slot) | (bucket.word(core::bucket::kClaim) & core::bucket::kQuarantineMask);
    now += 2 * kSecond;
  };
  dies(1);
  for (int i = 0; i < 9; ++i) {
    CHECK(bucket.update(now, i + 1, 1) == Outcome::kGranted);
    CHECK(bucket.parameters().generation % 4 != 1);
  }
  dies((bucket.parameters().generation + 1) % 4 == 1 ? 2 : (bucket.parameters().generation + 1) % 4);
  const int64_t lost = bucket.word(core::bucket::kClaim) >> 1 & 3;
  for (int i = 0; i < 9; ++i) {
    CHECK(bucket.update(now, i + 1, 1) == Outcome::kGranted);
    CHECK(bucket.parameters().generation % 4 != 1 && bucket.parameters().generation % 4 != lost);
  }
  for (int64_t slot = 0; slot < 4; ++slot) {
    if (slot == 1 || slot == lost || slot == bucket.parameters().generation % 4) continue;
    dies(slot);
    for (int i = 0; i < 9; ++i) {
      EXPECT_EQ(bucket.update(now, i + 1, 1), Outcome::kGranted);
      CHECK(bucket.parameters().generation % 4 != slot);
      EXPECT_EQ(bucket.parameters().rate, i + 1.0);
    }
    break;
  }
}

TEST("bucket: idle for decades, it is full and no fuller") {
  for (const double rate : {1e-6, 0.1, 1.0, 1e6, 1e9}) {
    Bucket bucket(rate, 3);
    const int64_t later = kStart + 40 * kYear;
    EXPECT_EQ(bucket.available(later), 3.0);
    EXPECT_EQ(bucket.refund(later, 1), 0.0);
    for (int i = 0; i < 3; ++i) CHECK(bucket.try_acquire_one(later));
    CHECK(!bucket.try_acquire_one(later));
  }
}

TEST("bucket: the slowest rate gives its burst once") {
  Bucket bucket(5e-324, 2);
  CHECK(bucket.try_acquire(kStart, 2) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart + 99 * kYear), 0.0);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, core::kNever);
}

TEST("bucket: only a bucket idle for months, whose updater has just died, makes a decision wait") {
  Bucket bucket(1e9, 3);
  const int64_t later = kStart + 5 * kYear;
  bucket.word(core::bucket::kClaim) = claim_at(later, 1);
  EXPECT_EQ(bucket.try_acquire(later, 1), Outcome::kBusy);
  EXPECT_EQ(bucket.reserve(later, 1, kForever).outcome, Outcome::kBusy);
  EXPECT_EQ(bucket.refund(later, 1), 0.0);
  EXPECT_EQ(bucket.try_acquire(later + 2 * kSecond, 1), Outcome::kGranted);
}

TEST("bucket: who read the clock before another changed the parameters is no caller of a pause") {
  Bucket bucket(1e-6, 100);
  EXPECT_EQ(bucket.update(kStart + 500, 1e-6, 100), Outcome::kGranted);
  EXPECT_EQ(bucket.try_acquire(kStart, 40), Outcome::kGranted);
  EXPECT_EQ(bucket.reserve(kStart, 40, 0).outcome, Outcome::kGranted);
  EXPECT_EQ(bucket.available(kStart), 20.0);
  EXPECT_EQ(bucket.pause(kStart, kStart + 600), Outcome::kGranted);
  EXPECT_EQ(bucket.update(kStart + 500, 1e-6, 200), Outcome::kGranted);
  EXPECT_EQ(bucket.refund(kStart + 599, 30), 30.0);
  EXPECT_EQ(bucket.try_acquire(kStart + 599, 1), Outcome::kDenied);
  EXPECT_EQ(bucket.try_acquire(kStart + 600, 1), Outcome::kGranted);
  EXPECT_EQ(bucket.pause(kStart, kStart + 5 * kSecond), Outcome::kGranted);
  EXPECT_EQ(bucket.reset(kStart + 700), Outcome::kGranted);
  EXPECT_EQ(bucket.try_acquire(kStart + 650, 1), Outcome::kGranted);
}

}  // namespace
}  // namespace amorsize::test
