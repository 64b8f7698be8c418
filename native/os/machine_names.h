// The machine-wide table of names: every process of this user that asks for the same name and kind gets the same cells.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/layout.h"

namespace amorsize::os {

// Why a name could not be opened. src/memory/shared/machine-names.ts turns each into words.
enum class MachineFault {
  kNone,
  kUnavailable,   // the system has no such memory, or this process may not have more of it
  kPermission,    // what has the name belongs to another user, or others may write to it
  kFull,          // no room for another region, or this process has as many mapped as it may
  kCrowded,       // as many processes use the region as it has rows for
  kNotARegion,    // what has the name is no region of ours, or is damaged
  kOtherVersion,  // a region of another layout version
  kOtherClock,    // a region of another time namespace, whose clock tells another time
  kBusy,          // another process is creating the region and does not finish
  kOtherSize,     // a region of another number of cells; `words` and `cells` tell what is there
};

// A region as this process has it mapped; `release_machine_cells` ends that.
struct MachineMapping;

struct MachineCells {
  core::Word* words = nullptr;
  size_t cells = 0;
  MachineFault fault = MachineFault::kNone;
  std::string where;                  // the file, or what stands for it
  int error = 0;                      // the system's number for what went wrong, or 0
  MachineMapping* mapping = nullptr;  // one share of it, if there are words
};

// What becomes of cells that no process uses when their size is right: whether they were made to fit the caller's
// parameters, keeping what is in them, or must be made again.
using Adapt = std::function<bool(core::Word*)>;

// The cells of (`kind`, `name`) on this machine, zeroed and passed to `initialize` by whoever asks first. Beyond the
// life of that process too: they stay until the machine restarts or they are removed. They are mapped once a process,
// until each of those that asked has passed its `mapping` to `release_machine_cells`.
//
// Cells that are there and that no process uses are passed to `adapt`, and made again if that says so, or if they are
// of another number: a program that starts anew with other parameters is not held to its former ones. While a process
// uses them they are returned as they are, and the caller judges.
//
// Thread-safe, also between processes: one creates, the others wait for it. A process that dies while it creates holds
// nobody up, and the next one starts afresh; `initialize` may therefore run more than once, each time on zeroed cells.
// It must write the kind's word. Neither function may call back. Cost: ten system calls for a name that is there, and
// about 10 us for each process that uses it; about a millisecond a MiB for one that is not.
MachineCells machine_cells(core::Kind kind, const std::string& name, size_t cells,
                           const std::function<void(core::Word*)>& initialize, const Adapt& adapt = nullptr);

// Ends one share of a mapping. With the last one the region is unmapped, and this process is no user of it any more.
// Thread-safe.
void release_machine_cells(MachineMapping* mapping);

// The row of this process among the owners of a region, from 1 on; and whether a row's process has ended, or it is
// nobody's. Thread-safe.
int64_t machine_row(const MachineMapping& mapping);
bool is_machine_row_gone(const MachineMapping& mapping, int64_t row);

// The directory whose files the regions are, one a region (see machine_files.h); empty where they are no files.
std::string machine_directory();

}  // namespace amorsize::os
