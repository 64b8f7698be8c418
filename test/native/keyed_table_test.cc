// The keyed table in one thread: against a map of exact buckets, at the ends of its ranges, and with a hash weak enough
// that keys meet.
#include "core/keyed_table.h"

#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <vector>

#include "check.h"
#include "keyed_cells.h"

namespace amorsize::test {
namespace {

using core::KeyedTable;
using core::Outcome;
constexpr int64_t kSecond = 1'000'000'000;

TEST("keyed: the hash is SipHash-1-3, as CPython computes it with a key of zeros") {
  // PYTHONHASHSEED=0 python3.11 -c "print(hash(b'abcdefgh') % 2**64)", and so on
  EXPECT_EQ(core::hash_string({0, 0}, u"\x6261\x6463\x6665\x6867", 4), uint64_t{4574395652268504554});
  EXPECT_EQ(core::hash_string({0, 0}, u"\x6261\x6463\x6665", 3), uint64_t{7070790388344807208});
  EXPECT_EQ(core::hash_string({0, 0}, u"\x6261\x6463\x6665\x6867\x6a69\x6c6b\x6e6d\x706f\x7271", 9),
            uint64_t{12856563903062959655U});
}

TEST("keyed: the hash of numbers and bigints takes their type, sign and words, in this order") {
  const uint64_t seven = 7;
  const uint64_t two[] = {5, 64};
  EXPECT_EQ(core::hash_number({0, 0}, 1.5), uint64_t{13527492737963403820U});
  EXPECT_EQ(core::hash_bigint({0, 0}, false, &seven, 1), uint64_t{3252144670275703454});
  EXPECT_EQ(core::hash_bigint({0, 0}, true, &seven, 1), uint64_t{2306945253116960764});
  EXPECT_EQ(core::hash_bigint({0, 0}, false, two, 2), uint64_t{4159171187738603237});
}

TEST("keyed: the hash tells types, lengths and seeds apart") {
  const core::HashSeed seed{1, 2};
  CHECK(core::hash_string(seed, u"1", 1) != core::hash_number(seed, 1));
  CHECK(core::hash_number(seed, 1) != [&] {
    const uint64_t one = 1;
    return core::hash_bigint(seed, false, &one, 1);
  }());
  CHECK(core::hash_string(seed, u"", 0) != core::hash_string(seed, u"\0", 1));
  CHECK(core::hash_string(seed, u"abcd", 4) != core::hash_string(seed, u"abcd\0", 5));
  CHECK(core::hash_number(seed, 0.0) == core::hash_number(seed, -0.0));
  CHECK(core::hash_string(seed, u"a", 1) != core::hash_string({1, 3}, u"a", 1));
  CHECK(core::hash_string(seed, u"\xD800", 1) != core::hash_string(seed, u"\xD801", 1));
}

TEST("keyed: at most 24 bytes a key from a thousand keys on, and room for as many") {
  for (const int64_t capacity : {1'000, 10'000, 1'000'000, 10'000'000, 100'000'000}) {
    CHECK(core::keyed_cells(capacity) * core::kCellBytes <= static_cast<size_t>(capacity) * 24);
    CHECK(core::cut_for(capacity).groups * core::cut_for(capacity).slots > capacity * 14 / 10);
  }
  for (const int64_t capacity : {1, 5, 31}) EXPECT_EQ(core::cut_for(capacity).slots, capacity);
}

TEST(
    "keyed: units are exact for whole tokens at every rate up to 10^9, and the axis lasts 100 years up to 5.7 "
    "million") {
  for (const double rate : {1e-6, 0.1, 1.0, 10.0, 1000.0, 5e6, 1e7, 1e9}) {
    const core::Scale scale = core::scale_for(rate, 1);
    CHECK(scale.digits >= 0);
    CHECK((rate * core::kHorizonSeconds + 1) * core::pow10_of(scale.digits) <
          0x1p60 / static_cast<double>(int64_t{1} << scale.generation_bits) * 8);
    if (rate <= 5e6) CHECK(scale.generation_bits >= 6);
  }
}

TEST("keyed: a key has its burst, gets it back at its rate, and touches no other") {
  Table table(100, 10, 3);
  for (int i = 0; i < 3; ++i) CHECK(table->try_acquire_one(kSecond, hash_of(1)));
  CHECK(!table->try_acquire_one(kSecond, hash_of(1)));
  EXPECT_EQ(table->look(kSecond, hash_of(1), 1).wait_ns, kSecond / 10);
  CHECK(table->try_acquire_one(kSecond, hash_of(2)));
  EXPECT_EQ(table->look(kSecond, hash_of(3), 1).available, 3.0);
  EXPECT_EQ(table->size(kSecond), 2);
  CHECK(table->try_acquire_one(kSecond + kSecond / 10, hash_of(1)));
  CHECK(!table->try_acquire_one(kSecond + kSecond / 10, hash_of(1)));
  EXPECT_EQ(table->try_acquire(kSecond, hash_of(1), 3.5), Outcome::kExceedsBurst);
  EXPECT_EQ(table->size(2 * kSecond), 0);
}

// Takes the next `units` millionths of a token, as a line of callers does; fails when that is refused.
core::Run run_of(Table& table, uint64_t key, int64_t units, int64_t now = kSecond) {
  const int64_t generation = table->survey(now, hash_of(key)).generation;
  const core::Run run = table->reserve_run(now, hash_of(key), generation, units, 0, kSecond * kSecond);
  CHECK(run.outcome == Outcome::kGranted);
  return run;
}
constexpr int64_t kToken = 1'000'000;

TEST("keyed: runs follow each other, fall due in order, and only the last one is given back") {
  Table table(10, 1, 1);
  EXPECT_EQ(table->survey(kSecond, hash_of(1)).generation, core::kNoSlot);
  const core::Run first = run_of(table, 1, kToken);
  const core::Run second = run_of(table, 1, kToken);
  const core::Run third = run_of(table, 1, kToken);
  EXPECT_EQ(second.start, first.start + kToken);
  EXPECT_EQ(third.start, second.start + kToken);
  EXPECT_EQ(table->time_until(kSecond, third.start + kToken), 2 * kSecond);
  const int64_t generation = table->survey(kSecond, hash_of(1)).generation;
  CHECK(!table->return_run(kSecond, hash_of(1), generation, second.start + kToken, kToken));
  CHECK(!table->return_run(kSecond, hash_of(1), generation + 1, third.start + kToken, kToken));
  CHECK(table->return_run(kSecond, hash_of(1), generation, third.start + kToken, kToken / 4));
  CHECK(!table->return_run(kSecond, hash_of(1), generation, third.start + kToken, kToken));
  EXPECT_EQ(table->survey(kSecond, hash_of(1)).spent, third.start + kToken * 3 / 4);
  // Callers may stand on all of it, until they say that they do not.
  EXPECT_EQ(table->refund(kSecond, hash_of(1), 100), 0.0);
  CHECK(table->return_run(kSecond, hash_of(1), generation, third.start + kToken * 3 / 4, 0));
  EXPECT_EQ(table->refund(kSecond, hash_of(1), 100), 1.0);
  EXPECT_EQ(table->refund(kSecond, hash_of(2), 100), 0.0);
}

TEST("keyed: a run begins at its limit at most, and never before its reach or the burst") {
  Table table(10, 1, 4);
  const core::KeyedSurvey unseen = table->survey(kSecond, hash_of(1));
  EXPECT_EQ(unseen.spent, unseen.produced - 4 * kToken);
  const auto run_at = [&](int64_t now, int64_t generation, int64_t reach, int64_t limit) {
    return table->reserve_run(now, hash_of(1), generation, kToken, reach, limit);
  };
  EXPECT_EQ(run_at(kSecond, core::kNoSlot, 0, unseen.spent - 1).outcome, Outcome::kDenied);
  EXPECT_EQ(table->size(kSecond), 0);
  EXPECT_EQ(run_at(kSecond, core::kNoSlot, 9 * kToken, unseen.spent).start, unseen.spent);
  // What the key has not spent for a while is gone, beyond its reach.
  const core::KeyedSurvey seen = table->survey(9 * kSecond, hash_of(1));
  EXPECT_EQ(run_at(9 * kSecond, core::kNoSlot, 0, seen.produced).outcome, Outcome::kBusy);
  EXPECT_EQ(run_at(9 * kSecond, seen.generation, 6 * kToken, seen.produced).start, seen.produced - 6 * kToken);
  EXPECT_EQ(run_at(9 * kSecond, seen.generation, 0, seen.produced).start, seen.produced - 4 * kToken);
  // A slot that was freed does not tell what was spent before.
  CHECK(table->return_run(9 * kSecond, hash_of(1), seen.generation, seen.produced - 3 * kToken, 0));
  table->reset(9 * kSecond, hash_of(1));
  EXPECT_EQ(run_at(9 * kSecond, seen.generation, 6 * kToken, seen.produced).start, seen.produced - 4 * kToken);
}

TEST("keyed: a key without room is told when there is some") {
  Table table(1, 1, 2, false);
  CHECK(table->try_acquire(kSecond, hash_of(1), 1) == Outcome::kGranted);
  const core::KeyedSurvey seen = table->survey(kSecond, hash_of(2));
  EXPECT_EQ(seen.room_ns, kSecond);
  EXPECT_EQ(table->reserve_run(kSecond, hash_of(2), seen.generation, kToken, 0, seen.produced).outcome, Outcome::kBusy);
  EXPECT_EQ(table->survey(2 * kSecond, hash_of(2)).room_ns, 0);
  run_of(table, 2, kToken, 2 * kSecond);
}

TEST("keyed: a debt is paid off before the key is admitted again, also where it begins with it") {
  Table table(10, 1, 2);
  EXPECT_EQ(table->charge(kSecond, hash_of(1), 5), Outcome::kGranted);
  EXPECT_EQ(table->look(kSecond, hash_of(1), 1).available, 0.0);
  EXPECT_EQ(table->look(kSecond, hash_of(1), 1).wait_ns, 4 * kSecond);
  table->reset(kSecond, hash_of(1));
  EXPECT_EQ(table->look(kSecond, hash_of(1), 1).available, 2.0);
  EXPECT_EQ(table->size(kSecond), 0);
}

TEST("keyed: a group without room denies, until one of its keys is full again") {
  Table table(3, 1, 2, false);
  for (uint64_t key = 0; key < 3; ++key)
    CHECK(table->try_acquire(kSecond, hash_of(key), key == 1 ? 1 : 2) == Outcome::kGranted);
  EXPECT_EQ(table->try_acquire(kSecond, hash_of(9), 1), Outcome::kBusy);
  EXPECT_EQ(table->look(kSecond, hash_of(9), 1).available, 0.0);
  EXPECT_EQ(table->look(kSecond, hash_of(9), 1).wait_ns, kSecond);
  // The key whose bucket is full again has left its slot to the new one, and is served from a full bucket all the same.
  CHECK(table->try_acquire_one(2 * kSecond, hash_of(9)));
  EXPECT_EQ(table->try_acquire(2 * kSecond, hash_of(1), 1), Outcome::kBusy);
  CHECK(table->try_acquire(3 * kSecond, hash_of(1), 2) == Outcome::kGranted);
}

TEST("keyed: a group without room evicts the key nearest to full, and nobody else") {
  Table table(3, 1, 5, true);
  for (uint64_t key = 0; key < 3; ++key)
    CHECK(table->try_acquire(kSecond, hash_of(key), static_cast<double>(key) + 1) == Outcome::kGranted);
  CHECK(table->try_acquire(kSecond, hash_of(9), 5) == Outcome::kGranted);
  EXPECT_EQ(table->look(kSecond, hash_of(1), 1).available, 3.0);
  EXPECT_EQ(table->look(kSecond, hash_of(2), 1).available, 2.0);
  EXPECT_EQ(table->look(kSecond, hash_of(9), 1).available, 0.0);
  EXPECT_EQ(table->look(kSecond, hash_of(0), 1).available, 5.0);
  EXPECT_EQ(table.evicted(), 1);
  // Whose bucket is full again loses nothing.
  CHECK(table->try_acquire_one(20 * kSecond, hash_of(10)));
  EXPECT_EQ(table.evicted(), 1);
}

TEST("keyed: a run of a key that was evicted gives nothing back") {
  Table table(1, 1, 5, true);
  const core::Run held = run_of(table, 1, 5 * kToken);
  const int64_t generation = table->survey(kSecond, hash_of(1)).generation;
  CHECK(table->try_acquire_one(kSecond, hash_of(2)));
  CHECK(!table->return_run(kSecond, hash_of(1), generation, held.start + 5 * kToken, kToken));
  CHECK(table->try_acquire(kSecond, hash_of(1), 5) == Outcome::kGranted);
  EXPECT_EQ(table->survey(kSecond, hash_of(1)).spent, held.start + 5 * kToken);
  CHECK(!table->return_run(kSecond, hash_of(1), generation, held.start + 5 * kToken, 5 * kToken));
  EXPECT_EQ(table->look(kSecond, hash_of(1), 1).available, 0.0);
}

TEST("keyed: a pause admits nothing and leaves nothing; the longer of two stands, also for a key that was never seen") {
  for (const bool seen : {false, true}) {
    Table table(5, 10, 5);
    if (seen) CHECK(table->try_acquire_one(kSecond, hash_of(1)));
    CHECK(table->pause(kSecond, hash_of(1), 3 * kSecond) == Outcome::kGranted);
    CHECK(table->pause(kSecond, hash_of(1), kSecond) == Outcome::kGranted);
    constexpr int64_t kTenth = kSecond / 10;
    EXPECT_EQ(table->look(kSecond, hash_of(1), 1).wait_ns, 3 * kSecond + kTenth);
    CHECK(table->try_acquire(4 * kSecond, hash_of(1), 1e-6) == Outcome::kDenied);
    CHECK(!table->try_acquire_one(4 * kSecond + kTenth - 1, hash_of(1)));
    CHECK(table->try_acquire_one(4 * kSecond + kTenth, hash_of(1)));
    CHECK(!table->try_acquire_one(4 * kSecond + kTenth, hash_of(1)));
  }
  Table full(1, 1, 1, false);
  CHECK(full->try_acquire_one(kSecond, hash_of(1)));
  CHECK(full->pause(kSecond, hash_of(2), kSecond) == Outcome::kBusy);
  CHECK(full->pause(kSecond, hash_of(1), std::numeric_limits<int64_t>::max()) == Outcome::kGranted);
  CHECK(!full->try_acquire_one(1'000'000 * kSecond, hash_of(1)));
  Table evicting(1, 1, 1, true);
  CHECK(evicting->try_acquire_one(kSecond, hash_of(1)));
  CHECK(evicting->pause(kSecond, hash_of(2), kSecond) == Outcome::kGranted);
  CHECK(!evicting->try_acquire_one(kSecond, hash_of(2)));
  EXPECT_EQ(evicting.evicted(), 1);
}

// One bucket, as plainly as can be, in exact fractions: tokens are counted in billionths, time in ns, rates are whole.
struct ExactBucket {
  core::uint128 level_at(int64_t now_ns, int64_t rate, int64_t burst) const {
    const core::uint128 grown = level + static_cast<core::uint128>(now_ns - at_ns) * static_cast<core::uint128>(rate);
    return std::min(grown, static_cast<core::uint128>(burst) * kSecond);
  }
  core::uint128 level;
  int64_t at_ns;
};

TEST("keyed: as a map of exact buckets decides, over keys, costs and times at random") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 60 * effort; ++round) {
    const auto rate = static_cast<int64_t>(1 + random() % (round % 2 == 0 ? 5 : 5000));
    const auto burst = static_cast<int64_t>(1 + random() % 10);
    Table table(2'000, static_cast<double>(rate), static_cast<double>(burst), false);
    std::map<uint64_t, ExactBucket> exact;
    int64_t now = kSecond;
    for (int i = 0; i < 5'000; ++i) {
      now += static_cast<int64_t>(random() % (static_cast<uint64_t>(kSecond) / static_cast<uint64_t>(rate) / 100 + 1));
      const uint64_t key = random() % 1'500;
      const auto cost = static_cast<int64_t>(1 + random() % static_cast<uint64_t>(burst));
      const auto known = exact.find(key);
      const core::uint128 full = static_cast<core::uint128>(burst) * kSecond;
      const core::uint128 level = known == exact.end() ? full : known->second.level_at(now, rate, burst);
      // Units are seen whole: what a table grants an exact bucket grants too, and at most a unit later.
      const core::uint128 need = static_cast<core::uint128>(cost) * kSecond;
      const core::uint128 unit = static_cast<core::uint128>(
          kSecond / core::kIntPow10[core::scale_for(static_cast<double>(rate), static_cast<double>(burst)).digits]);
      const bool granted = table->try_acquire(now, hash_of(key), static_cast<double>(cost)) == Outcome::kGranted;
      // The start of the axis is shared, so a key's own production is seen up to a unit early or late.
      if (granted) CHECK(level + unit >= need);
      if (!granted) CHECK(level < need + unit);
      if (granted) exact[key] = {level >= need ? level - need : 0, now};
    }
  }
}

TEST("keyed: with a hash of few bits keys share a bucket only when group and tag are the same") {
  const uint64_t base = hash_of(77);
  for (int bit = 0; bit < core::keyed::kTagBits; ++bit) {
    Table table(31, 1, 1);
    CHECK(table->try_acquire_one(kSecond, base));
    CHECK(!table->try_acquire_one(kSecond, base));
    CHECK(table->try_acquire_one(kSecond, base ^ (uint64_t{1} << bit)));
  }
  // A tag of 12 bits instead of 48: the keys that share are exactly those with the same group and tag.
  Table weak(30'000, 1, 1);
  std::map<std::pair<uint64_t, uint64_t>, int> seen;
  int64_t shared = 0;
  for (uint64_t key = 0; key < 20'000; ++key) {
    const uint64_t hash = hash_of(key) & ~uint64_t{0x0000'FFFF'FFFF'F000};
    const auto groups = static_cast<uint64_t>(weak->terms().cut.groups);
    const int before = seen[{core::multiply_shift(hash, groups, 64), hash & 0xFFF}]++;
    shared += before > 0 ? 1 : 0;
    EXPECT_EQ(weak->try_acquire_one(kSecond, hash), before == 0);
  }
  // 20,000 keys over 1406 groups and 4096 tags: 2 * 10^8 pairs, 35 expected to meet.
  CHECK(shared > 5 && shared < 90);
}

TEST("keyed: filled to its capacity, a table evicts 1 key in 450; nine tenths full, 1 in 1,800") {
  for (const auto& [share, limit] : {std::pair{1.0, 400}, {0.9, 1'400}}) {
    constexpr int64_t kCapacity = 400'000;
    Table table(kCapacity, 1, 1);
    const auto keys = static_cast<uint64_t>(static_cast<double>(kCapacity) * share);
    for (uint64_t key = 0; key < keys; ++key) CHECK(table->try_acquire_one(kSecond, hash_of(key)));
    const int64_t lost = static_cast<int64_t>(keys) - table->size(kSecond);
    std::cout << "     " << lost << " of " << keys << " evicted" << std::endl;
    CHECK(lost * limit <= static_cast<int64_t>(keys));
    EXPECT_EQ(table.evicted(), lost);
  }
}

TEST("keyed: a flood of keys evicts no key that owes more than the flood's own do") {
  Table table(1'000, 1, 10);
  for (uint64_t key = 0; key < 100; ++key) CHECK(table->try_acquire(kSecond, hash_of(key), 10) == Outcome::kGranted);
  for (uint64_t key = 1'000; key < 200'000; ++key) CHECK(table->try_acquire_one(kSecond, hash_of(key)));
  for (uint64_t key = 0; key < 100; ++key) CHECK(!table->try_acquire_one(kSecond, hash_of(key)));
}

}  // namespace
}  // namespace amorsize::test
