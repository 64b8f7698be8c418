// The circuit breaker under every interleaving of a few threads; and the explorer under bugs planted on purpose.
#include "explore/breaker_explorer.h"

#include "check.h"

namespace amorsize::test {
namespace {

using enum BreakerAction;
constexpr int64_t kMs = 1'000'000;
constexpr int64_t kLater = 100 * kMs;  // when an open breaker admits probes

// A breaker that opens at `failures` in a row and closes after `successes`; or with a window of the last calls.
core::BreakerParameters consecutive(double failures, double successes) {
  return {{0, failures, 1, 1e300, 1e300, 1, successes, 100, 2, 1000, 50}};
}
// Opens at one failure; of so many probes a share may fail.
core::BreakerParameters probes(double count, double rate) {
  return {{0, 1, 1, 1e300, 1e300, 1, count, 100, 2, 1000, 50, rate}};
}
core::BreakerParameters calls(double size, double rate) {
  return {{1, size, rate, 1e300, 1e300, size, 1, 100, 1, 100, 50}};
}

// Opened, and its time is up.
const std::vector<BreakerOperation> kOpened = {{kAdmit, 0}, {kFail, 0}};
// Whether it is still possible to open it, have it probed, and close it.
const std::vector<BreakerOperation> kLast = {{kAdmit, kLater},        {kAdmit, kLater},      {kFail, kLater},
                                             {kAdmit, kLater},        {kFail, kLater},       {kAdmit, 20 * kLater},
                                             {kSucceed, 20 * kLater}, {kAdmit, 20 * kLater}, {kSucceed, 20 * kLater},
                                             {kAdmit, 20 * kLater}};

void explore(const BreakerScenario& scenario) {
  const BreakerExploration found = BreakerExplorer<>(scenario).run();
  if (!found.failure.empty()) fail(__FILE__, __LINE__, found.failure);
  CHECK(found.ends > 0);
  std::cout << "     " << found.states << " states, " << found.ends << " ends" << std::endl;
}

template <Fault kFault>
void must_find(const BreakerScenario& scenario) {
  const BreakerExploration found = BreakerExplorer<kFault>(scenario).run();
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

TEST("breaker explorer: disabled and closed while others fail and probe") {
  explore({consecutive(1, 1),
           {{kAdmit, 0}},
           {{{kDisable, 0}, {kClose, 0}}, {{kFail, 0}, {kAdmit, kLater}, {kFail, kLater}}},
           kLast});
}

TEST("breaker explorer: told to count only, and closed, while others fail") {
  explore({consecutive(2, 1),
           {{kAdmit, 0}, {kFail, 0}, {kAdmit, 0}},
           {{{kMetricsOnly, 0}, {kClose, 0}}, {{kFail, 0}, {kAdmit, 0}, {kFail, 0}}, {{kFail, 0}}},
           kLast});
}

TEST("breaker explorer: disabled, isolated and told to count only by one each, while a call fails") {
  explore({consecutive(1, 1),
           {{kAdmit, 0}},
           {{{kDisable, 0}, {kAdmit, 0}}, {{kIsolate, 0}}, {{kMetricsOnly, 0}, {kFail, 0}}},
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

// The swap of word 1 is that of `control`, as it is of `hot` in a bucket.
TEST("breaker explorer finds a transition that is a load and a store") {
  must_find<Fault::kSplitSwap>({consecutive(1, 1), {{kAdmit, 0}}, {{{kFail, 0}}, {{kIsolate, 0}}}, kLast});
  must_find<Fault::kSplitSwap>(kOneProbe);
}

}  // namespace
}  // namespace amorsize::test
