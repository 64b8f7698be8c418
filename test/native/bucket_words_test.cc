// What a token bucket writes, to the bit, and where new slots begin, to the nanosecond.
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "check.h"
#include "core/token_bucket.h"

namespace amorsize::test {
namespace {

namespace b = core::bucket;
using core::Outcome;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kSecond = 1'000 * kMs;
constexpr int64_t kStart = 5 * kSecond;
constexpr int64_t kForever = core::kMaxWaitNs;
constexpr double kKeep = std::numeric_limits<double>::quiet_NaN();

struct Cells {
  alignas(core::kCellBytes) std::array<core::Word, b::kCells * core::kWordsPerCell> words{};
};

// A bucket in memory of its own.
class Bucket : private Cells, public core::TokenBucket<> {
 public:
  Bucket(double rate, double burst) : TokenBucket(words.data()) { initialize(kStart, rate, burst); }
  int64_t word(size_t index) const { return words[index].load(); }
  void set(size_t index, int64_t value) { words[index].store(value); }
  int64_t generation() const { return parameters().generation; }
  // Of the slot in force.
  int64_t slot(size_t word) const { return words[index_of(generation(), word)].load(); }
  static size_t index_of(int64_t generation, size_t word) {
    return b::kFirstSlot + static_cast<size_t>(generation % 4) * core::kWordsPerCell + word;
  }
  int64_t spent() const { return word(b::kHot) >> 11; }
};

TEST("bucket, words: a new one is full, in slot 0, and nobody changes it or has reserved anything") {
  Bucket bucket(10, 3);
  EXPECT_EQ(bucket.word(b::kKind), core::kind_word(core::Kind::kTokenBucket));
  EXPECT_EQ(bucket.word(b::kHot), -(int64_t{3'000'000} << 11));
  EXPECT_EQ(bucket.word(b::kClaim), 0);
  EXPECT_EQ(bucket.word(b::kReserved), b::kNowhere);
  const core::Rate rate = core::rate_of(10, 6);
  EXPECT_EQ(bucket.slot(b::kGeneration), 0);
  EXPECT_EQ(bucket.slot(b::kEpochNs), kStart);
  EXPECT_EQ(bucket.slot(b::kBase), 0);
  EXPECT_EQ(bucket.slot(b::kMultiplier), rate.multiplier);
  EXPECT_EQ(bucket.slot(b::kScale), int64_t{rate.shift} | 12 << 8);
  EXPECT_EQ(bucket.slot(b::kBurstUnits), 3'000'000);
  EXPECT_EQ(bucket.slot(b::kRate), std::bit_cast<int64_t>(10.0));
  EXPECT_EQ(bucket.slot(b::kBurst), std::bit_cast<int64_t>(3.0));
  for (size_t i = 4; i < core::kWordsPerCell; ++i) EXPECT_EQ(bucket.word(i), 0);
  for (size_t i = 2 * core::kWordsPerCell; i < b::kCells * core::kWordsPerCell; ++i) EXPECT_EQ(bucket.word(i), 0);
}

TEST("bucket, words: an update goes to the next slot, and leaves the last as it was") {
  Bucket bucket(10, 3);
  CHECK(bucket.try_acquire(kStart, 2) == Outcome::kGranted);
  CHECK(bucket.update(kStart + 100 * kMs, 20, 5) == Outcome::kGranted);
  EXPECT_EQ(bucket.generation(), 1);
  EXPECT_EQ(bucket.word(b::kHot), -(int64_t{2'000'000} << 11) + 1);
  EXPECT_EQ(bucket.word(b::kClaim), 0);
  EXPECT_EQ(bucket.slot(b::kGeneration), 1);
  EXPECT_EQ(bucket.slot(b::kEpochNs), kStart + 100 * kMs);
  EXPECT_EQ(bucket.slot(b::kBase), 1'000'000);
  EXPECT_EQ(bucket.slot(b::kMultiplier), core::rate_of(20, 6).multiplier);
  EXPECT_EQ(bucket.slot(b::kBurstUnits), 5'000'000);
  EXPECT_EQ(bucket.slot(b::kRate), std::bit_cast<int64_t>(20.0));
  EXPECT_EQ(bucket.slot(b::kBurst), std::bit_cast<int64_t>(5.0));
  EXPECT_EQ(bucket.word(b::kFirstSlot + b::kEpochNs), kStart);
  EXPECT_EQ(bucket.word(b::kFirstSlot + b::kBase), 0);
  // The bits of the generation in `hot` come round; the generation does not.
  for (int64_t i = 2; i <= 2050; ++i) {
    CHECK(bucket.update(kStart + 100 * kMs, 20, 5) == Outcome::kGranted);
    EXPECT_EQ(bucket.generation(), i);
    EXPECT_EQ(bucket.word(b::kHot), -(int64_t{2'000'000} << 11) + i % 2048);
  }
}

TEST("bucket, words: an update may keep the rate, the burst or both") {
  Bucket bucket(10, 3);
  CHECK(bucket.update(kStart, kKeep, 5) == Outcome::kGranted);
  CHECK(bucket.parameters().rate == 10 && bucket.parameters().burst == 5);
  CHECK(bucket.update(kStart, 20, kKeep) == Outcome::kGranted);
  CHECK(bucket.parameters().rate == 20 && bucket.parameters().burst == 5);
  CHECK(bucket.update(kStart, kKeep, kKeep) == Outcome::kGranted);
  CHECK(bucket.parameters().rate == 20 && bucket.parameters().burst == 5);
  EXPECT_EQ(bucket.generation(), 3);
}

TEST("bucket, words: rates up to the highest may be set, and none above, nor none at all") {
  Bucket bucket(10, 3);
  CHECK(bucket.update(kStart, core::kMaxRate, 1) == Outcome::kGranted);
  EXPECT_EQ(bucket.parameters().rate, 1e15);
  for (const double rate : {std::nextafter(core::kMaxRate, 2e15), 0.0, -1.0}) {
    EXPECT_EQ(bucket.update(kStart, rate, 1), Outcome::kBusy);
    EXPECT_EQ(bucket.word(b::kClaim), 0);
    EXPECT_EQ(bucket.generation(), 1);
  }
  CHECK(bucket.update(kStart, 5e-324, 1) == Outcome::kGranted);
}

TEST("bucket, words: a pause that is there already changes nothing, and one that is longer by a nanosecond does") {
  Bucket bucket(10, 3);
  CHECK(bucket.pause(kStart, kStart) == Outcome::kGranted);
  EXPECT_EQ(bucket.generation(), 0);
  const int64_t end = kStart + kSecond;
  CHECK(bucket.pause(kStart, end) == Outcome::kGranted);
  EXPECT_EQ(bucket.generation(), 1);
  EXPECT_EQ(bucket.slot(b::kEpochNs), end);
  EXPECT_EQ(bucket.slot(b::kScale), int64_t{core::rate_of(10, 6).shift} | 12 << 8 | 1 << 12);
  for (const int64_t until : {end - 1, end}) CHECK(bucket.pause(kStart, until) == Outcome::kGranted);
  EXPECT_EQ(bucket.generation(), 1);
  EXPECT_EQ(bucket.word(b::kClaim), 0);
  CHECK(bucket.pause(kStart, end + 1) == Outcome::kGranted);
  EXPECT_EQ(bucket.generation(), 2);
  EXPECT_EQ(bucket.survey(kStart).paused_ns, kSecond + 1);
  EXPECT_EQ(bucket.survey(end).paused_ns, 1);
  EXPECT_EQ(bucket.survey(end + 1).paused_ns, 0);
  // An update of a paused one keeps the pause, and one afterwards does not begin it anew.
  CHECK(bucket.update(end, 20, 3) == Outcome::kGranted);
  EXPECT_EQ(bucket.slot(b::kEpochNs), end + 1);
  EXPECT_EQ(bucket.survey(end).paused_ns, 1);
  CHECK(bucket.update(end + 1, 20, 3) == Outcome::kGranted);
  EXPECT_EQ(bucket.slot(b::kScale) >> b::kPauseBit, 0);
}

TEST("bucket, words: a pause of one that is in debt keeps the debt") {
  Bucket bucket(1, 3);
  CHECK(bucket.charge(kStart, 5) == Outcome::kGranted);
  EXPECT_EQ(bucket.spent(), 2'000'000);
  CHECK(bucket.pause(kStart + kSecond, kStart + 2 * kSecond) == Outcome::kGranted);
  EXPECT_EQ(bucket.slot(b::kBase), 1'000'000);
  EXPECT_EQ(bucket.spent(), 1'000'000);
}

TEST("bucket, words: a reset begins a slot of its own, less what is owed") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  CHECK(bucket.charge(kStart, 3) == Outcome::kGranted);
  const int64_t now = kStart + kSecond;
  CHECK(bucket.reset(now, 1.5) == Outcome::kGranted);
  EXPECT_EQ(bucket.slot(b::kEpochNs), now);
  EXPECT_EQ(bucket.slot(b::kBase), 3'000'000 + 4'000'000 - 1'500'000);
  EXPECT_EQ(bucket.spent(), 3'000'000 - 5'500'000);
  EXPECT_EQ(bucket.available(now), 2.5);
  // More than the debt is owed to nobody.
  CHECK(bucket.charge(now, 3) == Outcome::kGranted);
  CHECK(bucket.reset(now, 9) == Outcome::kGranted);
  EXPECT_EQ(bucket.available(now), 3.5);
}

TEST("bucket, words: a claim is honoured for its lease, to the tick") {
  constexpr int64_t kTick = int64_t{1} << b::kClaimTickBits;
  constexpr int64_t kLease = core::TokenBucket<>::kClaimLeaseNs / kTick;
  EXPECT_EQ(core::TokenBucket<>::kClaimLeaseNs, kSecond);
  constexpr int64_t kTicks = kStart / kTick + 10;
  for (const int64_t later : {kLease - 1, kLease}) {
    Bucket bucket(10, 3);
    bucket.set(b::kClaim, kTicks << b::kClaimTimeShift | 2 << 1 | 1);
    const bool is_over = later == kLease;
    EXPECT_EQ(bucket.update((kTicks + later) * kTick, 20, 3), is_over ? Outcome::kGranted : Outcome::kBusy);
    EXPECT_EQ(bucket.word(b::kClaim),
              is_over ? int64_t{1} << (b::kQuarantineShift + 2) : kTicks << b::kClaimTimeShift | 2 << 1 | 1);
  }
  // A claim that was given up does not hold anybody up, whenever that was.
  Bucket bucket(10, 3);
  bucket.set(b::kClaim, kTicks << b::kClaimTimeShift | 2 << 1);
  EXPECT_EQ(bucket.update(kTicks * kTick, 20, 3), Outcome::kGranted);
}

TEST("bucket, words: the next slot is the first that is not in quarantine") {
  for (int64_t quarantine = 0; quarantine < 16; ++quarantine) {
    Bucket bucket(10, 3);
    bucket.set(b::kClaim, quarantine << b::kQuarantineShift);
    CHECK(bucket.update(kStart, 20, 3) == Outcome::kGranted);
    // Slot 0 is in force. Where it would be the only one, all were lost, and none can still be asleep.
    const bool are_all_lost = (quarantine | 1) == 15;
    int64_t expected = 1;
    while (!are_all_lost && (quarantine >> expected % 4 & 1) != 0) ++expected;
    EXPECT_EQ(bucket.generation(), expected);
    EXPECT_EQ(bucket.word(b::kClaim), are_all_lost ? 0 : quarantine << b::kQuarantineShift);
  }
}

TEST("bucket, words: where the last slot is lost only that of who may be asleep stays out of use") {
  for (int64_t lost = 1; lost < 4; ++lost) {
    Bucket bucket(10, 3);
    const int64_t others = 14 & ~(1 << lost);
    bucket.set(b::kClaim, others << b::kQuarantineShift | lost << 1 | 1);
    CHECK(bucket.update(kStart, 20, 3) == Outcome::kGranted);
    EXPECT_EQ(bucket.generation(), lost == 1 ? 2 : 1);
    EXPECT_EQ(bucket.word(b::kClaim), int64_t{1} << (b::kQuarantineShift + lost));
  }
}

TEST("bucket, words: an axis moves on by as little as a unit for those who wait") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  core::Reservation waits = bucket.reserve(kStart, 2, kForever);
  const int64_t generation = bucket.generation();
  EXPECT_EQ(bucket.refund(kStart, 0.000001), 0.000001);
  EXPECT_EQ(bucket.generation(), generation + 1);
  EXPECT_EQ(bucket.slot(b::kBase), 1);
  EXPECT_EQ(bucket.slot(b::kEpochNs), kStart);
  EXPECT_EQ(bucket.spent(), 1'999'999);
  EXPECT_EQ(bucket.remaining(kStart, &waits.ticket), 2 * kSecond - 1000);
  // Nothing given back, nothing moved.
  EXPECT_EQ(bucket.refund(kStart, 0), 0.0);
  EXPECT_EQ(bucket.generation(), generation + 1);
}

