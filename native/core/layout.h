// Every word of shared memory: what it holds, its unit, who writes it, in which order. The same words serve one
// thread, all threads of a process, and all processes of a machine. src/memory/shared/layout.ts mirrors this file; a
// test compares the two.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#if defined(AMORSIZE_SIMULATED)
#include "core/simulated_word.h"
#endif

namespace amorsize::core {

// A word as the addon uses it. Shared memory is only words of this type; nothing else is ever put there.
#if defined(AMORSIZE_SIMULATED)
using Word = SimulatedWord;
#else
using Word = std::atomic<int64_t>;
#endif
static_assert(sizeof(Word) == 8 && alignof(Word) == 8, "a word of shared memory is eight plain bytes");
static_assert(Word::is_always_lock_free, "a thread may die at any instruction, so no word may hide a lock");

// Raised whenever the meaning of any word changes; memory written under another number is refused.
inline constexpr int64_t kLayoutVersion = 10;

// Memory is handed out in cells of one cache line.
inline constexpr size_t kCellBytes = 64;
inline constexpr size_t kWordsPerCell = kCellBytes / sizeof(Word);

// A region (one SharedArrayBuffer, or one named mapping) starts with this cell.
namespace region {
inline constexpr size_t kMagic = 0;                            // kMagicValue; written last by the creator, with release
inline constexpr size_t kVersion = 1;                          // kLayoutVersion
inline constexpr size_t kCells = 2;                            // cells in the region, this one included
inline constexpr int64_t kMagicValue = 0x455A'4953'524F'4D41;  // "AMORSIZE" in memory order
}  // namespace region

// A region that has a name on the machine starts with a page of header: the region's cell, then who may trust it, what
// it is called, and who uses it. Its creator writes all of it before the magic word; only the owner rows change after
// that.
namespace machine {
inline constexpr size_t kHeaderCells = 64;  // 4096 bytes; the named cells follow

inline constexpr size_t kKind = 3;      // number of the Kind
inline constexpr size_t kBootHigh = 4;  // the boot the region belongs to: 128 bits
inline constexpr size_t kBootLow = 5;
inline constexpr size_t kClock = 6;  // the time namespace whose CLOCK_MONOTONIC the region counts in; 0 when unknown
inline constexpr size_t kNameBytes = 8;
inline constexpr size_t kName = 16;  // UTF-8, eight bytes a word in memory order, padded with zeros
inline constexpr size_t kNameWords = 80;

// Rows of a process each: its identity, or 0, claimed with compare-and-swap; then the PID namespace in which that
// holds, or 0 when it is not yet written. A row whose process has ended is cleared by the next process that opens the
// region.
inline constexpr size_t kOwners = 96;
inline constexpr size_t kOwnerRows = 208;
inline constexpr size_t kOwnerRowWords = 2;

// A process in one word: when it started, as the kernel counts, << 22 | its number. A number that is used again is
// another process.
inline constexpr int kPidBits = 22;
inline constexpr int64_t kPidMask = (int64_t{1} << kPidBits) - 1;
}  // namespace machine

static_assert(machine::kName + machine::kNameWords == machine::kOwners, "the owner rows follow the name");
static_assert(machine::kOwners + machine::kOwnerRows * machine::kOwnerRowWords == machine::kHeaderCells * kWordsPerCell,
              "the owner rows fill the header");

// What a block of cells is. The first word of every block holds its kind and the layout version, is written last by
// the creator, and never changes.
enum class Kind : int64_t {
  kNone = 0,
  kTokenBucket = 1,
  kKeyedTable = 2,
  kSemaphore = 3,
  kCircuitBreaker = 4,
  kRetryBudget = 5,
  kKeyedWindow = 6,
  kWaiters = 7
};
inline constexpr int64_t kind_word(Kind kind) {
  return (kLayoutVersion << 32) | (int64_t{0x414D} << 16) | static_cast<int64_t>(kind);
}
template <class W>
void write_kind(W* block, Kind kind) {
  // order: release. Pairs with `is_of_kind`: whoever finds the kind there sees the block initialised.
  block[0].store(kind_word(kind), std::memory_order_release);
}
template <class W>
bool is_of_kind(const W* block, Kind kind) {
  // order: acquire. Pairs with `write_kind`.
  return block[0].load(std::memory_order_acquire) == kind_word(kind);
}

// Token bucket: one line of state, then four parameter slots of a line each.
//
//   line 0   kind | hot | claim | reserved | -   hot is the only word a decision writes
//   line 1-4 parameter slots; slot (generation & 3) is the one in force
//
// Tokens are counted in units of 10^-digits token on an axis that starts at 0 when the bucket is made and never
// restarts. `produced` is what the rate has yielded by now, `spent` what has been taken or reserved; their difference
// is what is available (negative: debt to waiters).
namespace bucket {
inline constexpr size_t kCells = 5;

inline constexpr size_t kKind = 0;
// (spent - base) << 11 | (generation & 2047), in units. Written by every decision with compare-and-swap. The generation
// makes the swap fail for a thread that read a slot which has been replaced since.
inline constexpr size_t kHot = 1;
// Who is changing parameters: (now_ns >> 10) << 7 | quarantine << 3 | target slot << 1 | 1; when nobody is, quarantine
// << 3. A claim older than kClaimLeaseNs is taken over, so an updater that dies blocks nobody for longer; decisions
// never wait for it. Quarantine has a bit for every slot whose claim was taken over: nobody uses it until its writer
// has woken up.
inline constexpr size_t kClaim = 2;
inline constexpr int kClaimTickBits = 10;
inline constexpr int kClaimTimeShift = 7;
inline constexpr int kQuarantineShift = 3;
inline constexpr int64_t kQuarantineMask = int64_t{15} << kQuarantineShift;

// No reservation ends beyond this, a place on the axis: units << 4 | (digits + 7). Raised before each reservation, and
// never lowered; whoever dies in between leaves it higher than need be. A place of more units than kMaxReserved is
// rounded up to ten.
inline constexpr size_t kReserved = 3;
inline constexpr int kReservedDigitsBits = 4;
inline constexpr int64_t kNowhere = -(int64_t{1} << 62) * 2;  // before any place
inline constexpr int64_t kMaxReserved = (int64_t{1} << 59) - 1;

inline constexpr size_t kSlots = 4;
inline constexpr size_t kFirstSlot = kWordsPerCell;
// Words of a slot. Written only by the holder of the claim and only while the slot is not in force.
// Grows with every change, by 1 or past slots in quarantine; its low bits are in `hot`.
inline constexpr size_t kGeneration = 0;
inline constexpr size_t kEpochNs = 1;     // when `base` held; later than now while the bucket is paused
inline constexpr size_t kBase = 2;        // units produced by the epoch
inline constexpr size_t kMultiplier = 3;  // units per ns = multiplier / 2^shift; 2^61 <= multiplier < 2^62
inline constexpr size_t kScale = 4;  // shift | (digits + 6) << 8, see rate.h | whether the epoch ends a pause << 12
inline constexpr int kPauseBit = 12;
inline constexpr size_t kBurstUnits = 5;  // burst in units, rounded down
inline constexpr size_t kRate = 6;        // tokens per second as asked for: the bits of a double
inline constexpr size_t kBurst = 7;       // burst in tokens as asked for: the bits of a double

inline constexpr int kGenerationBits = 11;
inline constexpr int64_t kGenerationMask = (int64_t{1} << kGenerationBits) - 1;
inline constexpr int kSpentShift = kGenerationBits;
}  // namespace bucket

// Who waits for a bucket: a line of head, then a line a thread. Beside the bucket of a limiter that several objects may
// share; one that has none keeps its callers in order within each object.
//
//   line 0   kind | arrivals | rows used | rows
//   rows     owner | space | next | waiting | look at | held end | held size
//
// A row is written by its owner alone, but for `owner`, which is swapped. Others believe what they read only as far as
// it can do no harm: rows say who goes first, and never who may go on, which is for the bucket's `hot` alone.
namespace waiters {
inline constexpr size_t kKind = 0;
// Thousandths of a token that callers who wait have asked for so far: the place of each in the order of arrival.
// Compared by difference, so it may wrap.
inline constexpr size_t kArrivals = 1;
inline constexpr size_t kUsed = 2;  // rows that were ever claimed are the first so many
inline constexpr size_t kRows = 3;
inline constexpr double kPerToken = 1000;

inline constexpr size_t kFirstRow = kWordsPerCell;
inline constexpr size_t kOwner = 0;     // a process as in machine::kOwners; 0: the row is free
inline constexpr size_t kSpace = 1;     // its PID namespace
inline constexpr size_t kNext = 2;      // arrival of its first caller that has no tokens yet; kNobody when all have
inline constexpr size_t kWaiting = 3;   // thousandths of a token that such callers want
inline constexpr size_t kLookAtNs = 4;  // when its thread will look next; later than that, it is late
// The last stretch of the axis that it holds, relative to the base of its generation: (units << 11) | (generation &
// 2047), 0 for none. What is left of it can be given back when the thread dies.
inline constexpr size_t kHeldEnd = 5;
inline constexpr size_t kHeldSize = 6;
inline constexpr int kHeldShift = 11;

inline constexpr int64_t kNobody = -(int64_t{1} << 62) * 2;
inline constexpr size_t kProcessRows = 63;   // 4 KiB with the head
inline constexpr size_t kMachineRows = 255;  // 16 KiB, of which the system lends only what is used
}  // namespace waiters

// A bucket that has a name is followed by one more cell.
namespace named_bucket {
inline constexpr size_t kCells = 6;
// What the name was made with: the bits of two doubles, written by the creator.
inline constexpr size_t kFoundingRate = 40;
inline constexpr size_t kFoundingBurst = 41;
// Decisions so far, for those who watch. Each thread adds its own now and then: what a thread that dies has not added
// yet is missing.
inline constexpr size_t kAllowed = 42;
inline constexpr size_t kDenied = 43;
// One of the machine is followed by those who wait.
inline constexpr size_t kMachineCells = 262;
}  // namespace named_bucket

static_assert(bucket::kFirstSlot + bucket::kSlots * kWordsPerCell == bucket::kCells * kWordsPerCell,
              "the slots fill the bucket's lines exactly, one line each, so that a decision touches two lines");
static_assert(waiters::kHeldShift == bucket::kGenerationBits, "a row says the generation as `hot` does");
static_assert(named_bucket::kMachineCells == named_bucket::kCells + 1 + waiters::kMachineRows, "the rows come last");
static_assert(named_bucket::kFoundingRate == bucket::kCells * kWordsPerCell, "the extra cell comes after the bucket");

// Circuit breaker: a head, then the places of probes, then the window.
//
//   line 0     kind | control | until | streak | claims | -   read by every call, written when something fails
//   line 1-2   what it was made with, as bits of doubles; epoch            never change
//   line 3-13  slots of parameters that came after these
//   line 14-   one word a probe (as many as it was made with, rounded up to a line)
//   then       of a count window: cursor, ring of calls; of a time window: ring of slices
//
// Only a swap of `control` makes a transition, or changes parameters, and that begins a new generation. Every other
// word of state says to which generation it belongs; in any other it counts as empty. So a transition is one swap, with
// nothing to clear and nothing to finish.
namespace breaker {
inline constexpr size_t kHeadCells = 14;
inline constexpr size_t kMaxProbes = 256;

inline constexpr size_t kKind = 0;
// generation << 11 | slot << 8 | reopenings in a row << 2 | state. The generation grows by one with each transition and
// each update. The slot is that of the parameters in force; 0: what it was made with.
inline constexpr size_t kControl = 1;
inline constexpr int kReopeningsShift = 2;
inline constexpr int kSlotShift = 8;
inline constexpr int kGenerationShift = 11;
inline constexpr int64_t kMaxReopenings = 63;
// When an open breaker may admit a probe: us since the epoch << 15 | tag. Whoever first misses it in a generation
// writes it.
inline constexpr size_t kUntil = 2;
inline constexpr int kUntilTagBits = 15;
// Failures in a row: tag << 44 | minute of the last one << 20 | count.
inline constexpr size_t kStreak = 3;
inline constexpr int kStreakCountBits = 20;
inline constexpr int kStreakTagShift = 44;
inline constexpr int kStreakTagBits = 19;
// A bit for each slot that somebody writes to or that is in force, 1 for the first. Set by swap before the slot is
// written; cleared by whoever has put another slot in force, or has not got his own there. So each bit has one owner at
// any time; that of an updater who dies stays set.
inline constexpr size_t kClaims = 4;

inline constexpr size_t kFirstParameter = kWordsPerCell;  // in the order of breaker_parameter
inline constexpr size_t kEpochNs = 20;                    // when the breaker was made

// Slots 1 to 7: each has parameters as above, but for the first of them, the mode, which stays. In its place is how
// many updates there have been, this one included. Written only while the slot is claimed and not in force.
inline constexpr size_t kSlots = 7;
inline constexpr size_t kFirstSlot = 3 * kWordsPerCell;
inline constexpr size_t kWordsPerSlot = 12;
inline constexpr size_t kUpdates = 0;

// Places of probes, each for one result: tag << 46 | holder << 38 | ms since the epoch at which the lease of the probe
// there ends. 0 or of another generation: free; no holder and all ones: the probe has succeeded; one less: it has
// failed, and neither is ever taken back. The lease grows from probe to probe, so that one whose lease has ended cannot
// be taken for the one after it. The holder is a row of machine::kOwners, from 1 on: when that process has ended the
// place is free. 0: a probe of a breaker that is not of the machine.
inline constexpr size_t kFirstProbe = kHeadCells * kWordsPerCell;
inline constexpr int kLeaseBits = 38;
inline constexpr int kHolderBits = 8;
inline constexpr int kProbeTagBits = 17;

// Count window: where the next call goes and how many there are: tag << 48 | minute of the last call << 28 | index <<
// 14 | filled. Its ring follows: tag << 32 | two bits a call, 1 failed and 2 slow.
inline constexpr int kIndexShift = 14;
inline constexpr int kCursorMinuteShift = 28;
inline constexpr int kCursorTagShift = 48;
inline constexpr int kCursorTagBits = 15;
inline constexpr size_t kCallsPerWord = 16;
inline constexpr size_t kMaxCalls = 10000;
inline constexpr int kRingTagShift = 32;
inline constexpr int kRingTagBits = 31;

// Time window: slices of a tenth of it, each with a word for successes, failures and slow calls:
// tag << 53 | number of the slice since the epoch << 28 | count.
inline constexpr size_t kSlices = 10;
inline constexpr size_t kWordsPerSlice = 4;
inline constexpr int kSliceCountBits = 28;
inline constexpr int kSliceTagShift = 53;
inline constexpr int kSliceTagBits = 10;

inline constexpr int kMinuteBits = 20;  // of the streak and of the cursor: two years
}  // namespace breaker

static_assert(machine::kOwnerRows < size_t{1} << breaker::kHolderBits, "a place of a probe can name every process");
static_assert(breaker::kStreakTagShift + breaker::kStreakTagBits == 63 &&
                  breaker::kLeaseBits + breaker::kHolderBits + breaker::kProbeTagBits == 63 &&
                  breaker::kCursorTagShift + breaker::kCursorTagBits == 63 &&
                  breaker::kSliceTagShift + breaker::kSliceTagBits == 63 &&
                  breaker::kRingTagShift + breaker::kRingTagBits == 63,
              "words of a breaker are never negative, so that shifts mean the same in both languages");

// What a breaker goes by. Milliseconds; rates are shares of 1; what is not used is Infinity.
namespace breaker_parameter {
inline constexpr size_t kMode = 0;  // 0: failures in a row, 1: the last calls, 2: the last ms
inline constexpr size_t kSize = 1;  // how many failures, calls, ms
inline constexpr size_t kFailureRate = 2;
inline constexpr size_t kSlowRate = 3;
inline constexpr size_t kSlowCallMs = 4;
inline constexpr size_t kMinimumCalls = 5;
inline constexpr size_t kSuccessThreshold = 6;  // how many probes
inline constexpr size_t kResetTimeoutMs = 7;
inline constexpr size_t kResetTimeoutFactor = 8;
inline constexpr size_t kMaxResetTimeoutMs = 9;
inline constexpr size_t kProbeLeaseMs = 10;
inline constexpr size_t kProbeFailureRate = 11;  // share of failed probes that opens it again; 0: one does
inline constexpr size_t kCount = 12;
}  // namespace breaker_parameter

static_assert(breaker::kFirstParameter + breaker_parameter::kCount == breaker::kEpochNs &&
                  breaker::kEpochNs < breaker::kFirstSlot,
              "what a breaker was made with and when is in front of the slots");
static_assert(breaker::kWordsPerSlot == breaker_parameter::kCount && breaker::kUpdates == breaker_parameter::kMode &&
                  breaker::kFirstSlot + breaker::kSlots * breaker::kWordsPerSlot <= breaker::kFirstProbe,
              "the slots have parameters in the same order, and fill the rest of the head");
static_assert(breaker::kSlots == (1 << (breaker::kGenerationShift - breaker::kSlotShift)) - 1,
              "every number that fits in `control` is that of a slot, or 0");

// Retry budget: one line of head, then a ring of slices of a tenth of its time.
//
//   line 0   kind | ratio | reserve | slice_ns
//   line 1-2 slices: number since the clock's origin << 40 | balance
namespace retry_budget {
inline constexpr size_t kCells = 3;
inline constexpr size_t kKind = 0;
// Never change: units a call adds, units that are always there, ns of a slice.
inline constexpr size_t kRatio = 1;
inline constexpr size_t kReserve = 2;
inline constexpr size_t kSliceNs = 3;
// Ratio x calls - retries, in units of 2^-20 retry; the reserve and what other slices hold may outweigh a negative one.
inline constexpr size_t kFirstSlice = kWordsPerCell;
inline constexpr size_t kSlices = 10;  // of a window
inline constexpr size_t kKept = 11;    // a window that does not begin with a slice touches one more
inline constexpr int kUnitBits = 20;
inline constexpr int kBalanceBits = 40;
}  // namespace retry_budget

static_assert(retry_budget::kFirstSlice + retry_budget::kKept <= retry_budget::kCells * kWordsPerCell &&
                  retry_budget::kKept > retry_budget::kSlices,
              "there is a word for each slice that counts");

// Semaphore: one line of state, a line for each thread that uses it, and the line of those who wait.
//
//   line 0       kind | hot | queue | most permits | most waiting | shape | limit | terms
//   rows         one line an owner (a thread): process | own | grants | doorbell | space | target | collected | late
//   places       the queue, a ring: each place is a run of callers of one owner that came one after the other
//   last line    of an adaptive one: what it measures, see `adaptive`
//
// Every word that an operation of the queue changes is a payload of 24 bits above a stamp of 40: who changed it last (a
// row, from 1 on), and how many operations that owner had done. `hot` alone is written by compare-and-swap against
// others; it says all that the operation does to the other words, and nobody moves it on before that is done, by the
// operation's owner or by whoever comes next. So an owner that dies at any instruction has either not begun, or leaves
// what anybody can finish. A stamp comes back after 2^34 operations of one owner, 5 minutes at the highest speed; it
// would have to meet a word that nobody has touched in between, and by exactly as many.
namespace semaphore {
inline constexpr size_t kKind = 0;
// permits in use << 44 | whether anybody waits << 43 | action << 40 | stamp. While anybody waits, at least as many are
// in use as may be, but for the moment after the limit has risen or a late thread has lost its permit, until those who
// wait have been let in. Callers of late threads do not count as waiting here: others go first.
inline constexpr size_t kHot = 1;
// head << 52 | length << 40 | stamp: the places in use, holes that cancelled callers left included.
inline constexpr size_t kQueue = 2;
// What it was made with; these never change, and say what its name stands for.
inline constexpr size_t kMaxConcurrent = 3;
inline constexpr size_t kMaxQueue = 4;  // most waiting callers of all threads; -1: no bound
// least << 32 | rows << 16 | places. An adaptive limit is never below `least`; 0: the limit is fixed.
inline constexpr size_t kShape = 5;
// The limit of an adaptive one, and what it was found by; see `adaptive`. Whoever closes a window swaps it.
inline constexpr size_t kLimit = 6;
// What is in force: most permits << 43 | least of an adaptive limit << 30 | most waiting + 1, 0 for no bound. At first
// what it was made with; `update` swaps all of it at once.
inline constexpr size_t kTerms = 7;
inline constexpr int kTermsMostShift = 43;
inline constexpr int kTermsLeastShift = 30;

inline constexpr size_t kFirstRow = kWordsPerCell;
// Words of a row. The permits its owner holds are own + grants, modulo 2^24, of which it knows own + collected.
// The process whose thread uses the row, as machine::kOwners has it; 0: nobody. Claimed by compare-and-swap.
inline constexpr size_t kOwner = 0;
inline constexpr size_t kOwn = 1;       // permits taken less those given back << 40 | stamp of its last operation
inline constexpr size_t kGrants = 2;    // permits that others have handed over << 40 | stamp of who did it last
inline constexpr size_t kDoorbell = 3;  // of the thread, rung after a permit was handed over; written by the owner
inline constexpr size_t kSpace = 4;     // the PID namespace in which kOwner holds; 0: not yet written
// Whose row a mark changes: its number << 40 | the stamp of the mark. Written by the owner before it swaps `hot`.
inline constexpr size_t kTarget = 5;
inline constexpr size_t kCollected = 6;  // grants that the owner has noticed << 40 | stamp
// Whether a grant was taken back since the owner did not notice it; nobody hands over to it until it does << 40 |
// stamp.
inline constexpr size_t kLate = 7;

inline constexpr int kSequenceBits = 34;
inline constexpr int kStampBits = 40;
inline constexpr int kQueuedBit = 3;  // of the payload of `hot`; below it the action, above it the permits in use
inline constexpr int kInUseShift = 4;
inline constexpr int kLengthBits = 12;   // of the payload of `queue`; above it the head
inline constexpr int kWaitingBits = 18;  // of the payload of a place, how many wait; above it their owner

inline constexpr int64_t kMostPermits = (int64_t{1} << 20) - 1;
inline constexpr int64_t kMostRows = 63;
inline constexpr int64_t kMostPlaces = (int64_t{1} << kLengthBits) - 1;
// A bound on those who wait above this is none: no queue is that long.
inline constexpr int64_t kMostQueue = (int64_t{1} << kTermsLeastShift) - 2;

// The usual shape: 8 KiB, of which the kernel provides only the pages that are touched. First come, first served holds
// exactly while fewer than places - rows changes of thread are in the queue; beyond that a thread's callers join its
// last run.
inline constexpr int64_t kRows = 63;
inline constexpr int64_t kPlaces = 512;
inline constexpr size_t kCells = 128;
}  // namespace semaphore

static_assert(semaphore::kCells == 1 + semaphore::kRows + semaphore::kPlaces / kWordsPerCell,
              "state, rows and places fill the cells");
static_assert(semaphore::kMostPlaces << semaphore::kWaitingBits <= semaphore::kMostQueue &&
                  semaphore::kMostPermits < int64_t{1} << (63 - semaphore::kTermsMostShift),
              "the parts of the terms fill the word, which is never negative, and no queue is longer than a bound");

// What an adaptive semaphore measures, in its last line, and how its `limit` is written. Calls that have ended are
// summed up in a window; whoever finds that it is over takes the sum away and moves the limit by one swap of the word
// that it read before. So whoever sleeps or dies in between loses one window and holds nobody up.
namespace adaptive {
inline constexpr size_t kSum = 0;        // how many calls ended in this window << 44 | how many us they took
inline constexpr size_t kPeak = 1;       // how many were dropped << 32 | most permits in use
inline constexpr size_t kWindowEnd = 2;  // ms of CLOCK_MONOTONIC; 0: no call has ended yet

inline constexpr int kSumCountShift = 44;
inline constexpr int kDropsShift = 32;
// `limit`: limit in 256ths << 42 | us of a call when few run << 12 | windows left of a dip << 10 | patience << 7 | busy
// windows since the last dip.
inline constexpr int kLimitShift = 42;
inline constexpr int kLimitFractionBits = 8;
inline constexpr int kBaseShift = 12;
inline constexpr int kBaseBits = 30;
inline constexpr int kDipShift = 10;
inline constexpr int kDipBits = 2;
inline constexpr int kPatienceShift = 7;
inline constexpr int kPatienceBits = 3;

inline constexpr int64_t kMostLimit = 8191;
inline constexpr int64_t kMostUs = (int64_t{1} << kBaseBits) - 1;  // a call that takes longer counts as this: 18 min
}  // namespace adaptive

static_assert(adaptive::kMostLimit < int64_t{1} << (semaphore::kTermsMostShift - semaphore::kTermsLeastShift),
              "the least limit has its part of the terms");
static_assert(adaptive::kMostLimit < int64_t{1} << (63 - adaptive::kLimitShift - adaptive::kLimitFractionBits) &&
                  adaptive::kBaseShift + adaptive::kBaseBits == adaptive::kLimitShift &&
                  adaptive::kDipShift + adaptive::kDipBits == adaptive::kBaseShift &&
                  adaptive::kPatienceShift + adaptive::kPatienceBits == adaptive::kDipShift,
              "the parts of a limit fill the word, which is never negative");

// Keyed table: two lines of what never changes, but for counts that decisions neither read nor write; then groups of
// eight lines; a key belongs to one group.
//
//   line 0-1   kind | groups | slots | capacity | seed | seed | epoch | multiplier | scale | burst units | rate | burst
//              | allowed | denied | evicted
//   group      claim | - | slot | slot | ... | slot         a slot is two words: identity | level
//
// All keys share rate and burst, and an axis of units that starts when the table is made; see core/keyed_terms.h.
namespace keyed {
inline constexpr size_t kHeaderCells = 2;
inline constexpr size_t kGroupCells = 8;
inline constexpr size_t kGroupWords = kGroupCells * kWordsPerCell;
inline constexpr size_t kMaxSlots = 31;  // slots that fit in a group

// Words of the header, written by the creator before the kind word.
inline constexpr size_t kKind = 0;
inline constexpr size_t kGroups = 1;
inline constexpr size_t kSlots = 2;     // slots in use of each group: kMaxSlots, fewer only in a table of one group
inline constexpr size_t kCapacity = 3;  // as asked for
inline constexpr size_t kSeedLow = 4;   // 128 random bits, for the hash of keys
inline constexpr size_t kSeedHigh = 5;
inline constexpr size_t kEpochNs = 6;
inline constexpr size_t kMultiplier = 7;  // units per ns = multiplier / 2^shift
inline constexpr size_t kScale = 8;       // shift | (digits + 6) << 8 | generation bits << 12 | evicts << 16
inline constexpr size_t kBurstUnits = 9;  // burst in units, rounded down
inline constexpr size_t kRate = 10;       // tokens per second as asked for: the bits of a double
inline constexpr size_t kBurst = 11;      // burst in tokens as asked for: the bits of a double
// Words of the header that whoever watches reads: decisions, as far as their threads have published them, and keys
// whose place another took while they had less than a full bucket. A keyed window leaves them alone.
inline constexpr size_t kAllowed = 12;
inline constexpr size_t kDenied = 13;
inline constexpr size_t kEvicted = 14;
inline constexpr size_t kFirstGroup = kHeaderCells * kWordsPerCell;

// Words of a group. The claim: tag << 16 | slot << 11 | pending << 10 | version. Every new key of the group is
// announced here first, with a compare-and-swap that fails if any other was announced since the claimer looked. While
// `pending` is set, whoever comes along completes the claim, so that a claimer that dies blocks nobody.
inline constexpr size_t kClaim = 0;
inline constexpr size_t kFirstSlot = 2;
inline constexpr size_t kWordsPerSlot = 2;
inline constexpr int kClaimSlotShift = 11;
inline constexpr int64_t kClaimPending = int64_t{1} << 10;
inline constexpr int64_t kClaimVersionMask = kClaimPending - 1;

// Words of a slot. Identity: tag << 16 | generation; 0 in a slot that was never used. It changes only under a pending
// claim, and only while the level is frozen.
inline constexpr size_t kIdentity = 0;
// Level, the only word a decision writes, with compare-and-swap: spent << kMarkBits | mark, << generation bits | low
// bits of the generation. The mark says where callers that wait may have reserved: 0 nowhere, else in which period.
// Or, told by its two highest bits (10): a bucket that is full and has not been used (kFresh), or a slot that is free
// for any key (kFrozen), each with the whole generation. A decision fails when the slot changes hands, since the
// generation changes.
inline constexpr size_t kLevel = 1;
inline constexpr int kGenerationBits = 16;
inline constexpr int64_t kGenerationMask = (int64_t{1} << kGenerationBits) - 1;
inline constexpr int kTagBits = 48;
inline constexpr int kMarkBits = 2;
inline constexpr int64_t kFrozen = -(int64_t{1} << 62) * 2;
inline constexpr int64_t kFresh = kFrozen + (int64_t{1} << 32);
}  // namespace keyed

// Keyed window: a keyed table whose levels hold end << kEndShift | standing << kCountBits | count, above
// kGenerationBits of the generation. The end is in whole ms since the table was made: it lasts 8.7 years.
namespace window {
inline constexpr int kCountBits = 20;
inline constexpr int kEndShift = kCountBits + 2;
inline constexpr int kEndBits = 38;
inline constexpr int kGenerationBits = 3;
inline constexpr int64_t kMostCount = (int64_t{1} << kCountBits) - 1;
inline constexpr int64_t kBelowEnd = (int64_t{1} << kEndShift) - 1;
inline constexpr int64_t kMostMs = (int64_t{1} << kEndBits) - 1;
}  // namespace window

static_assert(window::kEndShift + window::kEndBits + window::kGenerationBits == 63,
              "a level is never negative, as those are that hold no number");

static_assert(keyed::kFirstSlot + keyed::kMaxSlots * keyed::kWordsPerSlot == keyed::kGroupWords,
              "the slots fill the group");

}  // namespace amorsize::core
