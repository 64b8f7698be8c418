// The bucket under every interleaving of a few threads; and the explorer under bugs planted on purpose.
#include "explore/explorer.h"

#include "check.h"

namespace amorsize::test {
namespace {

using enum Action;
constexpr int64_t kSecond = 1'000'000'000;
constexpr int64_t kStart = 1'000'000'000;
constexpr int64_t kForever = core::kMaxWaitNs;

// What is asked after the threads ended or died: the lease of a dead updater is over by then, so a change must succeed.
const std::vector<Operation> kLast = {
    {kAvailable, kStart + 10 * kSecond},
    {kParameters, 0},
    {kUpdate, kStart + 10 * kSecond, 5, 5},
    {kReserve, kStart + 10 * kSecond, 5, 0, kForever},
    {kParameters, 0},
    {kReset, kStart + 11 * kSecond},
    {kAvailable, kStart + 12 * kSecond},
};

template <class Memory = Interleaving, class History = RealTime>
void explore(const Scenario& scenario) {
  const auto found = Explorer<Memory, History>(scenario).run();
  if (!found.failure.empty()) fail(__FILE__, __LINE__, found.failure);
  CHECK(found.ends > 0);
  std::cout << "     " << found.states << " states, " << found.ends << " ends" << std::endl;
}

// The explorer is worth something only if it finds what is wrong.
template <Fault kFault, class Memory = Interleaving, class History = RealTime>
void must_find(const Scenario& scenario, const char* expected) {
  const auto found = Explorer<Memory, History, kFault>(scenario).run();
  if (found.failure.find(expected) == std::string::npos) {
    fail(__FILE__, __LINE__, std::string("should have found \"") + expected + "\", not \"" + found.failure + "\"");
  }
  std::cout << "     found after " << found.states << " states: " << found.failure.substr(0, found.failure.find('\n'))
            << std::endl;
}

const Scenario kLastToken{1, 1, {}, {{{kAcquireOne, kStart}}, {{kAcquireOne, kStart}}}, kLast, true};

TEST("explorer: two threads want the last token, swaps may fail without cause") { explore(kLastToken); }

TEST("explorer: three threads acquire and reserve what two can have") {
  explore({1,
           2,
           {},
           {{{kAcquireOne, kStart}, {kAcquire, kStart}},
            {{kReserve, kStart, 1, 0, kSecond}, {kAvailable, kStart}},
            {{kAcquire, kStart, 2}}},
           kLast,
           true});
}

TEST("explorer: two threads reserve, cancel and refund") {
  explore({1,
           1,
           {},
           {{{kReserve, kStart, 1, 0, kForever}, {kReserve, kStart, 1, 0, kForever}, {kCancel, kStart}},
            {{kReserve, kStart, 1, 0, kForever}, {kRefund, kStart, 1}, {kCancel, kStart}}},
           kLast,
           true});
}

// Two give up, each what the other or the third may have come after; a third one reserves.
TEST("explorer: two threads cancel what a third has reserved after") {
  explore({1,
           4,
           {{kAcquire, kStart, 4}, {kReserve, kStart, 4, 0, kForever}},
           {{{kReserve, kStart, 2, 0, kForever}, {kCancel, kStart, 2}},
            {{kCancel, kStart, 4}},
            {{kReserve, kStart, 1, 0, kForever}}},
           kLast});
}

// What is given back must not be had by two: by who waits for it and by who comes.
const Scenario kRefundUnderRuns{1,
                                4,
                                {{kAcquire, kStart, 4}},
                                {{{kReserveRun, kStart, 2, 4, 1}}, {{kRefund, kStart, 3}, {kAcquireOne, kStart}}},
                                kLast};

TEST("explorer: one thread reserves a run while another refunds and acquires") { explore(kRefundUnderRuns); }

TEST("explorer: two threads reserve runs and give them back while a third acquires") {
  explore({1,
           4,
           {{kAcquire, kStart, 4}},
           {{{kReserveRun, kStart, 3, 4, 5}, {kReturnRun, kStart, 3}},
            {{kReserveRun, kStart, 2, 4, 5}, {kReturnRun, kStart, 2}},
            {{kAcquireOne, kStart}}},
           kLast});
}

TEST("explorer: a run beside a reset, and decisions") {
  explore({1,
           2,
           {{kAcquire, kStart, 2}},
           {{{kReserveRun, kStart, 2, 2, 5}, {kReturnRun, kStart, 2}},
            {{kReset, kStart + kSecond, 1, 1}, {kAcquireOne, kStart + kSecond}}},
           kLast});
}

TEST("explorer: a run, a pause, and what is given back in it") {
  explore({1,
           2,
           {{kAcquire, kStart, 2}},
           {{{kReserveRun, kStart, 2, 2, 5}, {kReturnRun, kStart, 2}},
            {{kPause, kStart, 1, 0, kStart + 5 * kSecond}, {kRefund, kStart, 1}}},
           kLast});
}

TEST("explorer: runs beside an update and decisions") {
  explore({1,
           4,
           {{kAcquire, kStart, 4}},
           {{{kReserveRun, kStart + kSecond, 1, 4, 5}, {kReturnRun, kStart + kSecond, 1}},
            {{kUpdate, kStart, 2, 3}, {kAcquireOne, kStart + kSecond}}},
           kLast});
}

const Scenario kTwoReserve{
    1,
    4,
    {{kAcquire, kStart, 4}},
    {{{kReserve, kStart, 4, 0, kForever}, {kCancel, kStart, 4}, {kReserve, kStart, 4, 0, kForever}},
     {{kReserve, kStart, 3, 0, kForever}, {kCancel, kStart, 3}}},
    kLast};

TEST("explorer: two threads reserve, one of them gives up and comes again") { explore(kTwoReserve); }

TEST("explorer: two threads cancel, one refunds and one changes parameters") {
  explore({1,
           4,
           {{kAcquire, kStart, 4}, {kReserve, kStart, 4, 0, kForever}},
           {{{kReserve, kStart, 2, 0, kForever}, {kCancel, kStart, 2}, {kRefund, kStart, 1}},
            {{kCancel, kStart, 4}, {kUpdate, kStart, 2, 4}}},
           kLast});
}

TEST("explorer: one thread charges a cost beyond the burst while others acquire and change the limit") {
  explore({1,
           2,
           {},
           {{{kCharge, kStart, 3}, {kAcquireOne, kStart}},
            {{kReserve, kStart, 1, 0, kForever}, {kCancel, kStart}},
            {{kUpdate, kStart, 2, 1}}},
           kLast,
           true});
}

TEST("explorer: clocks of two threads disagree") {
  explore({1,
           2,
           {},
           {{{kAcquire, kStart + 2 * kSecond},
             {kReserve, kStart + kSecond, 2, 0, kForever},
             {kAcquireOne, kStart + 3 * kSecond}},
            {{kReserve, kStart, 2, 0, kForever}, {kAcquireOne, kStart + 3 * kSecond}, {kCancel, kStart + kSecond, 2}}},
           kLast});
}

const Scenario kTwoUpdates{
    1,
    4,
    {},
    {{{kUpdate, kStart, 2, 2}}, {{kUpdate, kStart, 3, 3}}, {{kAcquireOne, kStart}, {kAcquire, kStart, 2}}},
    kLast};

TEST("explorer: two threads update while a third acquires") { explore(kTwoUpdates); }

TEST("explorer: a pause, a reset and a caller that waits and gives up") {
  explore({1,
           2,
           {},
           {{{kPause, kStart, 1, 0, kStart + 5 * kSecond}},
            {{kReset, kStart + kSecond}},
            {{kReserve, kStart, 2, 0, kForever}, {kCancel, kStart + 2, 2}}},
           kLast});
}

TEST("explorer: an update while a caller waits, asks again and gives up") {
  explore({1,
           2,
           {{kAcquire, kStart, 2}},
           {{{kUpdate, kStart, 4, 3}, {kRefund, kStart + kSecond, 1}},
            {{kReserve, kStart, 2, 0, kForever}, {kRemaining, kStart + 1}, {kCancel, kStart + 2, 2}}},
           kLast});
}

// After three seconds at 1000 tokens a second the next decision starts a new slot.
const int64_t kLater = kStart + 3 * kSecond;

TEST("explorer: two decisions start a new slot at the same time") {
  explore({1000,
           2,
           {},
           {{{kAcquireOne, kLater}, {kAcquireOne, kLater}}, {{kReserve, kLater, 1, 0, kForever}}},
           kLast,
           false,
           true});
}

TEST("explorer: a decision starts a new slot during an update") {
  explore(
      {1000, 2, {}, {{{kAcquire, kLater, 2}}, {{kUpdate, kLater, 10, 5}, {kAcquireOne, kLater}}}, kLast, false, true});
}

// One thread may sleep past its lease at any instruction and wake up at any other of the second thread.
const int64_t kTaken = kStart + 2 * kSecond;
const Scenario kSleeper{1,
                        4,
                        {},
                        {{{kUpdate, kStart, 7, 7}, {kUpdate, kTaken, 1, 1}},
                         {{kUpdate, kTaken, 1, 2},
                          {kUpdate, kTaken, 2, 3},
                          {kUpdate, kTaken, 3, 4},
                          {kUpdate, kTaken, 1, 5},
                          {kUpdate, kTaken, 2, 6},
                          {kAcquireOne, kTaken}}},
                        kLast};

TEST("explorer: an updater sleeps past its lease while another changes parameters five times") { explore(kSleeper); }

TEST("explorer: two updaters sleep past their leases one after the other") {
  explore({1,
           4,
           {},
           {{{kUpdate, kStart, 7, 7}}, {{kUpdate, kTaken, 1, 2}}, {{kUpdate, kTaken + 2 * kSecond, 2, 3}}},
           kLast});
}

// The acquirer may decide by the first of five generations of parameters, or a mixture. Only under the first is there
// enough for it; the second thread sees that it has not taken that, and leaves `spent` as it was.
const Scenario kReuse{1,
                      8,
                      {{kAcquire, kStart, 8}},
                      {{{kAcquire, kStart + 2 * kSecond, 2}},
                       {{kUpdate, kStart, 0.1, 8},
                        {kAvailable, kStart + 2 * kSecond},
                        {kUpdate, kStart, 0.2, 8},
                        {kUpdate, kStart, 0.3, 8},
                        {kUpdate, kStart, 0.1, 8}}},
                      kLast};

TEST("explorer: parameters change until slots are used again") { explore(kReuse); }

TEST("explorer: weak memory, two threads want the last token") { explore<ReleaseAcquire, ProgramOrder>(kLastToken); }

const Scenario kWeakReuse{
    1,
    8,
    {},
    {{{kAcquire, kStart, 2}, {kAvailable, kStart}},
     {{kUpdate, kStart, 1, 7}, {kUpdate, kStart, 2, 6}, {kUpdate, kStart, 3, 5}, {kUpdate, kStart, 1, 4}}},
    kLast};

TEST("explorer: weak memory, parameters change until slots are used again") {
  explore<ReleaseAcquire, ProgramOrder>(kWeakReuse);
}

TEST("explorer: weak memory, two threads update while one of them acquires") {
  explore<ReleaseAcquire, ProgramOrder>(
      {1, 4, {}, {{{kUpdate, kStart, 2, 2}, {kAcquireOne, kStart}}, {{kUpdate, kStart, 3, 3}}}, kLast});
}

// Without a beginning: weak memory knows no order between that and what threads do.
const Scenario kWeakRefund{
    1, 4, {}, {{{kReserveRun, kStart, 5, 4, 5}}, {{kRefund, kStart, 3}, {kAcquireOne, kStart}}}, kLast};

TEST("explorer: weak memory, one thread reserves a run while another refunds and acquires") {
  explore<ReleaseAcquire, ProgramOrder>(kWeakRefund);
}

const Scenario kWeakCancellers{1,
                               4,
                               {},
                               {{{kReserve, kStart, 2, 0, kForever}, {kCancel, kStart, 2}},
                                {{kReserve, kStart, 4, 0, kForever}, {kCancel, kStart, 4}},
                                {{kReserve, kStart, 1, 0, kForever}}},
                               kLast};

TEST("explorer: weak memory, two threads cancel what a third has reserved after") {
  explore<ReleaseAcquire, ProgramOrder>(kWeakCancellers);
}

// What footprint.h leaves out must make no difference: the same memories are left in the end.
template <class Memory = Interleaving, class History = RealTime>
void compare_with_every_order(Scenario scenario) {
  const auto some = Explorer<Memory, History>(scenario).run();
  scenario.in_every_order = true;
  const auto all = Explorer<Memory, History>(scenario).run();
  EXPECT_EQ(some.failure, all.failure);
  EXPECT_EQ(some.memories, all.memories);
  CHECK(some.states < all.states);
  std::cout << "     " << some.states << " states of " << all.states << ", " << all.memories << " memories"
            << std::endl;
}

TEST("explorer: steps whose time nobody can tell are tried once, and nothing is lost by that") {
  compare_with_every_order(kLastToken);
  compare_with_every_order(kRefundUnderRuns);
  compare_with_every_order(kTwoReserve);
  compare_with_every_order<ReleaseAcquire, ProgramOrder>(kLastToken);
  compare_with_every_order<ReleaseAcquire, ProgramOrder>(kWeakRefund);
  if (effort == 1) return;
  compare_with_every_order(kTwoUpdates);
  compare_with_every_order(kReuse);
  compare_with_every_order<ReleaseAcquire, ProgramOrder>(kWeakReuse);
}

TEST("explorer finds a swap that is a load and a store") {
  must_find<Fault::kSplitSwap>(kLastToken, "no order explains");
}

TEST("explorer finds a decision that does not look at the generation") {
  must_find<Fault::kNoGeneration>(kTwoUpdates, "no order explains");
}

TEST("explorer finds a generation of two bits that comes round") {
  must_find<Fault::kTwoBitGeneration>(kReuse, "no order explains");
}

TEST("explorer finds a refund that does not see what is reserved") {
  must_find<Fault::kNoReserved>(kRefundUnderRuns, "no order explains");
}

TEST("explorer finds two updaters in the same slot") { must_find<Fault::kNoClaim>(kTwoUpdates, "no order explains"); }

TEST("explorer finds a sleeping updater that writes into a slot used again") {
  must_find<Fault::kNoQuarantine>(kSleeper, "no order explains");
}

TEST("explorer finds loads that acquire nothing, in weak memory") {
  must_find<Fault::kRelaxedLoads, ReleaseAcquire, ProgramOrder>(kWeakReuse, "no order explains");
}

TEST("explorer finds stores that release nothing, in weak memory") {
  must_find<Fault::kRelaxedStores, ReleaseAcquire, ProgramOrder>(kWeakReuse, "no order explains");
}

TEST("explorer finds swaps that neither acquire nor release, in weak memory") {
  must_find<Fault::kRelaxedSwaps, ReleaseAcquire, ProgramOrder>(kWeakReuse, "no order explains");
}

TEST("explorer finds swaps that do not publish what is reserved, in weak memory") {
  must_find<Fault::kRelaxedSwaps, ReleaseAcquire, ProgramOrder>(kWeakRefund, "no order explains");
}

TEST("explorer finds an updater that died and holds its claim") {
  Scenario within_lease = kTwoUpdates;
  within_lease.last = {{kUpdate, kStart + kSecond / 2, 5, 5}};
  must_find<Fault::kNone>(within_lease, "outcome 3");
}

}  // namespace
}  // namespace amorsize::test
