// Those who wait for a bucket under every interleaving of a few threads, with death at every instruction and burial by
// others; and the explorer under bugs planted on purpose.
#include "explore/waiting_explorer.h"

#include "check.h"

namespace amorsize::test {
namespace {

using enum Waiting;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kStart = 1'000'000'000;
// The bucket: 1000 tokens a second, so one a millisecond, and four at most, which whoever comes first has taken.
constexpr double kRate = 1000;
constexpr double kBurst = 4;

void explore_waiting(const WaitingScenario& scenario, bool somebody_dies_at_rest = true) {
  const auto found = WaitingExplorer<>(scenario).run();
  if (!found.failure.empty()) fail(__FILE__, __LINE__, found.failure);
  CHECK(found.ends > 0);
  CHECK(!somebody_dies_at_rest || found.died_at_rest > 0);
  std::cout << "     " << found.states << " states, " << found.ends << " ends" << std::endl;
}

template <Fault kFault>
void must_find(const WaitingScenario& scenario, const char* expected) {
  const auto found = WaitingExplorer<kFault>(scenario).run();
  if (found.failure.find(expected) == std::string::npos)
    fail(__FILE__, __LINE__, std::string("should have found \"") + expected + "\", not \"" + found.failure + "\"");
  std::cout << "     found after " << found.states << " states: " << found.failure.substr(0, found.failure.find('\n'))
            << std::endl;
}

const WaitingOperation kEmpty{kAcquire, kStart, kBurst};

// The first thread takes all there is; then both have a caller that waits for two tokens.
std::vector<std::vector<WaitingOperation>> both_wait() {
  return {{kEmpty, {kEnter, kStart, 2}}, {{kEnter, kStart, 2}}};
}

TEST("waiting explorer: two threads come, and one looks until it is served") {
  explore_waiting(
      {kRate, kBurst, {{kEmpty}}, {{{kEnter, kStart, 2}, {kLook, kStart + 2 * kMs}}, {{kEnter, kStart, 1}}}}, false);
}

TEST("waiting explorer: one gives up while another comes, and somebody tries without waiting") {
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kGiveUp, kStart + kMs, 0}}, {{kLook, kStart + 3 * kMs}}, {{kAcquire, kStart + 3 * kMs, 1}}}},
                  false);
}

// The thread is killed at any instruction of its look; the other one, whose own look may come before or after, buries.
const WaitingScenario kDeath{
    kRate,
    kBurst,
    both_wait(),
    {{{kLook, kStart + kMs}, {kLook, kStart + 2 * kMs}}, {{kKill, kStart + 3 * kMs, 0}, {kLook, kStart + 4 * kMs}}}};

TEST("waiting explorer: a process dies at any instruction of a look, and is buried by another that waits") {
  explore_waiting(kDeath);
}

TEST("waiting explorer: a thread dies at any instruction of a look, and the runtime cleans up after it") {
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kLook, kStart + 2 * kMs}, {kEnter, kStart + 3 * kMs, 1}},
                    {{kHook, kStart + 3 * kMs, 0}, {kLook, kStart + 4 * kMs}}}});
}

TEST("waiting explorer: a process dies as it comes, or gives up") {
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kEnter, kStart + kMs, 1}, {kGiveUp, kStart + kMs, 0}}, {{kKill, kStart + 2 * kMs, 0}}}});
}

// Who waits last has what stands at the end of the axis. Two find that it is dead; a third takes what comes next.
const WaitingScenario kTwoBury{
    kRate,
    kBurst,
    {{kEmpty}, {}, {{kEnter, kStart, 2}}},
    {{{kKill, kStart + 2 * kMs, 2}}, {{kKill, kStart + 2 * kMs, 2}, {kEnter, kStart + 2 * kMs, 2}}, {}}};

TEST("waiting explorer: two bury the same row, and one of them takes what comes back") { explore_waiting(kTwoBury); }

const WaitingScenario kThirdTakes{
    kRate,
    kBurst,
    {{kEmpty, {kEnter, kStart, 2}}},
    {{}, {{kKill, kStart + kMs, 0}}, {{kKill, kStart + kMs, 0}}, {{kEnter, kStart + kMs, 2}}}};

TEST("waiting explorer: two bury the same row while a third takes what comes back") { explore_waiting(kThirdTakes); }

TEST("waiting explorer: whoever buries dies, too, and is buried by a third") {
  explore_waiting({kRate,
                   kBurst,
                   {{kEmpty, {kEnter, kStart, 2}}, {}, {}},
                   {{}, {{kKill, kStart + kMs, 0}}, {{kKill, kStart + 2 * kMs, 1}, {kEnter, kStart + 2 * kMs, 2}}}});
}

TEST("waiting explorer: a process dies, is buried, and the limit is paused in between") {
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kLook, kStart + 2 * kMs}},
                    {{kKill, kStart + 2 * kMs, 0}, {kLook, kStart + 4 * kMs}},
                    {{kPause, kStart + kMs, 1}}}});
}

TEST("waiting explorer: a process dies, is buried, and the limit is updated in between") {
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kLook, kStart + 2 * kMs}},
                    {{kKill, kStart + 2 * kMs, 0}, {kLook, kStart + 4 * kMs}},
                    {{kUpdate, kStart + kMs, 500, 2}}}});
}

TEST("waiting explorer: a process dies while another resets the limit, which buries it") {
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kLook, kStart + 2 * kMs}}, {{kReset, kStart + 2 * kMs}, {kLook, kStart + 2 * kMs}}}},
                  false);
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kLook, kStart + 2 * kMs}}, {{kKill, kStart + 2 * kMs, 0}}, {{kReset, kStart + 2 * kMs}}}});
}

TEST("waiting explorer: a process dies, is buried, and tokens are given back in between") {
  explore_waiting({kRate,
                   kBurst,
                   both_wait(),
                   {{{kLook, kStart + 2 * kMs}},
                    {{kKill, kStart + 2 * kMs, 0}, {kLook, kStart + 3 * kMs}},
                    {{kRefund, kStart + kMs, 3}}}});
}

// Who holds the end of the axis dies as it uses that; whoever buries it then comes for tokens, too.
const WaitingScenario kUses{
    kRate,
    kBurst,
    {{kEmpty}, {{kEnter, kStart, 2}}},
    {{{kKill, kStart + 3 * kMs, 1}, {kEnter, kStart + 3 * kMs, 2}}, {{kLook, kStart + 2 * kMs}}}};

TEST("waiting explorer: a process dies as it uses what it holds, at the end of the axis") { explore_waiting(kUses); }

// Whoever uses what its row still tells of may die, and then it is given back.
TEST("waiting explorer finds who uses what its row still tells of") {
  must_find<Fault::kNoBeginLook>(kUses, "two have the same units");
}

TEST("waiting explorer finds two that bury the same row at the same time") {
  must_find<Fault::kNoOwnerSwap>(kThirdTakes, "held can be had again");
}

TEST("waiting explorer finds a run that is given back by a load and a store") {
  must_find<Fault::kSplitSwap>(kTwoBury, "held can be had again");
}

}  // namespace
}  // namespace amorsize::test
