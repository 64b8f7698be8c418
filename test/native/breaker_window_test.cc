// What the windows of a circuit breaker write and tell, to the bit.
#include "core/breaker_window.h"

#include <array>
#include <cstdint>
#include <limits>

#include "check.h"
#include "interrupted_word.h"

namespace amorsize::test {
namespace {

namespace b = core::breaker;
namespace p = core::breaker_parameter;
using core::low_bits;

constexpr int64_t kStart = 5'000'000'000;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kMinute = 60'000 * kMs;
constexpr double kNever = std::numeric_limits<double>::infinity();
// Its tags are 5, but for that of a ring, which has more bits.
constexpr int64_t kGeneration = (int64_t{1} << b::kStreakTagBits) + 5;

core::BreakerParameters in_a_row(double failures) { return {{0, failures, 1, kNever, kNever, 1, 1, 100, 1, 100, 50}}; }
core::BreakerParameters of_calls(double calls, double failure_rate, double slow_rate, double minimum) {
  return {{1, calls, failure_rate, slow_rate, 5, minimum, 1, 100, 1, 100, 50}};
}
core::BreakerParameters of_ms(double ms, double failure_rate, double slow_rate, double minimum) {
  return {{2, ms, failure_rate, slow_rate, 5, minimum, 1, 100, 1, 100, 50}};
}

// Tells what it has counted, too.
template <class W = core::Word>
class Counted : public core::BreakerWindow<W> {
  using Base = core::BreakerWindow<W>;

 public:
  using Base::Base;

  // Whether what is counted of `generation` is enough to open the breaker.
  bool is_over(int64_t generation, int64_t now_ns) const {
    switch (this->parameters_.mode()) {
      case core::BreakerMode::kConsecutive:
        return Base::streak_count(this->cell_[b::kStreak].load(), generation) >= this->parameters_.size();
      case core::BreakerMode::kCalls:
        return this->exceeds(this->sum_calls(generation));
      case core::BreakerMode::kTime:
        return this->exceeds(this->sum_slices(generation, this->slice_at(now_ns)));
    }
    return false;
  }
};

// A window in memory of its own, in which `kGeneration` has just begun.
struct Window {
  std::array<core::Word, 1024> words{};
  size_t first;
  Counted<> window;

  explicit Window(const core::BreakerParameters& parameters)
      : first(parameters.first_window_word()), window(begun(parameters)) {}

  int64_t word(size_t index) const { return words[index].load(); }
  int64_t own_word(size_t index) const { return word(first + index); }
  void begin(int64_t generation) { words[b::kControl] = generation << b::kGenerationShift; }
  bool succeed(int64_t now = kStart, bool slow = false) { return window.record(kGeneration, false, slow, now); }
  bool fail(int64_t now = kStart, bool slow = false) { return window.record(kGeneration, true, slow, now); }