TEST("bucket, words: beyond 2^31 units a decision begins a new slot, at a whole second of the last") {
  constexpr int64_t kUnits = int64_t{1} << 31;  // a unit a nanosecond
  struct Decision {
    void (*decide)(Bucket*, int64_t);
  };
  const Decision decisions[] = {
      {[](Bucket* bucket, int64_t now) { CHECK(bucket->try_acquire_one(now)); }},
      {[](Bucket* bucket, int64_t now) { CHECK(bucket->try_acquire(now, 1) == Outcome::kGranted); }},
      {[](Bucket* bucket, int64_t now) { CHECK(bucket->reserve(now, 1, 0).outcome == Outcome::kGranted); }},
      {[](Bucket* bucket, int64_t now) { CHECK(bucket->charge(now, 1) == Outcome::kGranted); }},
      {[](Bucket* bucket, int64_t now) { bucket->survey(now); }}};
  for (const Decision& decision : decisions) {
    for (const int64_t more : {0, 1, 900'000'000}) {
      Bucket bucket(1e9, 3);
      const int64_t now = kStart + kUnits + more;
      decision.decide(&bucket, now);
      EXPECT_EQ(bucket.generation(), more > 0 ? 1 : 0);
      const int64_t seconds = more == 0 ? 0 : more == 1 ? 2 : 3;
      EXPECT_EQ(bucket.slot(b::kEpochNs), kStart + seconds * kSecond);
      EXPECT_EQ(bucket.slot(b::kBase), seconds * kSecond);
      EXPECT_EQ(bucket.slot(b::kBurst), std::bit_cast<int64_t>(3.0));
      CHECK(bucket.available(now) >= 2);
    }
  }
}

