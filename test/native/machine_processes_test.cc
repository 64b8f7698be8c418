// Processes that share a region: who lives, who sleeps, and what is left when they are killed.
#include <random>

#include "machine_support.h"

namespace amorsize::test {
namespace {

using core::ProcessIdentity;
using os::MachineCells;
using os::MachineFiles;

size_t owners_of(const MachineCells& cells) {
  const core::Word* const header = cells.words - core::machine::kHeaderCells * core::kWordsPerCell;
  size_t count = 0;
  for (size_t i = 0; i < core::machine::kOwnerRows; ++i) {
    count +=
        header[core::machine::kOwners + i * core::machine::kOwnerRowWords].load(std::memory_order_relaxed) != 0 ? 1 : 0;
  }
  return count;
}

TEST(
    "process identity: tells the living from the dead, the dead that are not buried, and those whose number is used "
    "again") {
  const ProcessIdentity self = os::own_process();
  CHECK(os::is_alive(self));
  EXPECT_EQ(self.process & core::machine::kPidMask, getpid());
  CHECK(!os::is_alive({self.process ^ (int64_t{1} << core::machine::kPidBits), self.space}));

  core::Word* const common = common_words(2);
  const pid_t child = start([&] {
    const ProcessIdentity own = os::own_process();
    EXPECT_EQ(own.process & core::machine::kPidMask, getpid());
    common[1].store(own.space, std::memory_order_relaxed);
    common[0].store(own.process, std::memory_order_release);
    pause();
  });
  while (common[0].load(std::memory_order_acquire) == 0) usleep(1000);
  const ProcessIdentity other{common[0].load(), common[1].load()};
  CHECK(os::is_alive(other));
  CHECK(os::is_alive({other.process, 0}));
  kill(child, SIGKILL);
  siginfo_t ended{};
  waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT);
  CHECK(!os::is_alive(other));
  EXPECT_EQ(wait_for(child), 256 + SIGKILL);
  CHECK(!os::is_alive(other));
  CHECK(!os::is_alive({other.process, 0}));
  CHECK(os::is_alive({other.process, other.space + 1}));
}

TEST("machine: the rows of ended processes are cleared by the next one that opens the region") {
  const Directory directory;
  for (size_t i = 0; i < core::machine::kOwnerRows + 20; ++i) {
    const pid_t child = start([&] {
      MachineFiles files(directory.path());
      CHECK(is_bucket(files.cells(kKind, "rows", kCells, founding(1, 5)), 5));
      raise(SIGKILL);
    });
    EXPECT_EQ(wait_for(child), 256 + SIGKILL);
  }
  MachineFiles files(directory.path());
  EXPECT_EQ(owners_of(files.cells(kKind, "rows", kCells, founding(1, 5))), 1);
}

TEST("machine: with every row taken by processes that run the next one is refused, and the region stays") {
  const Directory directory;
  MachineFiles files(directory.path());
  const MachineCells opened = files.cells(kKind, "crowd", kCells, founding(1, 5));
  core::Word* const header = opened.words - core::machine::kHeaderCells * core::kWordsPerCell;
  for (size_t i = 0; i < core::machine::kOwnerRows; ++i) {
    header[core::machine::kOwners + 2 * i].store(7 << core::machine::kPidBits | 7, std::memory_order_relaxed);
    header[core::machine::kOwners + 2 * i + 1].store(
        1, std::memory_order_relaxed);  // another namespace: nobody here can tell
  }
  for (const double burst : {5.0, 7.0}) {
    EXPECT_EQ(wait_for(start([&] {
                MachineFiles theirs(directory.path());
                const MachineCells refused =
                    theirs.cells(kKind, "crowd", kCells, founding(1, burst), founded_with(burst));
                EXPECT_EQ(refused.fault, os::MachineFault::kCrowded);
                CHECK(refused.words == nullptr && refused.mapping == nullptr);
              })),
              0);
  }
  CHECK(is_bucket(files.cells(kKind, "crowd", kCells, founding(1, 5)), 5));
  header[core::machine::kOwners].store(0, std::memory_order_relaxed);
  EXPECT_EQ(wait_for(start([&] {
              MachineFiles theirs(directory.path());
              CHECK(is_bucket(theirs.cells(kKind, "crowd", kCells, founding(1, 5)), 5));
            })),
            0);
}

TEST("machine: processes killed at random points leave the count exact") {
  constexpr int kProcesses = 3;
  constexpr double kRate = 20'000;
  constexpr double kBurst = 100;
  const Directory directory;
  MachineFiles files(directory.path());
  const MachineCells opened = files.cells(kKind, "killed", kCells, founding(kRate, kBurst));
  core::TokenBucket<> bucket(opened.words);
  core::Word* const admitted = common_words(1);
  const auto run = [&] {
    MachineFiles theirs(directory.path());
    core::TokenBucket<> shared(theirs.cells(kKind, "killed", kCells, founding(kRate, kBurst)).words);
    // Counted before: a token that is taken as the process dies is counted all the same, so the true number is never
    // more.
    for (;;) {
      admitted->fetch_add(1, std::memory_order_relaxed);
      while (!shared.try_acquire_one(os::monotonic_ns())) usleep(50);
    }
  };
  std::mt19937 random(7);
  const int64_t kills = 100 * effort;
  const int64_t started = os::monotonic_ns();
  pid_t processes[kProcesses];
  for (pid_t& process : processes) process = start(run);
  for (int64_t i = 0; i < kills; ++i) {
    usleep(random() % 4000);
    pid_t& victim = processes[random() % kProcesses];
    kill(victim, SIGKILL);
    wait_for(victim);
    victim = start(run);
  }
  for (const pid_t process : processes) kill(process, SIGKILL), wait_for(process);
  const int64_t took = os::monotonic_ns() - started;
  const auto counted = static_cast<double>(admitted->load());
  const double possible = kBurst + kRate * static_cast<double>(took) * 1e-9 + 1;
  // Each process that dies waits for a token that it has counted.
  CHECK(counted <= possible + static_cast<double>(kills) + kProcesses);
  CHECK(counted >= 0.3 * possible);
  // And it works on: what the rate yields, no more, is there a moment later.
  const int64_t now = os::monotonic_ns() + 1'000'000'000;
  EXPECT_EQ(bucket.try_acquire(now, kBurst), core::Outcome::kGranted);
  EXPECT_EQ(bucket.try_acquire(now, 1), core::Outcome::kDenied);
}

}  // namespace
}  // namespace amorsize::test