 private:
  Counted<> begun(const core::BreakerParameters& parameters) {
    CHECK(parameters.valid());
    CHECK(parameters.cells() * core::kWordsPerCell <= words.size());
    words[b::kEpochNs] = kStart;
    begin(kGeneration);
    return {words.data(), parameters};
  }
};

int64_t streak_of(int64_t minute, int64_t count) {
  return int64_t{5} << b::kStreakTagShift | minute << b::kStreakCountBits | count;
}

TEST("breaker window: failures in a row are counted with their generation and minute, until one succeeds") {
  Window w(in_a_row(3));
  CHECK(w.window.success_is_free(kGeneration));
  CHECK(!w.succeed());
  EXPECT_EQ(w.word(b::kStreak), 0);
  CHECK(!w.fail());
  EXPECT_EQ(w.word(b::kStreak), streak_of(0, 1));
  CHECK(!w.window.success_is_free(kGeneration));
  CHECK(w.window.success_is_free(kGeneration + 1));
  CHECK(!w.fail(kStart + 2 * kMinute - 1));
  EXPECT_EQ(w.word(b::kStreak), streak_of(1, 2));
  CHECK(!w.window.is_over(kGeneration, kStart));
  CHECK(w.fail(kStart + 2 * kMinute));
  EXPECT_EQ(w.word(b::kStreak), streak_of(2, 3));
  CHECK(w.window.is_over(kGeneration, kStart));
  CHECK(!w.window.is_over(kGeneration + 1, kStart));
  CHECK(w.fail(kStart + 2 * kMinute));
  CHECK(!w.succeed(kStart + 3 * kMinute));
  EXPECT_EQ(w.word(b::kStreak), streak_of(0, 0));
  CHECK(!w.fail(kStart - kMinute));
  EXPECT_EQ(w.word(b::kStreak), streak_of(0, 1));
}

TEST("breaker window: failures in a row count no further than their word") {
  Window w(in_a_row(1'000'000));
  w.words[b::kStreak] = streak_of(0, 999'998);
  CHECK(!w.fail());
  CHECK(w.fail());
  w.words[b::kStreak] = streak_of(0, low_bits(b::kStreakCountBits));
  CHECK(w.fail());
  EXPECT_EQ(w.word(b::kStreak), streak_of(0, low_bits(b::kStreakCountBits)));
}

TEST("breaker window: what came before an hour of silence is forgotten, but not before half of what minutes can tell") {
  constexpr int64_t kHalf = int64_t{1} << (b::kMinuteBits - 1);
  struct Case {
    int64_t from;
    int64_t to;
    bool is_idle;
  };
  const Case cases[] = {{0, 0, false},        {0, 59, false},        {0, 60, true},
                        {7, 66, false},       {7, 67, true},         {7, 6, false},
                        {0, kHalf - 1, true}, {0, kHalf, false},     {2 * kHalf - 1, 2 * kHalf + 58, false},
                        {9, kHalf + 8, true}, {9, kHalf + 9, false}, {2 * kHalf - 1, 2 * kHalf + 59, true}};
  for (const Case& each : cases) {
    const int64_t from = kStart + each.from * kMinute;
    const int64_t to = kStart + each.to * kMinute;
    Window w(in_a_row(2));
    CHECK(!w.fail(from));
    EXPECT_EQ(w.fail(to), !each.is_idle);
    EXPECT_EQ(w.word(b::kStreak), streak_of(each.to & low_bits(b::kMinuteBits), each.is_idle ? 1 : 2));
    Window calls(of_calls(20, 0.5, kNever, 2));
    CHECK(!calls.fail(from));
    EXPECT_EQ(calls.fail(to), !each.is_idle);
    EXPECT_EQ(calls.own_word(0) & low_bits(b::kIndexShift), each.is_idle ? 1 : 2);
  }
}

TEST("breaker window: nothing is written for a generation that is over, and nothing opens") {
  for (const core::BreakerParameters& parameters : {in_a_row(1), of_calls(10, 0.1, 0.1, 1), of_ms(1000, 0.1, 0.1, 1)}) {
    Window w(parameters);
    w.begin(kGeneration + 1);
    CHECK(!w.fail(kStart, true));
    CHECK(!w.succeed(kStart, true));
    EXPECT_EQ(w.word(b::kStreak), 0);
    for (size_t i = w.first; i < w.words.size(); ++i) EXPECT_EQ(w.word(i), 0);
  }
}

TEST("breaker window: one of a mode that there is not, in memory that is damaged, counts nothing") {
  Window w(in_a_row(1));
  core::BreakerParameters damaged = in_a_row(1);
  damaged.values[p::kMode] = 3;
  w.window.take(damaged);
  CHECK(!w.fail(kStart, true));
  CHECK(!w.window.is_over(kGeneration, kStart));
  CHECK(!w.window.success_is_free(kGeneration));
  EXPECT_EQ(w.word(b::kStreak), 0);
}

int64_t cursor_of(int64_t minute, int64_t next, int64_t filled) {
  return int64_t{5} << b::kCursorTagShift | minute << b::kCursorMinuteShift | next << b::kIndexShift | filled;
}
int64_t ring_of(int64_t calls) { return kGeneration << b::kRingTagShift | calls; }

TEST("breaker window: the last calls are kept in a ring, two bits each") {
  Window w(of_calls(20, 0.5, 0.5, 20));
  CHECK(!w.succeed());
  EXPECT_EQ(w.own_word(0), cursor_of(0, 1, 1));
  EXPECT_EQ(w.own_word(1), ring_of(0));
  CHECK(!w.fail(kStart + kMinute));
  EXPECT_EQ(w.own_word(0), cursor_of(1, 2, 2));
  EXPECT_EQ(w.own_word(1), ring_of(1 << 2));
  CHECK(!w.succeed(kStart, true));
  CHECK(!w.fail(kStart, true));
  EXPECT_EQ(w.own_word(1), ring_of(1 << 2 | 2 << 4 | 3 << 6));
  for (int i = 4; i < 16; ++i) CHECK(!w.succeed());
  EXPECT_EQ(w.own_word(2), 0);
  for (int i = 16; i < 19; ++i) CHECK(!w.fail());
  EXPECT_EQ(w.own_word(0), cursor_of(0, 19, 19));
  CHECK(!w.succeed());
  EXPECT_EQ(w.own_word(0), cursor_of(0, 0, 20));
  EXPECT_EQ(w.own_word(2), ring_of(1 | 1 << 2 | 1 << 4));
  // What comes next takes the place of the oldest.
  CHECK(!w.fail());
  EXPECT_EQ(w.own_word(0), cursor_of(0, 1, 20));
  EXPECT_EQ(w.own_word(1), ring_of(1 | 1 << 2 | 2 << 4 | 3 << 6));
  CHECK(!w.succeed());
  EXPECT_EQ(w.own_word(1), ring_of(1 | 2 << 4 | 3 << 6));
  EXPECT_EQ(w.own_word(3), 0);
}

TEST("breaker window: failures and slow calls open it at their share of at least so many calls") {
  for (const bool by_slow : {false, true}) {
    Window w(by_slow ? of_calls(20, kNever, 0.25, 8) : of_calls(20, 0.25, kNever, 8));
    const auto bad = [&] { return by_slow ? w.succeed(kStart, true) : w.fail(); };
    CHECK(!bad());
    for (int i = 0; i < 5; ++i) CHECK(!w.succeed());
    CHECK(!bad());
    CHECK(!w.window.is_over(kGeneration, kStart));
    // A success that makes the calls enough.
    CHECK(w.succeed());
    CHECK(w.window.is_over(kGeneration, kStart));
    CHECK(!w.window.is_over(kGeneration + 1, kStart));
    // It makes no share higher.
    CHECK(!w.succeed());
    CHECK(!w.window.is_over(kGeneration, kStart));
    CHECK(bad());
    // Beyond the first word of the ring.
    for (int i = 10; i < 16; ++i) CHECK(!w.succeed());
    CHECK(!bad());
    CHECK(!w.window.is_over(kGeneration, kStart));
    CHECK(bad());
    CHECK(w.window.is_over(kGeneration, kStart));
  }
}

TEST("breaker window: one call is enough where one is asked for, and a share is that of the same division") {
  CHECK(Window(of_calls(1, 1, kNever, 1)).fail());
  CHECK(!Window(of_calls(1, 1, kNever, 1)).succeed());
  CHECK(Window(of_ms(1000, 1, kNever, 1)).fail());
  Window w(of_calls(100, 0.07, kNever, 100));
  for (int i = 0; i < 93; ++i) CHECK(!w.succeed());
  for (int i = 0; i < 6; ++i) CHECK(!w.fail());
  CHECK(w.fail());
}

TEST(
    "breaker window: a success of a generation whose tags are 0 writes a word of 0, and may be the one that is "
    "missing") {
  constexpr int64_t kRound = int64_t{1} << b::kRingTagBits;
  Window w(of_calls(40, 0.5, kNever, 17));
  w.begin(kRound);
  for (int i = 0; i < 16; ++i) CHECK(!w.window.record(kRound, true, false, kStart));
  CHECK(w.window.record(kRound, false, false, kStart));
  EXPECT_EQ(w.own_word(0), 17 << b::kIndexShift | 17);
  EXPECT_EQ(w.own_word(2), 0);
}

TEST("breaker window: a call whose generation ends before all of it is written does not open it") {
  struct Case {
    core::BreakerParameters parameters;
    bool failed;
    size_t last_word;  // that the call writes
  };
  for (const Case& each : {Case{of_calls(10, 0.5, kNever, 1), true, 1}, Case{of_ms(1000, 0.5, kNever, 1), true, 1},
                           Case{of_ms(1000, kNever, 0.5, 1), false, 2}}) {
    const size_t first = each.parameters.first_window_word();
    bool has_come_in = true;
    int64_t late = 0;
    for (int64_t step = 0; has_come_in; ++step) {
      std::array<InterruptedWord, 256> words{};
      words[b::kControl].store(kGeneration << b::kGenerationShift);
      Counted<InterruptedWord> window(words.data(), each.parameters);
      bool opens = false;
      has_come_in = InterruptedWord::run(
          step, [&] { opens = window.record(kGeneration, each.failed, !each.failed, 0); },
          [&] { words[b::kControl].store((kGeneration + 1) << b::kGenerationShift); });
      EXPECT_EQ(opens, words[first + each.last_word].load() != 0);
      late += opens ? 0 : 1;
    }
    // Interrupted before the last word is about to be swapped.
    EXPECT_EQ(late, each.parameters.mode() == core::BreakerMode::kTime && each.failed ? 2 : 5);
  }
}

TEST("breaker window: after a silence, and in a new generation, old places of the ring do not count") {
  for (const bool is_new : {false, true}) {
    Window w(of_calls(40, 0.5, kNever, 1));
    for (int i = 0; i < 40; ++i) w.fail();
    int64_t generation = kGeneration;
    int64_t now = kStart + 60 * kMinute;
    if (is_new) {
      w.begin(++generation);
      now = kStart;
      EXPECT_EQ(w.window.is_over(generation, now), false);
    }
    CHECK(!w.window.record(generation, false, false, now));
    EXPECT_EQ(w.window.is_over(generation, now), false);
    EXPECT_EQ(w.own_word(0) & low_bits(b::kCursorMinuteShift), 1 << b::kIndexShift | 1);
    EXPECT_EQ(w.own_word(1), is_new ? (kGeneration + 1) << b::kRingTagShift : ring_of(0x5555'5554));
    for (int i = 1; i < 17; ++i) CHECK(!w.window.record(generation, false, false, now));
    // Of the second word only the first place is in use.
    CHECK(!w.window.is_over(generation, now));
    for (int i = 17; i < 33; ++i) CHECK(!w.window.record(generation, false, false, now));
    CHECK(!w.window.is_over(generation, now));
  }
}

TEST("breaker window: a word of the ring that another generation has written counts as successes") {
  Window w(of_calls(40, 0.5, kNever, 1));
  for (int i = 0; i < 20; ++i) w.fail();
  w.words[w.first + 1] = (kGeneration - 1) << b::kRingTagShift | 0x5555'5555;
  CHECK(!w.window.is_over(kGeneration, kStart));
  w.words[w.first + 1] = ring_of(0x5555'5555);
  CHECK(w.window.is_over(kGeneration, kStart));
}

TEST("breaker window: a cursor that was scribbled over leads to no place beyond the ring") {
  for (const int64_t index : {int64_t{20}, low_bits(b::kIndexShift)}) {
    Window w(of_calls(20, 0.5, kNever, 1));
    const int64_t cursor = int64_t{5} << b::kCursorTagShift | index << b::kIndexShift | low_bits(b::kIndexShift);
    w.words[w.first] = cursor;
    for (size_t i = w.first + 3; i < w.words.size(); ++i) w.words[i] = ring_of(0x5555'5555);
    CHECK(!w.window.is_over(kGeneration, kStart));
    w.succeed();
    EXPECT_EQ(w.own_word(0) & low_bits(b::kCursorMinuteShift), 1 << b::kIndexShift | 1);
    EXPECT_EQ(w.own_word(1), ring_of(0));
    for (size_t i = w.first + 3; i < w.words.size(); ++i) EXPECT_EQ(w.word(i), ring_of(0x5555'5555));
  }
}

int64_t slice_of(int64_t number, int64_t count) {
  return int64_t{5} << b::kSliceTagShift | number << b::kSliceCountBits | count;
}

TEST("breaker window: calls of the last milliseconds are counted by tenths of it") {
  Window w(of_ms(1000, 0.5, 0.5, 100));
  w.succeed(kStart + 100 * kMs - 1);
  EXPECT_EQ(w.own_word(0), slice_of(0, 1));
  w.succeed(kStart + 100 * kMs);
  EXPECT_EQ(w.own_word(4), slice_of(1, 1));
  w.fail(kStart + 100 * kMs);
  w.fail(kStart + 100 * kMs, true);
  w.succeed(kStart + 100 * kMs, true);
  EXPECT_EQ(w.own_word(4), slice_of(1, 2));
  EXPECT_EQ(w.own_word(5), slice_of(1, 2));
  EXPECT_EQ(w.own_word(6), slice_of(1, 2));
  EXPECT_EQ(w.own_word(7), 0);
  w.succeed(kStart - 1);
  EXPECT_EQ(w.own_word(0), slice_of(0, 2));
  w.fail(kStart + 999 * kMs);
  EXPECT_EQ(w.own_word(37), slice_of(9, 1));
  // The tenth after the last takes the words of the first.
  w.succeed(kStart + 1000 * kMs);
  EXPECT_EQ(w.own_word(0), slice_of(10, 1));
  // Whoever was held up meanwhile leaves them alone, and so does what is a window later still count anew.
  w.succeed(kStart);
  EXPECT_EQ(w.own_word(0), slice_of(10, 1));
  w.succeed(kStart + 3000 * kMs);
  EXPECT_EQ(w.own_word(0), slice_of(30, 1));
  // So does whoever was held up for several windows.
  w.succeed(kStart);
  EXPECT_EQ(w.own_word(0), slice_of(30, 1));
  // The number of a slice comes round.
  const int64_t round = int64_t{1} << (b::kSliceTagShift - b::kSliceCountBits);
  w.succeed(kStart + (round + 48) * 100 * kMs);
  EXPECT_EQ(w.own_word(static_cast<size_t>((round + 48) % 10) * 4), slice_of(48, 1));
}

TEST("breaker window: a word that was left behind, or never written, is not taken for one of a later tenth") {
  const int64_t round = int64_t{1} << (b::kSliceTagShift - b::kSliceCountBits);
  const int64_t most_ahead = round >> 10;
  for (const int64_t ahead : {10L, most_ahead, most_ahead + 1, round - 10}) {
    Window w(of_ms(1000, 0.5, 0.5, 100));
    w.words[w.first] = slice_of((30 + ahead) % round, 7);
    w.succeed(kStart + 3000 * kMs);
    EXPECT_EQ(w.own_word(0), ahead > most_ahead ? slice_of(30, 1) : slice_of((30 + ahead) % round, 7));
  }
  // The tag of this generation is 0, as that of what was never written.
  Window w(of_ms(1000, 0.5, 0.5, 100));
  const int64_t generation = int64_t{1} << b::kSliceTagBits;
  w.begin(generation);
  w.window.record(generation, false, false, kStart + (round - 2) * 100 * kMs);
  EXPECT_EQ(w.own_word(static_cast<size_t>((round - 2) % 10) * 4), (round - 2) << b::kSliceCountBits | 1);
}

TEST("breaker window: a tenth counts no further than its word") {
  Window w(of_ms(1000, 0.5, kNever, 1));
  w.words[w.first] = slice_of(0, low_bits(b::kSliceCountBits));
  w.succeed();
  EXPECT_EQ(w.own_word(0), slice_of(0, low_bits(b::kSliceCountBits)));
}

TEST("breaker window: what the last ten tenths hold opens it, and no more") {
  for (const bool by_slow : {false, true}) {
    Window w(by_slow ? of_ms(1000, kNever, 0.5, 4) : of_ms(1000, 0.5, kNever, 4));
    const auto bad = [&](int64_t ms) {
      return by_slow ? w.succeed(kStart + ms * kMs, true) : w.fail(kStart + ms * kMs);
    };
    const auto is_over = [&](int64_t ms) { return w.window.is_over(kGeneration, kStart + ms * kMs); };
    CHECK(!bad(0));
    CHECK(!w.succeed(kStart + 500 * kMs));
    CHECK(!w.succeed(kStart + 500 * kMs));
    CHECK(!is_over(500));
    CHECK(bad(950));
    CHECK(is_over(950) && is_over(999));
    CHECK(!w.window.is_over(kGeneration + 1, kStart + 950 * kMs));
    // The first has left it: three calls are not enough, and then too few of them are bad.
    CHECK(!is_over(1000));
    CHECK(!w.succeed(kStart + 1000 * kMs));
    CHECK(!bad(1050));
    CHECK(bad(1050));
    CHECK(!w.succeed(kStart + 1050 * kMs));
    // Those of half a second leave it, and then all.
    CHECK(!is_over(1050) && !is_over(1499));
    CHECK(is_over(1500) && is_over(1999) && !is_over(2000));
  }
}

}  // namespace
}  // namespace amorsize::test
