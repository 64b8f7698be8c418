// Every word of shared memory: what it holds, its unit, who writes it, in which order. The same words serve one
// thread, all threads of a process, and all processes of a machine. src/memory/layout.ts mirrors this file; a test
// compares the two.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace amorsize::core {

// A word as the addon uses it. Shared memory is only words of this type; nothing else is ever put there.
using Word = std::atomic<int64_t>;
static_assert(sizeof(Word) == 8 && alignof(Word) == 8, "a word of shared memory is eight plain bytes");
static_assert(Word::is_always_lock_free, "a thread may die at any instruction, so no word may hide a lock");

// Raised whenever the meaning of any word changes; memory written under another number is refused.
inline constexpr int64_t kLayoutVersion = 1;

// Memory is handed out in cells of one cache line.
inline constexpr size_t kCellBytes = 64;
inline constexpr size_t kWordsPerCell = kCellBytes / sizeof(Word);

// A region (one SharedArrayBuffer, or one named mapping) starts with this cell.
namespace region {
inline constexpr size_t kMagic = 0;    // kMagicValue; written last by the creator, with release
inline constexpr size_t kVersion = 1;  // kLayoutVersion
inline constexpr size_t kCells = 2;    // cells in the region, this one included
inline constexpr int64_t kMagicValue = 0x455A'4953'524F'4D41;  // "AMORSIZE" in memory order
}  // namespace region

// A region that has a name on the machine starts with a page of header: the region's cell, then who may trust it, what it is
// called, and who uses it. Its creator writes all of it before the magic word; only the owner rows change after that.
namespace machine {
inline constexpr size_t kHeaderCells = 64;  // 4096 bytes; the named cells follow

inline constexpr size_t kKind = 3;       // number of the Kind
inline constexpr size_t kBootHigh = 4;   // the boot the region belongs to: 128 bits
inline constexpr size_t kBootLow = 5;
inline constexpr size_t kClock = 6;      // the time namespace whose CLOCK_MONOTONIC the region counts in; 0 when unknown
inline constexpr size_t kCreatedNs = 7;  // when the header was written, CLOCK_MONOTONIC
inline constexpr size_t kNameBytes = 8;
inline constexpr size_t kName = 16;  // UTF-8, eight bytes a word in memory order, padded with zeros
inline constexpr size_t kNameWords = 80;

// Rows of a process each: its identity, or 0, claimed with compare-and-swap; then the PID namespace in which that holds, or 0
// when it is not yet written. A row whose process has ended is cleared by the next process that opens the region.
inline constexpr size_t kOwners = 96;
inline constexpr size_t kOwnerRows = 208;
inline constexpr size_t kOwnerRowWords = 2;

// A process in one word: when it started, as the kernel counts, << 22 | its number. A number that is used again is another process.
inline constexpr int kPidBits = 22;
inline constexpr int64_t kPidMask = (int64_t{1} << kPidBits) - 1;
}  // namespace machine

static_assert(machine::kName + machine::kNameWords == machine::kOwners, "the owner rows follow the name");
static_assert(machine::kOwners + machine::kOwnerRows * machine::kOwnerRowWords == machine::kHeaderCells * kWordsPerCell,
              "the owner rows fill the header");

// What a block of cells is. The first word of every block holds its kind and the layout version, is written last by
// the creator (release), and never changes: whoever reads it (acquire) sees the block initialised.
enum class Kind : int64_t { kNone = 0, kTokenBucket = 1 };
inline constexpr int64_t kind_word(Kind kind) { return (kLayoutVersion << 32) | (int64_t{0x414D} << 16) | static_cast<int64_t>(kind); }

// Token bucket: one line of state, then four parameter slots of a line each.
//
//   line 0   kind | hot | claim | -            hot is the only word a decision writes
//   line 1-4 parameter slots; slot (generation & 3) is the one in force
//
// Tokens are counted in units of 10^-digits token on an axis that starts at 0 when the bucket is made and never
// restarts. `produced` is what the rate has yielded by now, `spent` what has been taken or reserved; their difference
// is what is available (negative: debt to waiters).
namespace bucket {
inline constexpr size_t kCells = 5;

inline constexpr size_t kKind = 0;
// (spent - base) << 8 | (generation & 255), in units. Written by every decision with compare-and-swap. The
// generation makes the swap fail for a thread that read a slot which has been replaced since.
inline constexpr size_t kHot = 1;
// Who is changing parameters: (now_ns >> 10) << 7 | quarantine << 3 | target slot << 1 | 1; when nobody is, quarantine << 3.
// A claim older than kClaimLeaseNs is taken over, so an updater that dies blocks nobody for longer; decisions never wait
// for it. Quarantine has a bit for every slot whose claim was taken over: nobody uses it until its writer has woken up.
inline constexpr size_t kClaim = 2;
inline constexpr int kClaimTickBits = 10;
inline constexpr int kClaimTimeShift = 7;
inline constexpr int kQuarantineShift = 3;
inline constexpr int64_t kQuarantineMask = int64_t{15} << kQuarantineShift;

inline constexpr size_t kSlots = 4;
inline constexpr size_t kFirstSlot = kWordsPerCell;
// Words of a slot. Written only by the holder of the claim and only while the slot is not in force.
inline constexpr size_t kGeneration = 0;  // grows with every change, by 1 or past slots in quarantine; its low byte is in `hot`
inline constexpr size_t kEpochNs = 1;     // when `base` held; later than now while the bucket is paused
inline constexpr size_t kBase = 2;        // units produced by the epoch
inline constexpr size_t kMultiplier = 3;  // units per ns = multiplier / 2^shift; 2^61 <= multiplier < 2^62
inline constexpr size_t kScale = 4;       // shift | (digits + 6) << 8; see rate.h
inline constexpr size_t kBurstUnits = 5;  // burst in units, rounded down
inline constexpr size_t kRate = 6;        // tokens per second as asked for: the bits of a double
inline constexpr size_t kBurst = 7;       // burst in tokens as asked for: the bits of a double

inline constexpr int kGenerationBits = 8;
inline constexpr int64_t kGenerationMask = (int64_t{1} << kGenerationBits) - 1;
}  // namespace bucket

static_assert(bucket::kFirstSlot + bucket::kSlots * kWordsPerCell == bucket::kCells * kWordsPerCell,
              "the slots fill the bucket's lines exactly, one line each, so that a decision touches two lines");

}  // namespace amorsize::core
