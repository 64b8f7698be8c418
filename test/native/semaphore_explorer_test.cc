// The semaphore under every interleaving of a few threads, with death at every instruction; and the explorer under bugs
// planted on purpose.
#include "explore/semaphore_explorer.h"

#include "check.h"

namespace amorsize::test {
namespace {

using enum Ask;

template <class Memory = Interleaving>
void explore_semaphore(const SemaphoreScenario& scenario) {
  const auto found = SemaphoreExplorer<Memory>(scenario).run();
  if (!found.failure.empty()) fail(__FILE__, __LINE__, found.failure);
  CHECK(found.ends > 0);
  std::cout << "     " << found.states << " states, " << found.ends << " ends" << std::endl;
}

template <Fault kFault, class Memory = Interleaving>
void must_find(const SemaphoreScenario& scenario) {
  const auto found = SemaphoreExplorer<Memory, kFault>(scenario).run();
  if (found.failure.empty())
    fail(__FILE__, __LINE__, "nothing found after " + std::to_string(found.states) + " states");
  std::cout << "     found after " << found.states << " states: " << found.failure.substr(0, found.failure.find('\n'))
            << std::endl;
}

const SemaphoreScenario kLastPermit{1, -1, {}, {{{kTry, 1}, {kRelease, 1}, {kTry, 1}}, {{kTry, 2}, {kRelease, 2}}}};

TEST("semaphore explorer: two threads want the last permit") { explore_semaphore(kLastPermit); }

const SemaphoreScenario kQueueing{
    1, -1, {}, {{{kAcquire, 1}, {kRelease, 1}, {kHeld, 1}}, {{kAcquire, 2}, {kRelease, 2}, {kHeld, 2}}}};

TEST("semaphore explorer: two threads queue for one permit and hand it over") { explore_semaphore(kQueueing); }

const SemaphoreScenario kCancelling{
    1, -1, {{kAcquire, 1}}, {{{kRelease, 1}, {kAcquire, 1}}, {{kAcquire, 2}, {kCancel, 2}, {kRelease, 2}}}};

TEST("semaphore explorer: a caller gives up while the permit is handed over") { explore_semaphore(kCancelling); }

TEST("semaphore explorer: a permit is handed over while a third thread tries to barge in") {
  explore_semaphore({1, -1, {{kAcquire, 1}}, {{{kRelease, 1}}, {{kAcquire, 2}}, {{kTry, 3}}}});
}

TEST("semaphore explorer: a permit is handed over while the next in line gives up") {
  explore_semaphore(
      {1, -1, {{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 1}}, {{{kRelease, 1}}, {{kCancel, 2}}, {{kTry, 3}}}});
}

TEST("semaphore explorer: the queue has room for one") {
  explore_semaphore({1, 1, {{kAcquire, 1}}, {{{kAcquire, 1}}, {{kAcquire, 2}, {kCancel, 2}}}});
}

TEST("semaphore explorer: places of two threads by turns, the last ones given up") {
  explore_semaphore({1,
                     -1,
                     {{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 1}, {kAcquire, 2}},
                     {{{kCancel, 1}}, {{kCancel, 2}, {kHeld, 2}}}});
}

TEST(
    "semaphore explorer: a thread dies at any instruction of giving back while another takes its permit, and a third "
    "queues") {
  explore_semaphore({1, -1, {{kAcquire, 1}}, {{{kRelease, 1}}, {{kAcquire, 2}}, {{kDie, 1}, {kRelease, 1}}}});
}

TEST("semaphore explorer: a thread dies at any instruction of queueing while another takes its place and its permit") {
  explore_semaphore(
      {1, -1, {{kAcquire, 1}}, {{{kAcquire, 1}, {kRelease, 1}}, {{kDie, 1}, {kCancel, 1}, {kRelease, 1}, {kHeld, 1}}}});
}

TEST("semaphore explorer: a thread dies with a permit and a place while another queues") {
  explore_semaphore({1,
                     -1,
                     {{kAcquire, 1}, {kAcquire, 1}},
                     {{{kCancel, 1}}, {{kAcquire, 2}, {kDie, 1}, {kCancel, 1}, {kRelease, 1}, {kHeld, 2}}}});
}

TEST("semaphore explorer: weak memory, two threads hand over one permit") {
  explore_semaphore<ReleaseAcquire>({1, -1, {{kAcquire, 1}}, {{{kRelease, 1}}, {{kAcquire, 2}}}});
}

// Of three permits, so many as the limit says may be in use.
SemaphoreScenario adaptive(std::vector<Call> first, std::vector<std::vector<Call>> threads) {
  first.insert(first.begin(), {kLimit, 1, 1});
  return {3, -1, std::move(first), std::move(threads), true};
}

TEST("semaphore explorer: the limit rises while a caller queues") {
  explore_semaphore(adaptive({{kAcquire, 1}}, {{{kLimit, 1, 2}, {kGrant, 1}}, {{kAcquire, 2}}}));
}

TEST("semaphore explorer: two threads hand over what a limit that has risen leaves free") {
  explore_semaphore(adaptive({{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 3}, {kLimit, 1, 2}},
                             {{{kGrant, 1}}, {{kGrant, 2}}, {{kTry, 3}}}));
}

TEST("semaphore explorer: the limit falls while permits are given back") {
  explore_semaphore(adaptive({{kLimit, 1, 2}, {kAcquire, 1}, {kAcquire, 2}, {kAcquire, 2}},
                             {{{kLimit, 3, 1}}, {{kRelease, 1}, {kGrant, 1}}}));
}

TEST("semaphore explorer: the first in line gives up while the limit rises") {
  explore_semaphore(adaptive({{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 3}},
                             {{{kLimit, 1, 2}, {kGrant, 1}}, {{kCancel, 2}, {kGrant, 2}}}));
}

TEST("semaphore explorer: a thread dies at any instruction of handing over what is free") {
  explore_semaphore(adaptive({{kAcquire, 1}, {kAcquire, 2}, {kLimit, 1, 2}},
                             {{{kGrant, 1}}, {{kGrant, 3}}, {{kDie, 1}, {kRelease, 1}, {kHeld, 2}}}));
}

TEST("semaphore explorer: weak memory, two threads hand over what is free") {
  explore_semaphore<ReleaseAcquire>(
      adaptive({{kAcquire, 1}, {kAcquire, 2}, {kLimit, 1, 2}}, {{{kGrant, 1}}, {{kGrant, 2}}}));
}

const SemaphoreScenario kRising{1, -1, {{kAcquire, 1}}, {{{kUpdate, 1, 2}, {kGrant, 1}}, {{kAcquire, 2}}}};
const SemaphoreScenario kFalling{2, -1, {{kAcquire, 1}}, {{{kUpdate, 1, 1}, {kInUse, 1}, {kTry, 1}}, {{kTry, 2}}}};

TEST("semaphore explorer: more may run while a caller queues") { explore_semaphore(kRising); }

TEST("semaphore explorer: more may run while one gives back") {
  explore_semaphore({1,
                     -1,
                     {{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 3}},
                     {{{kUpdate, 2, 2}, {kGrant, 2}}, {{kRelease, 1}, {kGrant, 1}}}});
}

TEST("semaphore explorer: more may run while the first in line gives up") {
  explore_semaphore(
      {1, -1, {{kAcquire, 1}, {kAcquire, 3}, {kAcquire, 2}}, {{{kUpdate, 2, 2}, {kGrant, 2}}, {{kCancel, 3}}}});
}

TEST("semaphore explorer: more may run, after fewer might, while one gives back") {
  explore_semaphore({2,
                     -1,
                     {{kAcquire, 1}, {kAcquire, 1}, {kAcquire, 3}, {kUpdate, 2, 1}},
                     {{{kUpdate, 2, 2}, {kGrant, 2}}, {{kRelease, 1}}}});
}

TEST("semaphore explorer: from the end of a change on none begins until fewer run") { explore_semaphore(kFalling); }

TEST("semaphore explorer: fewer may run while one gives two back and another waits") {
  explore_semaphore({2,
                     -1,
                     {{kAcquire, 1}, {kAcquire, 1}, {kAcquire, 2}},
                     {{{kUpdate, 3, 1}, {kInUse, 3}}, {{kRelease, 1}, {kRelease, 1}}}});
}

TEST("semaphore explorer: two change the limit, and a third calls") {
  explore_semaphore({1, -1, {{kAcquire, 1}}, {{{kUpdate, 1, 2}}, {{kUpdate, 2, 1}}, {{kTry, 3}}}});
}

TEST("semaphore explorer: two change the limits, and one of them queues") {
  explore_semaphore({1, -1, {{kAcquire, 1}}, {{{kUpdate, 1, 2, 1}, {kGrant, 1}}, {{kUpdate, 2, 1, 0}, {kAcquire, 2}}}});
}

TEST("semaphore explorer: how many may run and how many may wait change as one") {
  explore_semaphore({1, 0, {{kAcquire, 1}}, {{{kUpdate, 1, 2, 1}}, {{kAcquire, 2}, {kAcquire, 2}}}});
}

TEST("semaphore explorer: fewer may wait than do") {
  explore_semaphore(
      {1, 2, {{kAcquire, 1}, {kAcquire, 2}}, {{{kUpdate, 1, 1, 1}, {kRelease, 1}}, {{kAcquire, 3}, {kCancel, 3}}}});
}

TEST("semaphore explorer: a thread dies at any instruction of a change, and whoever buries it lets in who waits") {
  explore_semaphore({1,
                     -1,
                     {{kAcquire, 3}},
                     {{{kUpdate, 1, 2}, {kGrant, 1}}, {{kAcquire, 2}}, {{kDie, 1}, {kAnnounce, 1}, {kGrant, 1}}}});
}

TEST("semaphore explorer: a thread dies at any instruction of a change, and who gives back lets in who waits") {
  explore_semaphore({1,
                     -1,
                     {{kAcquire, 3}, {kAcquire, 2}, {kAcquire, 2}},
                     {{{kUpdate, 1, 2}}, {{kDie, 1}, {kRelease, 3}, {kGrant, 3}}}});
}

TEST("semaphore explorer: weak memory, more may run while a caller queues") {
  explore_semaphore<ReleaseAcquire>(kRising);
}

TEST("semaphore explorer: weak memory, more may run while one gives back") {
  explore_semaphore<ReleaseAcquire>(
      {1, -1, {{kAcquire, 1}, {kAcquire, 2}}, {{{kUpdate, 2, 2}, {kGrant, 2}}, {{kRelease, 1}}}});
}

TEST("semaphore explorer: weak memory, the limit rises while a caller queues") {
  explore_semaphore<ReleaseAcquire>(adaptive({{kAcquire, 1}}, {{{kLimit, 1, 2}, {kGrant, 1}}, {{kAcquire, 2}}}));
}

// In weak memory whoever is refused may have seen what was before: these refuse nobody whom the past could have let in.
TEST("semaphore explorer: weak memory, a caller queues while the permit is taken, and is handed over") {
  explore_semaphore<ReleaseAcquire>({1, -1, {}, {{{kAcquire, 1}, {kRelease, 1}}, {{kAcquire, 2}}}});
}

TEST("semaphore explorer: weak memory, two callers queue") {
  explore_semaphore<ReleaseAcquire>({1, -1, {{kAcquire, 1}}, {{{kAcquire, 2}}, {{kAcquire, 3}}}});
}

TEST("semaphore explorer: weak memory, a permit is handed over while the first, or the only one, in line gives up") {
  explore_semaphore<ReleaseAcquire>({1, -1, {{kAcquire, 1}, {kAcquire, 2}}, {{{kRelease, 1}}, {{kCancel, 2}}}});
  explore_semaphore<ReleaseAcquire>(
      {1, -1, {{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 1}}, {{{kRelease, 1}}, {{kCancel, 2}}}});
}

TEST("semaphore explorer: weak memory, places of two threads by turns, the last ones given up") {
  explore_semaphore<ReleaseAcquire>(
      {1, -1, {{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 1}, {kAcquire, 2}}, {{{kCancel, 1}}, {{kCancel, 2}}}});
}

TEST("semaphore explorer: weak memory, two hand over a permit each") {
  explore_semaphore<ReleaseAcquire>(
      {2, -1, {{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 3}, {kAcquire, 3}}, {{{kRelease, 1}}, {{kRelease, 2}}}});
}

TEST("semaphore explorer: weak memory, fewer may run while another tries") {
  explore_semaphore<ReleaseAcquire>(kFalling);
}

TEST("semaphore explorer: weak memory, who has not seen what another has done does as if he had") {
  const std::vector<std::vector<Call>> histories = {{{kRelease, 1}},
                                                    {{kRelease, 1}, {kAcquire, 1}},
                                                    {{kCancel, 1}},
                                                    {{kCancel, 1}, {kAcquire, 1}},
                                                    {{kAcquire, 1}},
                                                    {{kUpdate, 1, 3}, {kGrant, 1}},
                                                    {{kUpdate, 1, 1}, {kRelease, 1}}};
  const std::vector<std::vector<Call>> calls = {{{kRelease, 2}},
                                                {{kCancel, 2}},
                                                {{kAcquire, 2}},
                                                {{kUpdate, 2, 3}, {kGrant, 2}, {kGrant, 2}},
                                                {{kAnnounce, 2}, {kGrant, 2}}};
  for (const auto& unseen : histories) {
    for (const auto& call : calls) {
      explore_semaphore<ReleaseAcquire>(
          {2,
           -1,
           {{kAcquire, 1}, {kAcquire, 2}, {kAcquire, 3}, {kAcquire, 1}, {kAcquire, 2}, {kAcquire, 3}},
           {{}, call},
           false,
           unseen});
    }
  }
}

// The first row has been handed a permit that it has not collected.
const std::vector<Call> kHanded = {{kAcquire, 2}, {kAcquire, 1}, {kRelease, 2}};

TEST("semaphore explorer: a permit is taken back while it is collected, and another tries") {
  explore_semaphore(
      {1,
       -1,
       kHanded,
       {{{kCollect, 1}, {kGrant, 1}, {kCollect, 1}, {kGive, 1}}, {{kPassOver, 2, 1}, {kTry, 2}, {kGrant, 2}}}});
}

TEST("semaphore explorer: a permit is taken back for one who waits while it is collected") {
  explore_semaphore({1,
                     -1,
                     {{kAcquire, 2}, {kAcquire, 1}, {kAcquire, 2}, {kRelease, 2}},
                     {{{kCollect, 1}, {kGrant, 1}}, {{kPassOver, 2, 1}}}});
}

TEST("semaphore explorer: two take the same permit back") {
  explore_semaphore({1, -1, kHanded, {{}, {{kPassOver, 2, 1}, {kTry, 2}}, {{kPassOver, 3, 1}, {kTry, 3}}}});
}

TEST("semaphore explorer: a permit is taken back while its caller gives up") {
  explore_semaphore({1, -1, kHanded, {{{kCancel, 1}, {kCollect, 1}, {kGrant, 1}}, {{kPassOver, 2, 1}}}});
}

TEST("semaphore explorer: a thread that was passed over collects, and goes before those behind it") {
  explore_semaphore(
      {1,
       -1,
       {{kAcquire, 2}, {kAcquire, 1}, {kAcquire, 3}, {kAcquire, 3}, {kRelease, 2}, {kPassOver, 2, 1}, {kGrant, 2}},
       {{{kCollect, 1}, {kGrant, 1}}, {}, {{kCollect, 3}, {kGive, 3}}}});
}

TEST("semaphore explorer: a thread dies at any instruction of taking back") {
  explore_semaphore({1, -1, kHanded, {{}, {{kPassOver, 2, 1}}, {{kDie, 2}, {kTry, 3}}}});
}

TEST("semaphore explorer: weak memory, a permit is taken back while it is collected") {
  explore_semaphore<ReleaseAcquire>({1, -1, kHanded, {{{kCollect, 1}, {kGrant, 1}}, {{kPassOver, 2, 1}}}});
}

TEST("semaphore explorer finds whom nobody lets in who queues as more may run, and nobody is told") {
  must_find<Fault::kNoAnnounce>(kRising);
  must_find<Fault::kNoAnnounce, ReleaseAcquire>(kRising);
}

TEST("semaphore explorer finds one that begins after fewer may run, and nobody is told") {
  must_find<Fault::kNoAnnounce>(kFalling);
}

TEST("semaphore explorer finds a swap that is a load and a store") { must_find<Fault::kSplitSwap>(kLastPermit); }

TEST("semaphore explorer finds helpers that do not notice that they are late") {
  must_find<Fault::kNoStamp>(kCancelling);
}

}  // namespace
}  // namespace amorsize::test