TEST("bucket, words: in its first second a slot stays, however much words that are damaged say it has produced") {
  for (const int64_t early : {1, 0}) {
    Bucket bucket(10, 3);
    bucket.set(Bucket::index_of(0, b::kMultiplier), INT64_MAX);
    bucket.set(Bucket::index_of(0, b::kScale), 61 | 12 << 8);
    EXPECT_EQ(bucket.try_acquire(kStart + kSecond - early, 1), Outcome::kGranted);
    EXPECT_EQ(bucket.generation(), 1 - early);
  }
}

TEST("bucket, words: a pause that is over is none in the slot that a decision begins") {
  Bucket bucket(1e9, 3);
  CHECK(bucket.pause(kStart, kStart + kSecond) == Outcome::kGranted);
  const int64_t now = kStart + 4 * kSecond;
  CHECK(bucket.try_acquire_one(now));
  EXPECT_EQ(bucket.generation(), 2);
  EXPECT_EQ(bucket.slot(b::kScale) >> b::kPauseBit, 0);
}

TEST("bucket, words: what is spent is never more than its part of the word holds") {
  Bucket bucket(1e6, 1e6);
  constexpr int64_t kMost = (int64_t{1} << 52) - 1;
  for (int i = 0; i < 3; ++i) CHECK(bucket.charge(kStart, core::kMaxBurst) == Outcome::kGranted);
  EXPECT_EQ(bucket.spent(), kMost);
  CHECK(bucket.charge(kStart, 1) == Outcome::kGranted);
  EXPECT_EQ(bucket.spent(), kMost);
  EXPECT_EQ(bucket.reserve(kStart, 1, kForever).wait_ns, core::kNever);
}

