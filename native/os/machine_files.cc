#include "os/machine_files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <optional>
#include <thread>

#include "core/circuit_breaker.h"
#include "os/clock.h"
#include "os/file_status.h"
#include "os/machine_memory.h"
#include "os/process_identity.h"

namespace amorsize::os {
namespace {

using core::HeaderState;

constexpr size_t kFirstWord = core::machine::kHeaderCells * core::kWordsPerCell;

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ < 0) return;
    // A mapping keeps the open file, and with it the lock, beyond the close.
    flock(descriptor_, LOCK_UN);
    close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

MachineFault fault_of(int error) {
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
      return MachineFault::kFull;
    case EACCES:
    case EPERM:
      return MachineFault::kPermission;
    case ELOOP:
    case EISDIR:
    case ENXIO:
      return MachineFault::kNotARegion;
    default:
      return MachineFault::kUnavailable;
  }
}

MachineFault fault_of(HeaderState state) {
  switch (state) {
    case HeaderState::kOtherVersion:
      return MachineFault::kOtherVersion;
    case HeaderState::kOtherClock:
      return MachineFault::kOtherClock;
    default:
      return MachineFault::kNotARegion;
  }
}

// Gives the file all its pages now: a page that is not there when it is first written to would be a SIGBUS. 0, or the
// error.
int allocate(int file, size_t bytes) {
  // Beyond this limit the kernel would send a signal, which kills.
  rlimit limit{};
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur) return EFBIG;
  return allocate_pages(file, static_cast<off_t>(bytes));
}

