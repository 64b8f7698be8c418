#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <cstdio>
#include <map>
#include <mutex>

#include "core/circuit_breaker.h"
#include "core/machine_header.h"
#include "os/machine_names.h"
#include "os/process_identity.h"

// Named sections of the session. They vanish with the last process that has one mapped, and cannot be listed.
namespace amorsize::os {

struct MachineMapping {
  HANDLE section;
  core::Word* header;
  size_t cells;
  int row;
  std::string where;
  size_t shares;
};

namespace {

constexpr DWORD kPatienceMs = 5'000;

// Without a number: those of Windows are not those of `strerror`.
MachineCells failed(MachineFault fault, std::string where) { return {nullptr, 0, fault, std::move(where), 0}; }

std::string object_name(core::Kind kind, const std::string& name) {
  uint64_t hash = 0xCBF2'9CE4'8422'2325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01B3;
  char text[64];
  std::snprintf(text, sizeof text, "Local\\amorsize.%lld.%016llx", static_cast<long long>(kind),
                static_cast<unsigned long long>(hash));
  return text;
}

// A mutex of the system, given up by a process that dies.
class SystemMutex {
 public:
  explicit SystemMutex(const std::string& name) : handle_(CreateMutexA(nullptr, FALSE, name.c_str())) {
    const DWORD outcome = handle_ == nullptr ? WAIT_FAILED : WaitForSingleObject(handle_, kPatienceMs);
    held_ = outcome == WAIT_OBJECT_0 || outcome == WAIT_ABANDONED;
  }
  ~SystemMutex() {
    if (held_) ReleaseMutex(handle_);
    if (handle_ != nullptr) CloseHandle(handle_);
  }
  SystemMutex(const SystemMutex&) = delete;
  SystemMutex& operator=(const SystemMutex&) = delete;
  // False where this user may not open it.
  bool is_there() const { return handle_ != nullptr; }
  bool held() const { return held_; }

 private:
  HANDLE handle_;
  bool held_;
};

MachineCells open_section(core::Kind kind, const std::string& name, size_t cells,
                          const std::function<void(core::Word*)>& initialize, const std::string& where) {
  const SystemMutex lock(where + ".lock");
  if (!lock.is_there()) return failed(MachineFault::kPermission, where);
  if (!lock.held()) return failed(MachineFault::kBusy, where);
  const size_t wanted_cells = core::machine::kHeaderCells + cells;
  const uint64_t wanted = wanted_cells * core::kCellBytes;
  // Kept open while it is mapped, or the section would vanish.
  const HANDLE section =
      CreateFileMappingA(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE, static_cast<DWORD>(wanted >> 32),
                         static_cast<DWORD>(wanted), where.c_str());
  if (section == nullptr)
    return failed(GetLastError() == ERROR_ACCESS_DENIED ? MachineFault::kPermission : MachineFault::kFull, where);
  auto* const header = static_cast<core::Word*>(MapViewOfFile(section, FILE_MAP_ALL_ACCESS, 0, 0, 0));
  // What stays open would keep the section, and its name, for as long as this process runs.
  const auto refuse = [&](MachineFault fault) {
    if (header != nullptr) UnmapViewOfFile(header);
    CloseHandle(section);
    return failed(fault, where);
  };
  if (header == nullptr) return refuse(MachineFault::kFull);
  MEMORY_BASIC_INFORMATION view{};
  VirtualQuery(header, &view, sizeof view);
  if (!core::is_published(header)) {
    if (view.RegionSize < wanted) return refuse(MachineFault::kNotARegion);
    for (size_t i = 0; i < wanted / sizeof(core::Word); ++i) header[i].store(0, std::memory_order_relaxed);
    initialize(header + core::machine::kHeaderCells * core::kWordsPerCell);
    core::write_header(header, wanted_cells, kind, name, {});
    core::publish_header(header);
  }
  // A view's size is known in pages only; the header tells it in cells, and must fit.
  const auto found_cells = static_cast<uint64_t>(header[core::region::kCells].load(std::memory_order_relaxed));
  const uint64_t bytes = found_cells * core::kCellBytes;
  core::HeaderCopy copy{};
  if (view.RegionSize < sizeof copy || found_cells > view.RegionSize / core::kCellBytes)
    return refuse(MachineFault::kNotARegion);
  for (size_t i = 0; i < copy.size(); ++i) copy[i] = header[i].load(std::memory_order_relaxed);
  const core::HeaderState state = core::judge_header(copy, bytes, kind, name, {});
  if (state == core::HeaderState::kOtherVersion) return refuse(MachineFault::kOtherVersion);
  if (state != core::HeaderState::kReady) return refuse(MachineFault::kNotARegion);
  const int row = core::enter_owner(header, own_process(), is_alive);
  if (row == core::kNoOwnerRow) return refuse(MachineFault::kCrowded);
  const size_t found = found_cells - core::machine::kHeaderCells;
  if (kind == core::Kind::kCircuitBreaker)
    core::take_over_row(header + core::machine::kHeaderCells * core::kWordsPerCell, found, row + 1);
  return {header + core::machine::kHeaderCells * core::kWordsPerCell, found, MachineFault::kNone, where, 0,
          new MachineMapping{section, header, found, row, where, 0}};
}

struct Mappings {
  std::mutex mutex;
  std::map<std::string, MachineMapping*> by_name;
};

// Never destroyed: threads may still decide while the process runs its exit handlers.
Mappings& mappings() {
  static auto* const instance = new Mappings;
  return *instance;
}

}  // namespace

MachineCells machine_cells(core::Kind kind, const std::string& name, size_t cells,
                           const std::function<void(core::Word*)>& initialize, const Adapt&) {
  // What nobody uses is not there: there is nothing to adapt.
  Mappings& all = mappings();
  const std::lock_guard guard(all.mutex);
  const std::string where = object_name(kind, name);
  if (name.size() > core::kMaxMachineNameBytes) return failed(MachineFault::kUnavailable, where);
  auto found = all.by_name.find(where);
  if (found == all.by_name.end()) {
    const MachineCells opened = open_section(kind, name, cells, initialize, where);
    if (opened.words == nullptr) return opened;
    found = all.by_name.emplace(where, opened.mapping).first;
  }
  MachineMapping* const mapping = found->second;
  ++mapping->shares;
  return {mapping->header + core::machine::kHeaderCells * core::kWordsPerCell,
          mapping->cells,
          mapping->cells == cells ? MachineFault::kNone : MachineFault::kOtherSize,
          where,
          0,
          mapping};
}

void release_machine_cells(MachineMapping* mapping) {
  Mappings& all = mappings();
  const std::lock_guard guard(all.mutex);
  if (--mapping->shares > 0) return;
  core::leave_owner(mapping->header, mapping->row, own_process());
  UnmapViewOfFile(mapping->header);
  CloseHandle(mapping->section);
  all.by_name.erase(mapping->where);
  delete mapping;
}

int64_t machine_row(const MachineMapping& mapping) { return mapping.row + 1; }

bool is_machine_row_gone(const MachineMapping& mapping, int64_t row) {
  return core::is_row_gone(mapping.header, static_cast<size_t>(row - 1), is_alive);
}

std::string machine_directory() { return ""; }

}  // namespace amorsize::os
