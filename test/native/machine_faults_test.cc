// What has a region's name and is none of ours, or no more: refused with its reason, and nothing crashes.
#include <fcntl.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <random>
#include <vector>

#include "machine_support.h"

namespace {

volatile std::sig_atomic_t signals_taken = 0;
bool is_old_tmpfs = false;

}  // namespace

// In the place of the C library's. tmpfs before Linux 6.10: a signal that is taken ends the call, and nothing is
// allocated; here one comes each time.
extern "C" int posix_fallocate(int file, off_t offset, off_t bytes) {
  if (is_old_tmpfs) {
    const int before = signals_taken;
    raise(SIGPROF);
    if (signals_taken != before) return signals_taken < 1000 ? EINTR : EIO;
  }
  return fallocate(file, 0, offset, bytes) == 0 ? 0 : errno;
}

namespace amorsize::test {
namespace {

using os::MachineCells;
using os::MachineFault;
using os::MachineFiles;

constexpr double kBurst = 5;

MachineCells open_in(const Directory& directory, const std::string& name = "name") {
  MachineFiles files(directory.path());
  return files.cells(kKind, name, kCells, founding(1, kBurst));
}

// A finished region, written by a process that has ended.
void make_region(const Directory& directory) {
  EXPECT_EQ(wait_for(start([&] { CHECK(is_bucket(open_in(directory), kBurst)); })), 0);
}

void write_words(const std::string& path, size_t at, const std::vector<int64_t>& words) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at * sizeof(int64_t)));
  file.write(reinterpret_cast<const char*>(words.data()), static_cast<std::streamsize>(words.size() * sizeof(int64_t)));
  CHECK(file.good());
}

TEST("machine: a link, a directory or a pipe of that name is refused") {
  const Directory directory;
  const std::string path = directory.file("name");
  std::ofstream(directory.path() + "/victim") << "precious";
  std::filesystem::create_symlink(directory.path() + "/victim", path);
  EXPECT_EQ(open_in(directory).fault, MachineFault::kNotARegion);
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_EQ(open_in(directory).fault, MachineFault::kNotARegion);
  std::filesystem::remove(path);
  EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(open_in(directory).fault, MachineFault::kNotARegion);
  std::filesystem::remove(path);
  EXPECT_EQ(std::filesystem::file_size(directory.path() + "/victim"), 8);
}

TEST("machine: a region that others may use, or of another user, is refused") {
  const Directory directory;
  make_region(directory);
  const std::string path = directory.file("name");
  for (const mode_t mode : {0640, 0602, 0666, 0400, 04600}) {
    EXPECT_EQ(chmod(path.c_str(), mode), 0);
    EXPECT_EQ(open_in(directory).fault, MachineFault::kPermission);
  }
  EXPECT_EQ(chmod(path.c_str(), 0600), 0);
  CHECK(is_bucket(open_in(directory), kBurst));
  if (geteuid() != 0) return;  // only root may give a file away
  EXPECT_EQ(chown(path.c_str(), 12345, 12345), 0);
  EXPECT_EQ(open_in(directory).fault, MachineFault::kPermission);
}

TEST("machine: a strange umask makes no other mode") {
  const Directory directory;
  const mode_t before = umask(0777);
  const MachineCells opened = open_in(directory);
  umask(before);
  CHECK(is_bucket(opened, kBurst));
  struct stat status {};
  stat(directory.file("name").c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0600);
}

TEST("machine: a region cut at any length is refused or made anew, as if it had never been finished") {
  const Directory directory;
  for (const size_t bytes : {size_t{0}, size_t{7}, size_t{8}, size_t{64}, size_t{100}, size_t{4095}, size_t{4096},
                             size_t{4160}, size_t{4479}}) {
    make_region(directory);
    std::filesystem::resize_file(directory.file("name"), bytes);
    const MachineCells opened = open_in(directory);
    if (bytes < sizeof(int64_t)) {
      CHECK(is_bucket(opened, kBurst));
    } else {
      EXPECT_EQ(opened.fault, MachineFault::kNotARegion);
      CHECK(opened.words == nullptr);
    }
    std::filesystem::remove(directory.file("name"));
  }
  make_region(directory);
  std::filesystem::resize_file(directory.file("name"), 8192);
  EXPECT_EQ(open_in(directory).fault, MachineFault::kNotARegion);
}