TEST("bucket, words: a run may end with the last unit that the word holds, and not beyond") {
  Bucket bucket(1e6, 1e6);
  constexpr int64_t kMost = (int64_t{1} << 52) - 1;
  bucket.set(b::kHot, static_cast<int64_t>(static_cast<uint64_t>(kMost - 7) << 11));
  EXPECT_EQ(bucket.reserve_run(kStart, 0, 8, 0, kMost).outcome, Outcome::kDenied);
  const core::Run last = bucket.reserve_run(kStart, 0, 7, 0, kMost);
  EXPECT_EQ(last.outcome, Outcome::kGranted);
  EXPECT_EQ(last.start, kMost - 7);
  EXPECT_EQ(bucket.spent(), kMost);
}

TEST("bucket, words: whoever is denied a reservation has the ticket of none") {
  Bucket bucket(1, 2);
  CHECK(bucket.try_acquire(kStart, 2) == Outcome::kGranted);
  for (const double tokens : {1.0, 3.0}) {
    const core::Reservation denied = bucket.reserve(kStart, tokens, 0);
    CHECK(denied.outcome != Outcome::kGranted);
    EXPECT_EQ(denied.ticket.position, 0);
    EXPECT_EQ(denied.ticket.generation, 0);
    EXPECT_EQ(denied.ticket.digits, 0);
  }
}

