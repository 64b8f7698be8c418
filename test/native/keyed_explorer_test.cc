// Claims, decisions and reclaims of a keyed table under every interleaving of a few threads; and the explorer under
// planted bugs.
#include "explore/keyed_explorer.h"

#include "check.h"

namespace amorsize::test {
namespace {

using Op = KeyedOperation;
constexpr auto kAcquire = Op::kAcquire;
constexpr auto kReset = Op::kReset;
constexpr auto kAvailable = Op::kAvailable;
constexpr auto kCharge = Op::kCharge;
constexpr auto kRun = Op::kRun;
constexpr auto kReturn = Op::kReturn;
constexpr auto kRefund = Op::kRefund;

// Whatever was left half done, every key is told what it has, and can go on.
const std::vector<Op> kLast = {{kAvailable, 0}, {kAvailable, 1}, {kAcquire, 0}, {kAcquire, 1},
                               {kAcquire, 3},   {kReset, 1},     {kAcquire, 1}, {kAcquire, 2}};

void explore(const KeyedScenario& scenario) {
  const auto found = KeyedExplorer<>(scenario).run();
  if (!found.failure.empty()) fail(__FILE__, __LINE__, found.failure);
  CHECK(found.ends > 0);
  std::cout << "     " << found.states << " states, " << found.ends << " ends" << std::endl;
}

template <KeyedFault kFault>
void must_find(const KeyedScenario& scenario) {
  const auto found = KeyedExplorer<kFault>(scenario).run();
  if (found.failure.empty()) fail(__FILE__, __LINE__, "should have found the fault");
  std::cout << "     found after " << found.states << " states: " << found.failure.substr(0, found.failure.find('\n'))
            << std::endl;
}

const KeyedScenario kSameKey{2, 1, false, {}, {{{kAcquire, 0}}, {{kAcquire, 0}}}, kLast};

TEST("keyed explorer: two threads claim the same key") { explore(kSameKey); }

TEST("keyed explorer: two threads claim the same key, of which each then wants more") {
  explore({2, 2, false, {}, {{{kAcquire, 0}, {kAcquire, 0}}, {{kAcquire, 0}, {kAvailable, 0}}}, kLast});
}

const KeyedScenario kTwoKeys{2, 1, false, {}, {{{kAcquire, 0}}, {{kAcquire, 1}}}, kLast, 2};

// Key 3 leaves its slot to whoever comes first, while both look where to put key 0.
const KeyedScenario kForgotten{2, 1, false, {{kAcquire, 3}}, {{{kReset, 3}, {kAcquire, 0}}, {{kAcquire, 0}}}, kLast, 2};

TEST("keyed explorer: a slot becomes free while two threads claim one for the same key") { explore(kForgotten); }

TEST("keyed explorer: two keys want the last slot, and one of them is denied") {
  explore({2, 1, false, {{kAcquire, 3}}, {{{kAcquire, 0}}, {{kAcquire, 1}}}, kLast, 2});
}

// Key 0 is full again: its slot may go to another, unless key 0 is faster.
const KeyedScenario kReclaim{
    1, 2, false, {{kAcquire, 0}, {kReset, 0}}, {{{kAcquire, 0}}, {{kAcquire, 1}, {kAcquire, 1}}}, kLast, 2};

TEST("keyed explorer: a slot is reclaimed while its old key comes back") { explore(kReclaim); }

TEST("keyed explorer: a debt begins with a claim while others look") {
  explore({2, 1, false, {}, {{{kCharge, 0, 3}}, {{kAcquire, 0}, {kAvailable, 0}}}, kLast, 2});
}

TEST("keyed explorer: two threads take runs of a key that has no slot yet") {
  explore({2, 1, false, {}, {{{kRun, 0}}, {{kRun, 0, 2}, {kAvailable, 0}}}, kLast, 4});
}

// Whoever stands at the end gives its run back; whoever comes in between stops that.
const KeyedScenario kRuns{
    2, 1, false, {{kRun, 0, 2}}, {{{kReturn, 0, 1, 2}, {kRun, 0}}, {{kRun, 0}, {kReturn, 0, 1, 3}}}, kLast, 4};

TEST("keyed explorer: a run is given back while another thread takes the next one") { explore(kRuns); }

// A caller of one thread has reserved what the other gives back.
const KeyedScenario kGivenBack{
    2, 2, false, {{kAcquire, 0, 2}}, {{{kRun, 0, 2}, {kAvailable, 0}}, {{kRefund, 0, 2}, {kAcquire, 0}}}, kLast, 4};

TEST("keyed explorer: tokens are given back while another thread reserves for its callers") { explore(kGivenBack); }

TEST("keyed explorer: a bucket is filled while another thread reserves for its callers") {
  explore({2, 2, false, {{kAcquire, 0, 2}}, {{{kRun, 0}, {kRun, 0}}, {{kReset, 0}, {kAcquire, 0, 2}}}, kLast, 4});
}

TEST("keyed explorer: callers are done with what they reserved while another thread gives back and reserves") {
  explore({2, 2, false, {{kRun, 0, 2}}, {{{kReturn, 0, 0, 2}, {kRefund, 0}}, {{kRefund, 0}, {kRun, 0}}}, kLast, 4});
}

TEST("keyed explorer: a run is given back while another thread gives back what it took") {
  explore({2, 2, false, {{kRun, 0}, {kRun, 0}}, {{{kReturn, 0, 1, 2}}, {{kRefund, 0, 2}, {kReset, 0}}}, kLast, 4});
}

// One slot for two keys: who comes second takes it, whatever the first one owes; and no denial is another's fault.
const KeyedScenario kEviction{1, 2, true, {{kAcquire, 0, 2}}, {{{kAcquire, 0}}, {{kAcquire, 1, 2}}}, kLast, 2};

TEST("keyed explorer: a key is evicted while another thread decides about it") { explore(kEviction); }

TEST("keyed explorer finds a claim that does not see another one") { must_find<KeyedFault::kBlindClaim>(kForgotten); }

TEST("keyed explorer finds a swap that is a load and a store") { must_find<KeyedFault::kSplitSwap>(kReclaim); }

TEST("keyed explorer finds a run that is given back by a load and a store") {
  must_find<KeyedFault::kSplitSwap>(kRuns);
}

TEST("keyed explorer finds tokens that are given back though callers have reserved them") {
  must_find<KeyedFault::kUnmarkedRun>(kGivenBack);
}

TEST("keyed explorer finds a helper that renames what is in use") { must_find<KeyedFault::kBlindRename>(kTwoKeys); }

// With the generation left out, a thread that slept while its key was evicted takes from the key that came after.
const KeyedScenario kSleeper{1, 2, true, {{kAcquire, 0}}, {{{kAcquire, 0}}, {{kAcquire, 1}, {kAcquire, 1}}}, kLast, 2};

TEST("keyed explorer finds a decision that does not look at the generation") {
  must_find<KeyedFault::kNoGeneration>(kSleeper);
}

}  // namespace
}  // namespace amorsize::test