TEST("machine: noise is refused") {
  std::mt19937_64 random(20'260'101);
  for (int64_t round = 0; round < 200 * effort; ++round) {
    const Directory directory;
    make_region(directory);
    const bool keeps_magic = round % 2 == 0;
    std::vector<int64_t> noise(core::machine::kOwners);
    for (int64_t& word : noise) word = static_cast<int64_t>(random());
    if (keeps_magic) noise[core::region::kMagic] = core::region::kMagicValue;
    write_words(directory.file("name"), 0, noise);
    const MachineFault fault = open_in(directory).fault;
    EXPECT_EQ(fault, keeps_magic ? MachineFault::kOtherVersion : MachineFault::kNotARegion);
  }
}

TEST("machine: every word of the header is checked") {
  struct Case {
    size_t word;
    int64_t value;
    MachineFault fault;
  };
  namespace machine = core::machine;
  const Case cases[] = {
      {core::region::kMagic, core::region::kMagicValue + 1, MachineFault::kNotARegion},
      {core::region::kVersion, core::kLayoutVersion + 1, MachineFault::kOtherVersion},
      {core::region::kCells, 69, MachineFault::kNotARegion},
      {core::region::kCells, -1, MachineFault::kNotARegion},
      {machine::kKind, 7, MachineFault::kNotARegion},
      {machine::kNameBytes, 3, MachineFault::kNotARegion},
      {machine::kNameBytes, -1, MachineFault::kNotARegion},
      {machine::kName, 0x6D61'6E65, MachineFault::kNotARegion},
      {machine::kClock, 1, MachineFault::kOtherClock},
  };
  for (const Case& wrong : cases) {
    const Directory directory;
    make_region(directory);
    write_words(directory.file("name"), wrong.word, {wrong.value});
    EXPECT_EQ(open_in(directory).fault, wrong.fault);
  }
}

TEST("machine: a region of another boot is made anew") {
  for (const size_t word : {core::machine::kBootHigh, core::machine::kBootLow}) {
    const Directory directory;
    MachineFiles before(directory.path());
    const MachineCells old = before.cells(kKind, "name", kCells, founding(1, 9));
    write_words(directory.file("name"), word, {12345});
    CHECK(is_bucket(open_in(directory), kBurst));
    CHECK(is_bucket(old, 9));
    EXPECT_EQ(directory.files(), 1);
  }
}

TEST("machine: without room nothing is left behind") {
  const Directory directory;
  const pid_t cramped = start([&] {
    const rlimit limit{4096, 4096};
    setrlimit(RLIMIT_FSIZE, &limit);
    EXPECT_EQ(open_in(directory).fault, MachineFault::kFull);
  });
  EXPECT_EQ(wait_for(cramped), 0);
  EXPECT_EQ(directory.files(), 0);
}

TEST("machine: signals that keep coming hold up nobody who makes a region, on old kernels either") {
  const Directory directory;
  const pid_t profiled = start([&] {
    std::signal(SIGPROF, [](int) { signals_taken = signals_taken + 1; });
    is_old_tmpfs = true;
    CHECK(is_bucket(open_in(directory), kBurst));
    EXPECT_EQ(signals_taken, 1);
  });
  EXPECT_EQ(wait_for(profiled), 0);
}

TEST("machine: who can open no file is told so, and gets the name once it can") {
  const Directory directory;
  const pid_t cramped = start([&] {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlimit none{0, limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    const MachineCells refused = open_in(directory);
    CHECK(refused.fault == MachineFault::kFull && refused.error == EMFILE);
    setrlimit(RLIMIT_NOFILE, &limit);
    CHECK(is_bucket(open_in(directory), kBurst));
  });
  EXPECT_EQ(wait_for(cramped), 0);
}

TEST("machine: a directory that is not there lends nothing") {
  MachineFiles files("/nonexistent-directory-of-amorsize");
  EXPECT_EQ(files.cells(kKind, "name", kCells, founding(1, 1)).fault, MachineFault::kUnavailable);
  MachineFiles none("");
  EXPECT_EQ(none.cells(kKind, "name", kCells, founding(1, 1)).fault, MachineFault::kUnavailable);
}

}  // namespace
}  // namespace amorsize::test