TEST("bucket, words: an update counts with as many digits as what is there already leaves room for") {
  // With one token more on the axis a millionth would not fit any more.
  const double rate = (0x1p62 / 1e6 - 1.5) / core::kHorizonSeconds;
  Bucket bucket(rate, 1);
  EXPECT_EQ(bucket.survey(kStart).digits, 6);
  CHECK(bucket.update(kStart, rate, 1) == Outcome::kGranted);
  EXPECT_EQ(bucket.survey(kStart).digits, 6);
  CHECK(bucket.charge(kStart, 2) == Outcome::kGranted);
  CHECK(bucket.update(kStart, rate, 1) == Outcome::kGranted);
  EXPECT_EQ(bucket.survey(kStart).digits, 5);
}

TEST("bucket, words: reservations raise what is reserved, whatever the digits, and nothing lowers it") {
  Bucket bucket(1, 4);
  CHECK(bucket.try_acquire(kStart, 4) == Outcome::kGranted);
  EXPECT_EQ(bucket.word(b::kReserved), b::kNowhere);
  const core::Reservation made = bucket.reserve(kStart, 3, kForever);
  const auto raised = [](int64_t units, int digits) { return units << 4 | (digits + 7); };
  EXPECT_EQ(bucket.word(b::kReserved), raised(3'000'000, 6));
  EXPECT_EQ(bucket.cancel(kStart, made.ticket, 3), 3.0);
  EXPECT_EQ(bucket.word(b::kReserved), raised(3'000'000, 6));
  CHECK(bucket.reserve(kStart, 3, kForever).outcome == Outcome::kGranted);
  EXPECT_EQ(bucket.word(b::kReserved), raised(3'000'000, 6));
  CHECK(bucket.reserve(kStart, 1, kForever).outcome == Outcome::kGranted);
  EXPECT_EQ(bucket.word(b::kReserved), raised(4'000'000, 6));
  CHECK(bucket.update(kStart, 1e9, 4) == Outcome::kGranted);
  CHECK(bucket.reserve(kStart, 1, kForever).outcome == Outcome::kGranted);
  EXPECT_EQ(bucket.word(b::kReserved), raised(5, 0));
}

TEST("bucket, words: a place that is too far for the word of what is reserved is rounded up to ten units") {
  Bucket bucket(1, 4);
  bucket.set(Bucket::index_of(0, b::kBase), b::kMaxReserved - 1);
  bucket.set(b::kHot, 0);
  CHECK(bucket.reserve(kStart, 0.000001, kForever).outcome == Outcome::kGranted);
  EXPECT_EQ(bucket.word(b::kReserved), b::kMaxReserved << 4 | 13);
  CHECK(bucket.reserve(kStart, 0.000001, kForever).outcome == Outcome::kGranted);
  EXPECT_EQ(bucket.word(b::kReserved), ((b::kMaxReserved + 1) / 10 + 1) << 4 | 12);
}

}  // namespace
}  // namespace amorsize::test
