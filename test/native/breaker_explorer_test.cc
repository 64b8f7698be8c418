// The circuit breaker under every interleaving of a few threads; and the explorer under bugs planted on purpose.
#include "explore/breaker_explorer.h"

#include <limits>

#include "check.h"

namespace amorsize::test {
namespace {

constexpr double kUnused = std::numeric_limits<double>::infinity();

using enum BreakerAction;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kLater = 100 * kMs;  // when an open breaker admits probes

// A breaker that opens at `failures` in a row and closes after `successes`; or with a window of the last calls.
core::BreakerParameters consecutive(double failures, double successes) {
  return {{0, failures, 1, kUnused, kUnused, 1, successes, 100, 2, 1000, 50}};
}
// Opens at one failure; of so many probes a share may fail.
core::BreakerParameters probes(double count, double rate) {
  return {{0, 1, 1, kUnused, kUnused, 1, count, 100, 2, 1000, 50, rate}};
}
core::BreakerParameters calls(double size, double rate) {
  return {{1, size, rate, kUnused, kUnused, size, 1, 100, 1, 100, 50}};
}

// Opened, and its time is up.
const std::vector<BreakerOperation> kOpened = {{kAdmit, 0}, {kFail, 0}};
// Whether it is still possible to open it, have it probed, and close it.
const std::vector<BreakerOperation> kLast = {{kAdmit, kLater},        {kAdmit, kLater},      {kFail, kLater},
                                             {kAdmit, kLater},        {kFail, kLater},       {kAdmit, 20 * kLater},
                                             {kSucceed, 20 * kLater}, {kAdmit, 20 * kLater}, {kSucceed, 20 * kLater},
                                             {kAdmit, 20 * kLater}};

using WeakMemory = ReleaseAcquireOf<kBreakerWords>;

template <class Memory = InterleavingOf<kBreakerWords>>
void explore(const BreakerScenario& scenario) {
  const auto found = BreakerExplorer<Fault::kNone, Memory>(scenario).run();
  if (!found.failure.empty()) fail(__FILE__, __LINE__, found.failure);
  CHECK(found.ends > 0);
  std::cout << "     " << found.states << " states, " << found.ends << " ends" << std::endl;
}

template <Fault kFault, class Memory = InterleavingOf<kBreakerWords>>
void must_find(const BreakerScenario& scenario) {
  const auto found = BreakerExplorer<kFault, Memory>(scenario).run();
  if (found.failure.find("no order explains") == std::string::npos)
    fail(__FILE__, __LINE__, "the planted bug was not found: " + found.failure);
  std::cout << "     found after " << found.states << " states" << std::endl;
}

TEST("breaker explorer: three threads fail where two failures open it") {
  explore(
      {consecutive(2, 1), {{kAdmit, 0}}, {{{kFail, 0}, {kAdmit, 0}}, {{kFail, 0}, {kAdmit, 0}}, {{kFail, 0}}}, kLast});
}

TEST("breaker explorer: failures, a success and late results of the closed state") {
  explore({consecutive(2, 1),
           {{kAdmit, 0}, {kFail, 0}, {kAdmit, 0}, {kAdmit, 0}},
           {{{kFail, 0}, {kAdmit, 0}}, {{kSucceed, 0}, {kAdmit, 0}, {kFail, 0}}},
           kLast});
}

const BreakerScenario kOneProbe{
    consecutive(1, 1),
    kOpened,
    {{{kAdmit, kLater}, {kFail, kLater}}, {{kAdmit, kLater}, {kSucceed, kLater}}, {{kAdmit, kLater}}},
    kLast};

TEST("breaker explorer: three threads want the one probe") { explore(kOneProbe); }

const BreakerScenario kTwoProbes{
    consecutive(1, 2),
    kOpened,
    {{{kAdmit, kLater}, {kSucceed, kLater}}, {{kAdmit, kLater}, {kSucceed, kLater}}, {{kAdmit, kLater}}},
    kLast};

TEST("breaker explorer: two probes succeed at the same time while a third call asks") { explore(kTwoProbes); }

TEST("breaker explorer: one of two probes fails, one is given up") {
  explore({consecutive(1, 2),
           kOpened,
           {{{kAdmit, kLater}, {kFail, kLater}}, {{kAdmit, kLater}, {kIgnore, kLater}, {kAdmit, kLater}}},
           kLast});
}

TEST("breaker explorer: the lease of a probe ends while its result comes") {
  constexpr int64_t kExpired = kLater + 60 * kMs;
  explore({consecutive(1, 1),
           {{kAdmit, 0}, {kFail, 0}, {kAdmit, kLater}},
           {{{kSucceed, kExpired}, {kAdmit, kExpired}}, {{kAdmit, kExpired}, {kFail, kExpired}}},
           kLast});
}

// The process of row 1 has ended.
BreakerOperation from(int64_t row) { return {kAdmit, kLater, 0, 0, row, 1}; }

TEST("breaker explorer: three processes want the one probe of a process that has ended") {
  explore({consecutive(1, 1),
           {{kAdmit, 0}, {kFail, 0}, from(1)},
           {{from(2), {kIgnore, kLater}}, {from(3), {kSucceed, kLater}}, {from(4)}},
           kLast});
}

TEST("breaker explorer: of two probes of a process that has ended one is taken as its row becomes another's") {
  explore({consecutive(1, 2),
           {{kAdmit, 0}, {kFail, 0}, from(1), {kAdmit, kLater}},
           {{from(2), {kSucceed, kLater}}, {{kForget, kLater, 0, 0, 1}, {kAdmit, kLater, 0, 0, 1}}},
           kLast});
}

TEST("breaker explorer: of two probes, both of which must fail to open it, both fail while a third call asks") {
  explore({probes(2, 1),
           kOpened,
           {{{kAdmit, kLater}, {kFail, kLater}}, {{kAdmit, kLater}, {kFail, kLater}}, {{kAdmit, kLater}}},
           kLast});
}

TEST("breaker explorer: of two probes, both of which must fail to open it, one fails while a third call asks") {
  explore({probes(2, 1),
           kOpened,
           {{{kAdmit, kLater}, {kFail, kLater}}, {{kAdmit, kLater}, {kSucceed, kLater}}, {{kAdmit, kLater}}},
           kLast});
}

TEST("breaker explorer: three probes, of which two fail, tell at once, and two failures open it or do not") {
  for (const double rate : {0.5, 0.7})
    explore({probes(3, rate),
             {{kAdmit, 0}, {kFail, 0}, {kAdmit, kLater}, {kAdmit, kLater}},
             {{{kFail, kLater}, {kSucceed, kLater}}, {{kAdmit, kLater}, {kFail, kLater}}, {{kAdmit, kLater}}},
             kLast});
}

TEST("breaker explorer: a probe that may fail is given up, and the lease of another ends while its result comes") {
  constexpr int64_t kExpired = kLater + 60 * kMs;
  explore({probes(2, 1),
           {{kAdmit, 0}, {kFail, 0}, {kAdmit, kLater}},
           {{{kFail, kExpired}, {kAdmit, kExpired}, {kIgnore, kExpired}}, {{kAdmit, kExpired}, {kFail, kExpired}}},
           kLast});
}

TEST("breaker explorer: isolated and closed while others fail and probe") {
  explore({consecutive(1, 1),
           {{kAdmit, 0}},
           {{{kIsolate, 0}, {kClose, 0}}, {{kFail, 0}, {kAdmit, kLater}, {kSucceed, kLater}}},
           kLast});
}

TEST("breaker explorer: a window of three calls, two of which failed") {
  explore({calls(3, 0.6), {{kAdmit, 0}}, {{{kFail, 0}, {kAdmit, 0}}, {{kFail, 0}}, {{kSucceed, 0}}}, kLast});
}

TEST("breaker explorer: a window goes round while it opens and is closed by hand") {
  explore({calls(2, 1),
           {{kAdmit, 0}, {kFail, 0}, {kAdmit, 0}},
           {{{kFail, 0}}, {{kFail, 0}}, {{kClose, 0}, {kAdmit, 0}}},
           kLast});
}

using namespace core::breaker_parameter;

// What is in force, and whether it works, in whatever state it is.
const std::vector<BreakerOperation> kUpdated = {{kLook, kLater},
                                                {kUpdate, kLater, kSuccessThreshold, 1},
                                                {kUpdate, kLater, kResetTimeoutMs, 60},
                                                {kAdmit, kLater},
                                                {kFail, kLater},
                                                {kAdmit, kLater},
                                                {kAdmit, kLater + 100 * kMs},
                                                {kSucceed, kLater + 100 * kMs},
                                                {kAdmit, kLater + 100 * kMs}};
const std::vector<BreakerOperation> kFirstUpdate = {{kUpdate, 0, kResetTimeoutMs, 70}};

TEST("breaker explorer: an update comes while failures are counted and open it") {
  explore({consecutive(2, 1),
           {{kAdmit, 0}, {kFail, 0}, {kAdmit, 0}},
           {{{kUpdate, 0, kSize, 3}, {kAdmit, 0}, {kFail, 0}}, {{kFail, 0}, {kAdmit, 0}, {kFail, 0}}},
           kLast});
}

TEST("breaker explorer: two updates of one parameter each are both in force, and a third thread sees whole ones") {
  explore({consecutive(1, 1),
           {},
           {{{kUpdate, 0, kResetTimeoutMs, 80}}, {{kUpdate, 0, kProbeLeaseMs, 40}}, {{kLook, 0}, {kLook, 0}}},
           kUpdated,
           true});
}

// The second of the updates writes to the slot that the look may be about to read.
const BreakerScenario kSlotReused{consecutive(1, 1),
                                  kFirstUpdate,
                                  {{{kUpdate, 0, kResetTimeoutMs, 80}, {kUpdate, 0, kProbeLeaseMs, 40}}, {{kLook, 0}}},
                                  kUpdated,
                                  true};

TEST("breaker explorer: a slot is written to again while it is read") { explore(kSlotReused); }

const BreakerScenario kTwoUpdaters{
    consecutive(1, 1),
    {},
    {{{kUpdate, 0, kResetTimeoutMs, 80}}, {{kUpdate, 0, kResetTimeoutMs, 90}}, {{kIsolate, 0}}},
    kUpdated,
    true};

TEST("breaker explorer: two updates of the same parameter while it is isolated") { explore(kTwoUpdaters); }

TEST("breaker explorer: updates of an open breaker, one as its time is up, and calls that ask") {
  for (const int64_t now : {50 * kMs, kLater}) {
    explore({consecutive(1, 1),
             kOpened,
             {{{kUpdate, now, kResetTimeoutMs, 30}, {kAdmit, now}}, {{kAdmit, now}, {kFail, now}, {kAdmit, now}}},
             kUpdated});
  }
}

TEST("breaker explorer: an update changes how many probes there are while they are taken and tell") {
  for (const double probes : {1.0, 2.0}) {
    explore({consecutive(1, 3 - probes),
             {{kAdmit, 0}, {kFail, 0}, {kAdmit, kLater}},
             {{{kUpdate, kLater, kSuccessThreshold, probes}, {kAdmit, kLater}, {kSucceed, kLater}},
              {{kSucceed, kLater}, {kAdmit, kLater}, {kFail, kLater}}},
             kLast});
  }
}

TEST("breaker explorer: an update of a window while calls are counted in it") {
  explore({calls(3, 0.6),
           {{kAdmit, 0}, {kFail, 0}, {kAdmit, 0}},
           {{{kUpdate, 0, kSize, 2}, {kAdmit, 0}}, {{kFail, 0}, {kAdmit, 0}, {kFail, 0}}},
           kLast});
}

TEST("breaker explorer: an update that changes nothing, and one that changes back, while a call fails") {
  explore({consecutive(1, 1),
           kFirstUpdate,
           {{{kUpdate, 0, kResetTimeoutMs, 70}, {kUpdate, 0, kResetTimeoutMs, 100}}, {{kAdmit, 0}, {kFail, 0}}},
           kLast});
}

TEST("breaker explorer: weak memory, a slot is written to again while it is read") { explore<WeakMemory>(kSlotReused); }

TEST("breaker explorer: weak memory, two updates and a look") {
  explore<WeakMemory>({consecutive(1, 1),
                       {},
                       {{{kUpdate, 0, kResetTimeoutMs, 80}}, {{kUpdate, 0, kProbeLeaseMs, 40}, {kLook, 0}}},
                       kUpdated,
                       true});
}

TEST("breaker explorer: weak memory, an update comes while the failure that opens it is counted") {
  explore<WeakMemory>({consecutive(2, 1),
                       {{kAdmit, 0}, {kFail, 0}, {kAdmit, 0}},
                       {{{kUpdate, 0, kSize, 1}, {kAdmit, 0}}, {{kFail, 0}, {kAdmit, 0}, {kFail, 0}}},
                       kLast});
}

TEST("breaker explorer finds loads, stores and swaps of weak memory that publish nothing") {
  must_find<Fault::kRelaxedLoads, WeakMemory>(kSlotReused);
  must_find<Fault::kRelaxedStores, WeakMemory>(kSlotReused);
  must_find<Fault::kRelaxedSwaps, WeakMemory>(kSlotReused);
}

TEST("breaker explorer finds two updaters in one slot") { must_find<Fault::kNoSlotClaim>(kTwoUpdaters); }

TEST("breaker explorer finds an update that swaps by a load and a store") {
  must_find<Fault::kSplitSwap>(kTwoUpdaters);
}

// The swap of word 1 is that of `control`, as it is of `hot` in a bucket.
TEST("breaker explorer finds a transition that is a load and a store") {
  must_find<Fault::kSplitSwap>({consecutive(1, 1), {{kAdmit, 0}}, {{{kFail, 0}}, {{kIsolate, 0}}}, kLast});
  must_find<Fault::kSplitSwap>(kOneProbe);
}

}  // namespace
}  // namespace amorsize::test
