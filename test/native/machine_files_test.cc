// Named regions: who creates them, what a creator leaves that dies, and who finds what.
#include <sched.h>

#include <algorithm>
#include <fstream>

#include "machine_support.h"

namespace amorsize::test {
namespace {

using os::CreationStep;
using os::MachineCells;
using os::MachineFault;
using os::MachineFiles;

constexpr CreationStep kSteps[] = {CreationStep::kFileMade,    CreationStep::kLocked,    CreationStep::kAllocated,
                                   CreationStep::kInitialized, CreationStep::kDescribed, CreationStep::kPublished};

TEST("machine: a name is one region for every opener of a process, and for the next process") {
  const Directory directory;
  MachineFiles files(directory.path());
  const MachineCells first = files.cells(kKind, "one", kCells, founding(1, 5));
  CHECK(is_bucket(first, 5));
  CHECK(files.cells(kKind, "one", kCells, founding(1, 5)).words == first.words);
  EXPECT_EQ(core::TokenBucket<>(first.words).try_acquire(os::monotonic_ns(), 5), core::Outcome::kGranted);
  const pid_t other = start([&] {
    MachineFiles theirs(directory.path());
    const MachineCells found =
        theirs.cells(kKind, "one", kCells, [](core::Word*) { fail(__FILE__, __LINE__, "made twice"); });
    CHECK(is_bucket(found, 5));
    EXPECT_EQ(core::TokenBucket<>(found.words).try_acquire(os::monotonic_ns(), 5), core::Outcome::kDenied);
  });
  EXPECT_EQ(wait_for(other), 0);
  EXPECT_EQ(directory.files(), 1);
}

TEST("machine: names and kinds are apart, whatever the names hold") {
  const Directory directory;
  MachineFiles files(directory.path());
  const std::string names[] = {
      "a",       "b", "", std::string("a\0b", 3), std::string(600, 'x'), std::string(640, 'x'), "../../etc/passwd",
      "\xFF\xFE"};
  double burst = 1;
  for (const std::string& name : names) {
    CHECK(is_bucket(files.cells(kKind, name, kCells, founding(1, burst)), burst));
    ++burst;
  }
  burst = 1;
  for (const std::string& name : names) {
    CHECK(is_bucket(files.cells(kKind, name, kCells, founding(1, 999)), burst));
    ++burst;
  }
  CHECK(is_bucket(files.cells(static_cast<core::Kind>(77), "a", kCells, founding(1, 99)), 99));
  EXPECT_EQ(directory.files(), std::size(names) + 1);
  EXPECT_EQ(files.cells(kKind, std::string(641, 'x'), kCells, founding(1, 1)).fault, MachineFault::kUnavailable);
}

TEST("machine: a creator killed after any step leaves a name that the next one can use") {
  for (const CreationStep killed_after : kSteps) {
    const Directory directory;
    const pid_t creator = start([&] {
      MachineFiles files(directory.path(), [&](CreationStep step) {
        if (step == killed_after) raise(SIGKILL);
      });
      files.cells(kKind, "half", kCells, founding(1, 5));
    });
    EXPECT_EQ(wait_for(creator), 256 + SIGKILL);
    MachineFiles files(directory.path());
    const int64_t started = os::monotonic_ns();
    CHECK(is_bucket(files.cells(kKind, "half", kCells, founding(1, 7)),
                    killed_after == CreationStep::kPublished ? 5 : 7));
    CHECK(os::monotonic_ns() - started < MachineFiles::kPatienceNs / 2);
  }
}

TEST("machine: what a dead creator wrote into the cells is gone before the next one initializes them") {
  const Directory directory;
  const pid_t creator = start([&] {
    MachineFiles files(directory.path());
    files.cells(kKind, "dirty", 1000, [](core::Word* words) {
      for (size_t i = 0; i < 1000 * core::kWordsPerCell; ++i) words[i].store(-1, std::memory_order_relaxed);
      raise(SIGKILL);
    });
  });
  EXPECT_EQ(wait_for(creator), 256 + SIGKILL);
  MachineFiles files(directory.path());
  files.cells(kKind, "dirty", 1000, [](core::Word* words) {
    for (size_t i = 0; i < 1000 * core::kWordsPerCell; ++i) EXPECT_EQ(words[i].load(std::memory_order_relaxed), 0);
  });
}

TEST("machine: of many processes that start at once one creates") {
  constexpr int kProcesses = 16;
  for (int64_t round = 0; round < 10 * effort; ++round) {
    const Directory directory;
    core::Word* const common = common_words(2);  // a gate, and how many created
    pid_t processes[kProcesses];
    for (pid_t& process : processes) {
      process = start([&] {
        while (common[0].load(std::memory_order_acquire) == 0) sched_yield();
        MachineFiles files(directory.path());
        const auto make = founding(1, 5);
        const MachineCells opened = files.cells(kKind, "race", kCells, [&](core::Word* words) {
          common[1].fetch_add(1, std::memory_order_relaxed);
          make(words);
        });
        CHECK(is_bucket(opened, 5));
      });
    }
    common[0].store(1, std::memory_order_release);
    for (const pid_t process : processes) EXPECT_EQ(wait_for(process), 0);
    EXPECT_EQ(common[1].load(std::memory_order_relaxed), 1);
  }
}

TEST("machine: a creator that stands still is waited for, then reported; the name works once it goes on") {
  const Directory directory;
  const pid_t creator = start([&] {
    MachineFiles files(directory.path(), [](CreationStep step) {
      if (step == CreationStep::kAllocated) raise(SIGSTOP);
    });
    CHECK(is_bucket(files.cells(kKind, "slow", kCells, founding(1, 5)), 5));
  });
  int status = 0;
  waitpid(creator, &status, WUNTRACED);
  CHECK(WIFSTOPPED(status));
  MachineFiles files(directory.path(), nullptr, 30'000'000);
  EXPECT_EQ(files.cells(kKind, "slow", kCells, founding(1, 7)).fault, MachineFault::kBusy);
  kill(creator, SIGCONT);
  EXPECT_EQ(wait_for(creator), 0);
  CHECK(is_bucket(files.cells(kKind, "slow", kCells, founding(1, 7)), 5));
}

TEST("machine: other parameters make the region again only when no process uses it") {
  const Directory directory;
  core::Word* const common = common_words(2);
  const pid_t user = start([&] {
    MachineFiles files(directory.path());
    CHECK(is_bucket(files.cells(kKind, "fit", kCells, founding(1, 5), founded_with(5)), 5));
    common[0].store(1, std::memory_order_release);
    while (common[1].load(std::memory_order_acquire) == 0) usleep(1000);
  });
  while (common[0].load(std::memory_order_acquire) == 0) usleep(1000);
  {
    MachineFiles files(directory.path());
    CHECK(is_bucket(files.cells(kKind, "fit", kCells, founding(1, 7), founded_with(7)), 5));
    EXPECT_EQ(files.cells(kKind, "fit", kCells + 1, founding(1, 7), founded_with(7)).fault, MachineFault::kOtherSize);
  }
  common[1].store(1, std::memory_order_release);
  EXPECT_EQ(wait_for(user), 0);
  // This process looked, and so uses it; another one that does the same after both are gone finds nobody.
  const pid_t next = start([&] {
    MachineFiles files(directory.path());
    CHECK(is_bucket(files.cells(kKind, "fit", kCells, founding(1, 7), founded_with(7)), 5));
  });
  EXPECT_EQ(wait_for(next), 0);
  const MachineCells fresh = [&] {
    std::fstream file(directory.file("fit"), std::ios::in | std::ios::out | std::ios::binary);
    const int64_t none = 0;
    for (size_t i = 0; i < core::machine::kOwnerRows * core::machine::kOwnerRowWords; ++i) {
      file.seekp(static_cast<std::streamoff>((core::machine::kOwners + i) * sizeof none));
      file.write(reinterpret_cast<const char*>(&none), sizeof none);
    }
    file.close();
    MachineFiles files(directory.path());
    return files.cells(kKind, "fit", kCells + 1, founding(1, 7), founded_with(7));
  }();
  CHECK(is_bucket(fresh, 7));
  EXPECT_EQ(fresh.cells, kCells + 1);
}

TEST("machine: a name that was removed is made again; who had it keeps what it had") {
  const Directory directory;
  MachineFiles files(directory.path());
  const MachineCells old = files.cells(kKind, "gone", kCells, founding(1, 5));
  std::filesystem::remove(directory.file("gone"));
  const MachineCells fresh = files.cells(kKind, "gone", kCells, founding(1, 7));
  CHECK(is_bucket(old, 5));
  CHECK(is_bucket(fresh, 7));
}

size_t mappings_of(const std::string& path) {
  std::ifstream maps("/proc/self/maps");
  size_t count = 0;
  for (std::string line; std::getline(maps, line);) count += line.find(path) != std::string::npos ? 1 : 0;
  return count;
}

TEST("machine: a region is unmapped with its last share, and then nobody uses it") {
  const Directory directory;
  MachineFiles files(directory.path());
  const MachineCells one = files.cells(kKind, "shares", kCells, founding(1, 5), founded_with(5));
  const MachineCells other = files.cells(kKind, "shares", kCells, founding(1, 5), founded_with(5));
  CHECK(one.mapping == other.mapping);
  EXPECT_EQ(mappings_of(directory.path()), size_t{1});
  files.release(one.mapping);
  CHECK(is_bucket(other, 5));
  // Still in use: its parameters stay.
  const MachineCells third = files.cells(kKind, "shares", kCells, founding(1, 7), founded_with(7));
  CHECK(is_bucket(third, 5));
  files.release(other.mapping);
  files.release(third.mapping);
  EXPECT_EQ(mappings_of(directory.path()), size_t{0});
  CHECK(is_bucket(files.cells(kKind, "shares", kCells, founding(1, 7), founded_with(7)), 7));
}

TEST("machine: two tables of one process have rows of their own") {
  const Directory directory;
  MachineFiles files(directory.path());
  MachineFiles theirs(directory.path());
  const MachineCells mine = files.cells(kKind, "two", kCells, founding(1, 5), founded_with(5));
  const MachineCells other = theirs.cells(kKind, "two", kCells, founding(1, 5), founded_with(5));
  files.release(mine.mapping);
  MachineFiles third(directory.path());
  CHECK(is_bucket(third.cells(kKind, "two", kCells, founding(1, 7), founded_with(7)), 5));
  CHECK(is_bucket(other, 5));
}

TEST("machine: cells that nobody uses are adapted in place, and made again only where that cannot be") {
  const Directory directory;
  MachineFiles files(directory.path());
  const auto open = [&](double burst, bool can) {
    const MachineCells opened = files.cells(kKind, "adapt", kCells, founding(1e-9, burst), [&](core::Word* words) {
      core::TokenBucket<> bucket(words);
      return can && bucket.update(os::monotonic_ns(), 1e-9, burst) == core::Outcome::kGranted;
    });
    CHECK(is_bucket(opened, burst));
    const double tokens = core::TokenBucket<>(opened.words).available(os::monotonic_ns());
    core::TokenBucket<>(opened.words).charge(os::monotonic_ns(), std::max(tokens, 1e-6));
    files.release(opened.mapping);
    return tokens;
  };
  CHECK(open(100, true) == 100);
  CHECK(open(101, true) < 1e-3);
  CHECK(open(100, true) < 1e-3);
  CHECK(open(50, false) == 50);
}

TEST("machine: a process maps so many regions and no more; what it lets go of makes room") {
  const Directory directory;
  MachineFiles files(directory.path(), nullptr, MachineFiles::kPatienceNs, 3);
  MachineCells opened[3];
  for (int i = 0; i < 3; ++i) opened[i] = files.cells(kKind, "many " + std::to_string(i), kCells, founding(1, 5));
  const MachineCells refused = files.cells(kKind, "many 3", kCells, founding(1, 5));
  EXPECT_EQ(refused.fault, MachineFault::kFull);
  CHECK(refused.words == nullptr);
  CHECK(is_bucket(files.cells(kKind, "many 2", kCells, founding(1, 5)), 5));
  files.release(opened[0].mapping);
  CHECK(is_bucket(files.cells(kKind, "many 3", kCells, founding(1, 5)), 5));
}

TEST("machine: a copy of a region that has holes is given its memory before it is mapped") {
  const Directory directory;
  const std::string name = "holes";
  {
    MachineFiles files(directory.path());
    files.release(files.cells(kKind, name, 100'000, founding(1, 5)).mapping);
  }
  std::filesystem::resize_file(directory.file(name), 4096 + 64 * kCells);
  std::filesystem::resize_file(directory.file(name), 4096 + 64 * 100'000);
  MachineFiles files(directory.path());
  CHECK(is_bucket(files.cells(kKind, name, 100'000, founding(1, 7)), 5));
  struct stat status {};
  EXPECT_EQ(stat(directory.file(name).c_str(), &status), 0);
  CHECK(status.st_blocks * 512 >= status.st_size);
}

}  // namespace
}  // namespace amorsize::test
