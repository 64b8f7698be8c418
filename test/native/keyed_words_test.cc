// What a keyed table writes, to the bit, and the terms it goes by.
#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include "check.h"
#include "core/keyed_table.h"

namespace amorsize::test {
namespace {

namespace k = core::keyed;
using core::KeyedParameters;
using core::KeyedTerms;
using core::Outcome;

constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kToken = 1'000'000;
constexpr core::HashSeed kSeed{7, 9};
constexpr size_t kEnough = std::numeric_limits<size_t>::max();

TEST("keyed words: how many groups and slots are for how many keys") {
  struct Case {
    int64_t capacity;
    int64_t groups;
    int64_t slots;
  };
  const Case cases[] = {{1, 1, 1},   {30, 1, 30},   {31, 1, 31},    {32, 2, 31},
                        {48, 2, 31}, {49, 3, 31},   {1000, 46, 31}, {100'000'000, 4'687'499, 31},
                        {53, 3, 31}, {331, 15, 31}, {352, 16, 31},  {373, 16, 31}};
  for (const Case& each : cases) {
    EXPECT_EQ(core::cut_for(each.capacity).groups, each.groups);
    EXPECT_EQ(core::cut_for(each.capacity).slots, each.slots);
    EXPECT_EQ(core::keyed_cells(each.capacity), static_cast<size_t>(2 + 8 * each.groups));
  }
}

TEST("keyed words: how finely is counted, and how many bits that leaves for the generation") {
  struct Case {
    double rate;
    double burst;
    int digits;
    int bits;
  };
  const Case cases[] = {{1e-6, 1, 6, 8},  {5.7, 1, 6, 6},  {5.71, 1, 5, 8},  {1, 1.4e10, 6, 6},  {1, 1.5e10, 5, 8},
                        {5700, 1, 3, 6},  {5710, 1, 2, 8}, {5.7e6, 1, 0, 6}, {1e7, 1, 0, 5},     {9e7, 1, 0, 2},
                        {1.8e8, 1, 0, 1}, {1e9, 1, 0, 1},  {2e9, 1, -1, 1},  {1e15, 1e15, -6, 1}};
  for (const Case& each : cases) {
    EXPECT_EQ(core::scale_for(each.rate, each.burst).digits, each.digits);
    EXPECT_EQ(core::scale_for(each.rate, each.burst).generation_bits, each.bits);
  }
  // At the very bound.
  EXPECT_EQ(0x1p54 / 1e6 * 1e6, 0x1p54);
  EXPECT_EQ(core::scale_for(1e-300, 0x1p54 / 1e6).digits, 5);
  EXPECT_EQ(0x1p55 / core::kHorizonSeconds * core::kHorizonSeconds, 0x1p55);
  EXPECT_EQ(core::scale_for(0x1p55 / core::kHorizonSeconds, 0).generation_bits, 4);
  EXPECT_EQ(core::scale_for(0x1.ffffp54 / core::kHorizonSeconds, 0).generation_bits, 5);
  EXPECT_EQ(core::scale_for(1e-300, std::nextafter(0x1p54 / 1e6, 0.0)).digits, 6);
}

// Rate and burst that are no whole number of units, so that all words differ.
constexpr KeyedParameters kAsked{12'345.678, 3.777, 40, true};

struct Words {
  std::array<core::Word, 4096> words{};
  int64_t word(size_t index) const { return words[index].load(); }
};

TEST("keyed words: the header has what was asked for and all that follows from it") {
  const KeyedTerms made = KeyedTerms::make(123, kAsked, kSeed);
  Words w;
  core::KeyedTable<>::initialize(w.words.data(), made);
  EXPECT_EQ(w.word(k::kKind), core::kind_word(core::Kind::kKeyedTable));
  EXPECT_EQ(w.word(k::kGroups), 2);
  EXPECT_EQ(w.word(k::kSlots), 31);
  EXPECT_EQ(w.word(k::kCapacity), 40);
  EXPECT_EQ(w.word(k::kSeedLow), 7);
  EXPECT_EQ(w.word(k::kSeedHigh), 9);
  EXPECT_EQ(w.word(k::kEpochNs), 123);
  const core::Rate rate = core::rate_of(kAsked.rate, 2);
  EXPECT_EQ(w.word(k::kMultiplier), rate.multiplier);
  EXPECT_EQ(w.word(k::kScale), int64_t{rate.shift} | (2 + 6) << 8 | 8 << 12 | 1 << 16);
  EXPECT_EQ(w.word(k::kBurstUnits), 377);
  EXPECT_EQ(w.word(k::kRate), std::bit_cast<int64_t>(kAsked.rate));
  EXPECT_EQ(w.word(k::kBurst), std::bit_cast<int64_t>(kAsked.burst));
  for (size_t i = k::kAllowed; i < w.words.size(); ++i) EXPECT_EQ(w.word(i), 0);
  const KeyedTerms read = KeyedTerms::read(w.words.data());
  CHECK(read.fits(core::keyed_cells(40)) && !read.fits(core::keyed_cells(40) - 1));
  CHECK(read.asked.evicts);
  EXPECT_EQ(read.epoch_ns, 123);
  EXPECT_EQ(read.seed.low, 7u);
  EXPECT_EQ(read.seed.high, 9u);
  EXPECT_EQ(read.rate.shift, rate.shift);
  EXPECT_EQ(read.scale.digits, 2);
  EXPECT_EQ(read.scale.generation_bits, 8);
}

TEST("keyed words: a header of which a word does not follow from the others is no table's") {
  struct Change {
    size_t word;
    int64_t change;
    bool fits;
  };
  const Change changes[] = {{k::kGroups, 1, false},      {k::kGroups, -1, false},       {k::kSlots, 1, false},
                            {k::kSlots, -1, false},      {k::kCapacity, 40, false},     {k::kCapacity, 1, true},
                            {k::kMultiplier, 1, false},  {k::kScale, 1, false},         {k::kScale, 1 << 8, false},
                            {k::kScale, 1 << 12, false}, {k::kScale, -(1 << 16), true}, {k::kScale, 1 << 17, true},
                            {k::kBurstUnits, 1, false},  {k::kSeedLow, 1, true},        {k::kEpochNs, 1, true}};
  for (const Change& each : changes) {
    Words w;
    KeyedTerms::make(123, kAsked, kSeed).write(w.words.data());
    w.words[each.word] += each.change;
    EXPECT_EQ(KeyedTerms::read(w.words.data()).fits(kEnough), each.fits);
  }
}

TEST("keyed words: what cannot have been asked for is no table's") {
  struct Case {
    double rate;
    double burst;
    int64_t capacity;
    bool fits;
  };
  const Case cases[] = {{1, 1, 1, true},
                        {1, 1, 0, false},
                        {1, 1, core::kMaxCapacity, true},
                        {1, 1, core::kMaxCapacity + 1, false},
                        {std::numeric_limits<double>::denorm_min(), 1, 1, true},
                        {0, 1, 1, false},
                        {-1, 1, 1, false},
                        {core::kMaxRate, 1, 1, true},
                        {2 * core::kMaxRate, 1, 1, false},
                        {std::numeric_limits<double>::quiet_NaN(), 1, 1, false},
                        {1, 0.9, 1, false},
                        {1, core::kMaxBurst, 1, true},
                        {1, 2 * core::kMaxBurst, 1, false}};
  for (const Case& each : cases) {
    const KeyedParameters asked{each.rate, each.burst, each.capacity, false};
    // Of what is less than 0, or no number, nothing can be made.
    KeyedTerms terms = KeyedTerms::make(0, each.rate >= 0 ? asked : KeyedParameters{1, 1, 1, false}, kSeed);
    terms.asked = asked;
    EXPECT_EQ(terms.fits(kEnough), each.fits);
  }
}

TEST("keyed words: a burst is a unit at least, and nobody has or pays more than the burst") {
  EXPECT_EQ(KeyedTerms::make(0, {1e15, 1, 1, false}, kSeed).burst, 1);
  const KeyedTerms terms = KeyedTerms::make(0, kAsked, kSeed);
  EXPECT_EQ(terms.burst, 377);
  EXPECT_EQ(terms.cost_of(3.777), 377);
  EXPECT_EQ(terms.cost_of(3.76), 376);
  EXPECT_EQ(terms.tokens_of(377), 3.777);
  EXPECT_EQ(terms.tokens_of(376), 3.76);
  EXPECT_EQ(terms.tokens_of(378), 3.777);
}

TEST("keyed words: units are produced from the epoch on, and until then there is time") {
  const KeyedTerms terms = KeyedTerms::make(kSecond, {1, 1, 1, false}, kSeed);
  EXPECT_EQ(terms.produced(0), 0);
  EXPECT_EQ(terms.produced(kSecond), 0);
  EXPECT_EQ(terms.produced(kSecond + 999), 0);
  EXPECT_EQ(terms.produced(kSecond + 1000), 1);
  EXPECT_EQ(terms.produced(2 * kSecond), kToken);
  EXPECT_EQ(terms.time_until(1, kSecond), 1000);
  EXPECT_EQ(terms.time_until(1, kSecond + 1), 999);
  EXPECT_EQ(terms.time_until(1, kSecond + 1001), 0);
  EXPECT_EQ(terms.time_until(0, kSecond), 0);
  EXPECT_EQ(terms.time_until(-5, kSecond - 10), 10);
  EXPECT_EQ(terms.time_until(int64_t{1} << 60, kSecond), core::kNever);
}

// Hashes by the slot of five at which the search for them begins.
constexpr uint64_t hash_at(uint64_t number, uint64_t start) { return number << 16 | (start * 0x3334); }

// A table of five keys at a token a second, in the first second of its time.
struct Five {
  std::array<core::Word, 128> words{};
  core::KeyedTable<> table;

  explicit Five(double burst, bool evicts) : table(made(burst, evicts)) {}

  core::Word& slot(size_t index, size_t word) { return words[k::kFirstGroup + k::kFirstSlot + 2 * index + word]; }
  core::Word& claim() { return words[k::kFirstGroup + k::kClaim]; }
  void expect_slot(size_t index, uint64_t hash, int64_t generation, int64_t level) {
    const auto tag = static_cast<int64_t>(hash & 0xFFFF'FFFF'FFFF);
    EXPECT_EQ(slot(index, k::kIdentity).load(), tag << 16 | generation);
    EXPECT_EQ(slot(index, k::kLevel).load(), level);
  }
  static int64_t level_of(int64_t spent, int64_t generation, int64_t mark = 0) {
    return (spent * 4 + mark) * 256 + (generation & 0xFF);
  }
  void expect_claim(uint64_t hash, int64_t index, int64_t version) {
    const auto tag = static_cast<int64_t>(hash & 0xFFFF'FFFF'FFFF);
    EXPECT_EQ(claim().load(), tag << 16 | index << 11 | version);
  }

 private:
  core::KeyedTable<> made(double burst, bool evicts) {
    core::KeyedTable<>::initialize(words.data(), KeyedTerms::make(kSecond, {1, burst, 5, evicts}, kSeed));
    // Few attempts, for words that are noise.
    return {words.data(), KeyedTerms::read(words.data()), 3};
  }
};

TEST("keyed words: a key has a slot, from where its search begins, its generation and what it has spent") {
  Five f(3, false);
  const uint64_t first = hash_at(0x1111, 3);
  const uint64_t second = hash_at(0x2222, 3);
  const uint64_t third = hash_at(0x3333, 3);
  CHECK(f.table.try_acquire_one(kSecond, first));
  f.expect_slot(3, first, 1, f.level_of(-2 * kToken, 1));
  f.expect_claim(first, 3, 1);
  CHECK(f.table.try_acquire(kSecond, second, 1.5) == Outcome::kGranted);
  f.expect_slot(4, second, 1, f.level_of(-kToken * 3 / 2, 1));
  f.expect_claim(second, 4, 2);
  CHECK(f.table.try_acquire_one(kSecond, third));
  f.expect_slot(0, third, 1, f.level_of(-2 * kToken, 1));
  f.expect_claim(third, 0, 3);
  CHECK(f.table.try_acquire_one(kSecond, first));
  f.expect_slot(3, first, 1, f.level_of(-kToken, 1));
  f.expect_claim(third, 0, 3);
  // No tag is 0.
  CHECK(f.table.try_acquire_one(kSecond, 0));
  f.expect_slot(1, 1, 1, f.level_of(-2 * kToken, 1));
  f.table.reset(kSecond, first);
  f.expect_slot(3, first, 1, k::kFresh | 1);
  EXPECT_EQ(f.table.size(kSecond), 3);
}

TEST("keyed words: of keys that are as near to full the first that a search meets is evicted") {
  Five f(3, true);
  for (uint64_t i = 0; i < 5; ++i) CHECK(f.table.try_acquire_one(kSecond, hash_at(0x5550 + i, i)));
  const uint64_t next = hash_at(0x2222, 2);
  CHECK(f.table.try_acquire_one(kSecond, next));
  f.expect_slot(2, next, 2, f.level_of(-2 * kToken, 2));
  EXPECT_EQ(f.words[k::kEvicted].load(), 1);
}

TEST("keyed words: a run of tokens that are there already is given back") {
  Five f(4, false);
  const uint64_t key = hash_at(0x1111, 2);
  CHECK(f.table.try_acquire_one(kSecond, key));
  CHECK(f.table.return_run(kSecond, key, 1, -3 * kToken, kToken));
  f.expect_slot(2, key, 1, f.level_of(-4 * kToken, 1));
}

TEST("keyed words: where callers may have reserved is told by the period, half a burst and a unit, in which they did") {
  const KeyedTerms terms = KeyedTerms::make(kSecond, {1, 4, 5, false}, kSeed);
  constexpr int64_t kPeriod = 2 * kToken + 1;
  for (const int64_t first : {-3 * kPeriod, int64_t{0}, 3 * kPeriod}) {
    EXPECT_EQ(terms.mark_of(first), 1);
    EXPECT_EQ(terms.mark_of(first + kPeriod - 1), 1);
    EXPECT_EQ(terms.mark_of(first + kPeriod), 2);
    EXPECT_EQ(terms.mark_of(first + 3 * kPeriod - 1), 3);
    // To all that was spent in that period, to its end from then on; and after three it might be the next such.
    const auto to = [&](int64_t spent) { return terms.reserved_to(spent, 1); };
    EXPECT_EQ(to(first + kPeriod - 1), first + kPeriod - 1);
    EXPECT_EQ(to(first + kPeriod), first + kPeriod);
    EXPECT_EQ(to(first + 3 * kPeriod - 1), first + kPeriod);
    EXPECT_EQ(to(first + 3 * kPeriod), first + 3 * kPeriod);
  }
}

TEST("keyed words: a level says that callers have reserved until they are done, or their tokens are too old") {
  Five f(4, false);
  const uint64_t key = hash_at(0x1111, 2);
  const auto run = [&](int64_t now, int64_t generation) {
    return f.table.reserve_run(now, key, generation, kToken, 0, kSecond * kSecond).outcome;
  };
  CHECK(f.table.try_acquire(kSecond, key, 4) == Outcome::kGranted);
  f.expect_slot(2, key, 1, f.level_of(0, 1));
  CHECK(run(kSecond, 1) == Outcome::kGranted);
  f.expect_slot(2, key, 1, f.level_of(kToken, 1, 1));
  // Who has not seen it reserved must look again.
  EXPECT_EQ(f.table.survey(kSecond, key).generation, 1 + core::kReserved);
  CHECK(run(kSecond, 1) == Outcome::kBusy);
  CHECK(run(kSecond, 1 + core::kReserved) == Outcome::kGranted);
  f.expect_slot(2, key, 1, f.level_of(2 * kToken, 1, 1));
  EXPECT_EQ(f.table.refund(kSecond, key, 4), 0.0);
  f.table.reset(kSecond, key);
  CHECK(f.table.return_run(kSecond, key, 1 + core::kReserved, 2 * kToken, kToken / 2));
  f.expect_slot(2, key, 1, f.level_of(kToken * 3 / 2, 1, 1));
  CHECK(!f.table.return_run(kSecond, key, 1, kToken, 0));
  // What is taken behind it goes back, from the next period on.
  CHECK(f.table.charge(kSecond, key, 1) == Outcome::kGranted);
  f.expect_slot(2, key, 1, f.level_of(kToken * 5 / 2, 1, 1));
  EXPECT_EQ(f.table.refund(kSecond, key, 1), 0.499999);
  f.expect_slot(2, key, 1, f.level_of(2 * kToken + 1, 1, 1));
  CHECK(f.table.return_run(kSecond, key, 1, 2 * kToken + 1, 0));
  f.expect_slot(2, key, 1, f.level_of(2 * kToken + 1, 1));
  f.table.reset(kSecond, key);
  f.expect_slot(2, key, 1, k::kFresh | 1);
  // A pause spends all that is produced until its end, and keeps what is said of reservations.
  CHECK(run(kSecond, 1) == Outcome::kGranted);
  f.expect_slot(2, key, 1, f.level_of(-3 * kToken, 1, 2));
  CHECK(f.table.pause(kSecond, key, 2 * kSecond) == Outcome::kGranted);
  f.expect_slot(2, key, 1, f.level_of(2 * kToken, 1, 2));
  // By now all that was reserved is too old.
  CHECK(f.table.try_acquire_one(8 * kSecond, key));
  f.expect_slot(2, key, 1, f.level_of(4 * kToken, 1));
}

TEST("keyed words: a slot that is free goes to another key, in its next generation, and counters come round") {
  Five f(3, false);
  const uint64_t old = hash_at(0x1111, 2);
  const uint64_t next = hash_at(0x2222, 2);
  CHECK(f.table.try_acquire_one(kSecond, old));
  CHECK(f.table.try_acquire_one(2 * kSecond, next));
  f.expect_slot(2, next, 2, f.level_of(-kToken, 2));
  f.expect_claim(next, 2, 2);
  const auto tag = static_cast<int64_t>(next);
  f.slot(2, k::kIdentity) = tag << 16 | 0xFFFF;
  f.slot(2, k::kLevel) = k::kFresh | 0xFFFF;
  f.claim() = tag << 16 | 2 << 11 | k::kClaimVersionMask;
  CHECK(f.table.try_acquire_one(2 * kSecond, old));
  f.expect_slot(2, old, 0, f.level_of(-kToken, 0));
  f.expect_claim(old, 2, 0);
}

TEST("keyed words: a slot that somebody froze and left is there for any key, also for the one that had it") {
  for (const bool is_own : {false, true}) {
    Five f(3, false);
    const uint64_t old = hash_at(0x1111, 2);
    const uint64_t next = is_own ? old : hash_at(0x2222, 2);
    for (uint64_t i = 0; i < 5; ++i) CHECK(f.table.try_acquire_one(kSecond, hash_at(i == 2 ? 0x1111 : 0x5550 + i, i)));
    f.slot(2, k::kLevel) = k::kFrozen | 1;
    EXPECT_EQ(f.table.look(kSecond, next, 1).available, 3.0);
    EXPECT_EQ(f.table.refund(kSecond, next, 1), 0.0);
    CHECK(f.table.try_acquire_one(kSecond, next));
    f.expect_slot(2, next, 2, f.level_of(-2 * kToken, 2));
    EXPECT_EQ(f.words[k::kEvicted].load(), 0);
  }
}

TEST("keyed words: a claim that was begun is completed by whoever comes next, from wherever it stopped") {
  const uint64_t old = hash_at(0x1111, 2);
  const uint64_t next = hash_at(0x2222, 2);
  const auto old_identity = static_cast<int64_t>(old << 16) | 300;
  const auto new_identity = static_cast<int64_t>(next << 16) | 301;
  struct Stopped {
    int64_t identity;
    int64_t level;
    int64_t then;
  };
  const Stopped all[] = {{old_identity, k::kFrozen | 300, k::kFresh | 301},
                         {new_identity, k::kFrozen | 300, k::kFresh | 301},
                         {new_identity, k::kFresh | 301, k::kFresh | 301},
                         {new_identity, Five::level_of(-kToken, 301), Five::level_of(-kToken, 301)}};
  for (const Stopped& stopped : all) {
    Five f(3, false);
    f.slot(2, k::kIdentity) = stopped.identity;
    f.slot(2, k::kLevel) = stopped.level;
    f.claim() = static_cast<int64_t>(next << 16) | 2 << 11 | k::kClaimPending | 7;
    EXPECT_EQ(f.table.look(kSecond, hash_at(0x3333, 0), 1).available, 3.0);
    f.expect_slot(2, next, 301, stopped.then);
    f.expect_claim(next, 2, 7);
  }
}

TEST("keyed words: what no thread of this package wrote ends every operation, and is left alone") {
  struct Noise {
    int64_t identity;
    int64_t level;
    int64_t index;
  };
  // A slot that there is not; a level that is of another generation.
  const Noise all[] = {{0, 0, 5}, {0, 0, 31}, {0x1111 << 16 | 4, Five::level_of(1, 5), 2}};
  for (const Noise& noise : all) {
    Five f(3, true);
    f.slot(2, k::kIdentity) = noise.identity;
    f.slot(2, k::kLevel) = noise.level;
    const int64_t claim = int64_t{0x2222} << 32 | noise.index << 11 | k::kClaimPending | 7;
    f.claim() = claim;
    const uint64_t key = hash_at(0x3333, 0);
    CHECK(!f.table.try_acquire_one(kSecond, key));
    EXPECT_EQ(f.table.charge(kSecond, key, 1), Outcome::kBusy);
    EXPECT_EQ(f.table.pause(kSecond, key, 1), Outcome::kBusy);
    EXPECT_EQ(f.table.refund(kSecond, key, 1), 0.0);
    EXPECT_EQ(f.table.look(kSecond, key, 1).available, 0.0);
    EXPECT_EQ(f.table.look(kSecond, key, 1).wait_ns, kSecond);
    EXPECT_EQ(f.table.survey(kSecond, key).generation, core::kNoSlot);
    EXPECT_EQ(f.table.survey(kSecond, key).room_ns, 0);
    CHECK(!f.table.return_run(kSecond, key, 1, 0, 1));
    f.table.reset(kSecond, key);
    EXPECT_EQ(f.claim().load(), claim);
    EXPECT_EQ(f.slot(2, k::kIdentity).load(), noise.identity);
    EXPECT_EQ(f.slot(2, k::kLevel).load(), noise.level);
  }
}

}  // namespace
}  // namespace amorsize::test