// Takes the kernel's lock on the file, which a process that dies lets go of. 0, or the error; ETIMEDOUT after
// `patience_ns`.
int lock(int file, int64_t patience_ns) {
  const int64_t deadline = monotonic_ns() + patience_ns;
  for (;;) {
    if (flock(file, LOCK_EX | LOCK_NB) == 0) return 0;
    if (errno != EWOULDBLOCK && errno != EINTR) return errno;
    if (monotonic_ns() > deadline) return ETIMEDOUT;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

// Copied rather than mapped: a file that somebody cuts at this moment is a short read, not a signal. Nothing, and the
// reason in `errno`, when it cannot be read.
std::optional<HeaderState> judge(int file, size_t bytes, core::Kind kind, const std::string& name) {
  core::HeaderCopy copy{};
  const ssize_t got = pread(file, copy.data(), sizeof copy, 0);
  if (got < 0) return std::nullopt;
  const size_t readable = static_cast<size_t>(got) < sizeof copy ? static_cast<size_t>(got) : bytes;
  return core::judge_header(copy, readable, kind, name, current_epoch());
}

}  // namespace

struct MachineFiles::Request {
  core::Kind kind;
  const std::string& name;
  size_t cells;
  const std::function<void(core::Word*)>& initialize;
  const Adapt& adapt;
  std::string path;
};

// How one try ended. `again`: the file was removed or made by others meanwhile.
struct MachineFiles::Attempt {
  bool again = false;
  MachineMapping* mapping = nullptr;
  MachineFault fault = MachineFault::kNone;
  int error = 0;

  static Attempt failed(int error) { return {false, nullptr, fault_of(error), error}; }
  static Attempt refused(MachineFault fault) { return {false, nullptr, fault, 0}; }
  static Attempt repeat() { return {true, nullptr, MachineFault::kNone, 0}; }
};

MachineCells MachineFiles::cells(core::Kind kind, const std::string& name, size_t cells,
                                 const std::function<void(core::Word*)>& initialize, const Adapt& adapt) {
  const Request request{kind, name, cells, initialize, adapt, directory_ + '/' + machine_file_name(kind, name)};
  if (directory_.empty() || name.size() > core::kMaxMachineNameBytes)
    return {nullptr, 0, MachineFault::kUnavailable, request.path, 0};
  int unknown = 0;
  current_epoch(&unknown);
  if (unknown != 0) return {nullptr, 0, fault_of(unknown), boot_source(), unknown};
  const std::lock_guard guard(mutex_);
  const int64_t deadline = monotonic_ns() + patience_ns_;
  Attempt result;
  do {
    result = attempt(request);
  } while (result.again && monotonic_ns() < deadline);
  if (result.again) result = Attempt::refused(MachineFault::kBusy);
  if (result.mapping == nullptr) return {nullptr, 0, result.fault, request.path, result.error};
  MachineMapping& mapping = *result.mapping;
  ++mapping.shares;
  return {mapping.header + kFirstWord,
          mapping.cells,
          mapping.cells == cells ? MachineFault::kNone : MachineFault::kOtherSize,
          request.path,
          0,
          &mapping};
}

void MachineFiles::release(MachineMapping* mapping) {
  const std::lock_guard guard(mutex_);
  if (--mapping->shares > 0) return;
  core::leave_owner(mapping->header, mapping->row, own_process());
  munmap(mapping->header, core::kMachineHeaderBytes + mapping->cells * core::kCellBytes);
  const auto file = mapping->file;
  mappings_.erase(file);
}

MachineFiles::Attempt MachineFiles::attempt(const Request& request) {
  // Neither follows a link nor waits for the other end of a pipe.
  constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  constexpr mode_t kMode = S_IRUSR | S_IWUSR;
  int descriptor = open(request.path.c_str(), kFlags);
  if (descriptor < 0 && errno == ENOENT) {
    descriptor = open(request.path.c_str(), kFlags | O_CREAT | O_EXCL, kMode);
    if (descriptor < 0 && errno == EEXIST) return Attempt::repeat();
    // The umask may have taken more away than it should.
    if (descriptor >= 0) fchmod(descriptor, kMode);
    if (descriptor >= 0) step(CreationStep::kFileMade);
  }
  if (descriptor < 0) return Attempt::failed(errno);
  const File file(descriptor);

  const auto status = status_of(descriptor);
  if (!status) return Attempt::failed(errno);
  if (!S_ISREG(status->mode)) return Attempt::refused(MachineFault::kNotARegion);
  if (status->user != geteuid() || (status->mode & 07777) != kMode) return Attempt::refused(MachineFault::kPermission);
  const auto known = mappings_.find({status->device, status->inode});
  if (known != mappings_.end()) return {false, &known->second, MachineFault::kNone, 0};
  return settle(request, descriptor);
}

// Uses the region if it is finished, or creates it. While the lock is held nobody else does either. An unfinished
// region has no creator any more: the one it had is dead, or never had the lock.
MachineFiles::Attempt MachineFiles::settle(const Request& request, int file) {
  const int locked = lock(file, patience_ns_);
  if (locked != 0) return locked == ETIMEDOUT ? Attempt::refused(MachineFault::kBusy) : Attempt::failed(locked);
  step(CreationStep::kLocked);
  const auto status = status_of(file);
  if (!status) return Attempt::failed(errno);
  if (status->links == 0) return Attempt::repeat();
  const auto state = judge(file, static_cast<size_t>(status->bytes), request.kind, request.name);
  if (!state) return Attempt::failed(errno);
  switch (*state) {
    case HeaderState::kReady:
      return use(request, file, false);
    case HeaderState::kUnfinished:
      return create(request, file);
    case HeaderState::kOtherBoot:
      // Removed rather than written over: whoever still has it mapped, if anybody, keeps what he had.
      unlink(request.path.c_str());
      return Attempt::repeat();
    default:
      return Attempt::refused(fault_of(*state));
  }
}

MachineFiles::Attempt MachineFiles::create(const Request& request, int file) {
  const size_t cells = core::machine::kHeaderCells + request.cells;
  const size_t bytes = cells * core::kCellBytes;
  // What a dead creator left is dropped, so that every page is zero. Nobody has mapped it: only a finished region is.
  const int error = ftruncate(file, 0) != 0 ? errno : allocate(file, bytes);
  if (error == 0) step(CreationStep::kAllocated);
  void* const address = error == 0 ? mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  if (address == MAP_FAILED) {
    const Attempt failure = Attempt::failed(error != 0 ? error : errno);
    unlink(request.path.c_str());
    return failure;
  }
  auto* const header = static_cast<core::Word*>(address);
  request.initialize(header + kFirstWord);
  step(CreationStep::kInitialized);
  core::write_header(header, cells, request.kind, request.name, current_epoch());
  step(CreationStep::kDescribed);
  core::publish_header(header);
  step(CreationStep::kPublished);
  munmap(address, bytes);
  return use(request, file, true);
}

// Maps a finished region; or finds that it does not fit and nobody uses it, and removes it.
MachineFiles::Attempt MachineFiles::use(const Request& request, int file, bool is_new) {
  const auto status = status_of(file);
  if (!status) return Attempt::failed(errno);
  const auto bytes = static_cast<size_t>(status->bytes);
  if (bytes <= core::kMachineHeaderBytes) return Attempt::refused(MachineFault::kNotARegion);
  if (mappings_.size() >= most_mappings_) return Attempt::failed(EMFILE);
  const size_t cells = bytes / core::kCellBytes - core::machine::kHeaderCells;
  const bool is_fit = cells == request.cells;
  // A copy of a region may have holes, and there may be no memory to fill them when they are written to.
  const int error = is_fit && status->allocated < bytes ? allocate(file, bytes) : 0;
  if (error != 0) return Attempt::failed(error);
  void* const address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (address == MAP_FAILED) return Attempt::failed(errno);
  auto* const header = static_cast<core::Word*>(address);
  const auto refuse = [&](const Attempt& attempt) {
    munmap(address, bytes);
    return attempt;
  };
  // The file was read before it was mapped; this is the load that makes the creator's words visible here.
  if (!core::is_published(header)) return refuse(Attempt::refused(MachineFault::kNotARegion));
  const bool is_unused = !is_new && !core::has_owner(header, is_alive);
  if (is_unused && !(is_fit && (!request.adapt || request.adapt(header + kFirstWord)))) {
    unlink(request.path.c_str());
    return refuse(Attempt::repeat());
  }
  const int row = core::enter_owner(header, own_process(), is_alive);
  if (row == core::kNoOwnerRow) return refuse(Attempt::refused(MachineFault::kCrowded));
  if (request.kind == core::Kind::kCircuitBreaker) core::take_over_row(header + kFirstWord, cells, row + 1);
  const std::pair key{status->device, status->inode};
  const auto entry = mappings_.emplace(key, MachineMapping{header, cells, row, key, 0}).first;
  return {false, &entry->second, MachineFault::kNone, 0};
}

}  // namespace amorsize::os
