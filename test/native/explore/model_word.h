// A word of shared memory that a model checker drives: every atomic operation is a request that the explorer answers
// when it likes, and in every way that the memory allows.
//
// Operations of the core are functions of what the memory answered. So a thread is stopped at a request by jumping out
// of it, and goes on by running it again from its start with the answers it got before: the state of a thread is a list
// of answers, which can be copied, compared and hashed, as no stack could be.
#pragma once

#include <algorithm>
#include <atomic>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/layout.h"

namespace amorsize::test {

inline constexpr size_t kWords = core::bucket::kCells * core::kWordsPerCell;
// A bucket may be followed by the rows of those who wait for it.
inline constexpr size_t kMostRows = 3;
inline constexpr size_t kMostWords = kWords + (1 + kMostRows) * core::kWordsPerCell;
// A breaker's head, a line of probes, and one of a window.
inline constexpr size_t kBreakerWords = (core::breaker::kHeadCells + 2) * core::kWordsPerCell;

struct Request {
  enum class Kind : uint8_t { kLoad, kStore, kSwap };
  Kind kind;
  uint8_t word;
  bool may_fail_spuriously;
  std::memory_order success;
  std::memory_order failure;
  int64_t value;     // stored or swapped in
  int64_t expected;  // kSwap
  int64_t mask;      // kSwap: the bits that are compared; all, but for planted faults
};

struct Answer {
  int64_t value;  // read
  bool swapped;
  uint8_t message;  // which of the values that the word has had; for weak memory
};

// Who answers. Either from a list, jumping out at its end; or at once.
class Processor {
 public:
  using AtOnce = Answer (*)(void* memory, const Request&);

  Answer issue(const Request& request) {
    if (memory_ != nullptr) {
      if (--steps_left_ < 0) std::longjmp(out_, 1);
      return at_once_(memory_, request);
    }
    if (next_ < answers_->size()) return (*answers_)[next_++];
    request_ = request;
    std::longjmp(out_, 1);
  }

  // Runs `body` with the answers given. True if it came to its end; else `request()` is what it waits for.
  // Whatever `body` leaves on the stack must be trivially destructible.
  template <class Body>
  bool replay(const std::vector<Answer>& answers, Body& body) {
    answers_ = &answers;
    memory_ = nullptr;
    next_ = 0;
    if (setjmp(out_) != 0) return false;
    body();
    return true;
  }

  // Runs `body` alone on a memory. False if it needs more than `steps`.
  template <class Body>
  bool run_alone(void* memory, AtOnce at_once, int steps, Body& body) {
    memory_ = memory;
    at_once_ = at_once;
    steps_left_ = steps;
    if (setjmp(out_) != 0) return false;
    body();
    return true;
  }

  const Request& request() const { return request_; }

 private:
  std::jmp_buf out_;
  const std::vector<Answer>* answers_ = nullptr;
  size_t next_ = 0;
  Request request_{};
  void* memory_ = nullptr;
  AtOnce at_once_ = nullptr;
  int steps_left_ = 0;
};

inline Processor processor;

// Faults planted on purpose: what the explorer must find, and the tests fail unless it does.
enum class Fault {
  kNone,
  kSplitSwap,         // compare-and-swap of `hot` is a load and, later, a store
  kNoGeneration,      // the swap of `hot` does not compare the generation
  kTwoBitGeneration,  // the generation in `hot` starts again after four changes, as often as slots are reused
  kNoReserved,        // a refund does not see what is reserved
  kNoClaim,           // two threads may change parameters at the same time
  kNoQuarantine,      // a slot left half written by a sleeping updater is soon used again
  kNoStamp,           // swaps of the words of a semaphore but `hot` do not compare who changed them last
  kNoAnnounce,        // who moves the limit of a semaphore does not swap `hot`
  kNoBeginLook,       // whoever waits does not take the word away before it uses what it holds
  kNoOwnerSwap,       // two may bury the same row
  kNoSlotClaim,       // two updaters of a breaker may write to one slot
  kRelaxedLoads,
  kRelaxedStores,
  kRelaxedSwaps,
};

template <Fault kFault = Fault::kNone>
class ModelWord {
 public:
  int64_t load(std::memory_order order) const {
    const int64_t value = issue({Request::Kind::kLoad, index(), false, order, order, 0, 0, ~int64_t{0}}).value;
    if (kFault == Fault::kTwoBitGeneration && is_hot()) return value & ~kForgotten;
    if (kFault == Fault::kNoQuarantine && is_claim()) return value & ~core::bucket::kQuarantineMask;
    if (kFault == Fault::kNoReserved && index() == core::bucket::kReserved) return core::bucket::kNowhere;
    return value;
  }

  void store(int64_t value, std::memory_order order) {
    if (kFault == Fault::kNoBeginLook && is_in_rows(core::waiters::kHeldSize) && order == std::memory_order_seq_cst)
      return;
    issue({Request::Kind::kStore, index(), false, order, order, value, 0, 0});
  }

  bool compare_exchange_weak(int64_t& expected, int64_t value, std::memory_order success, std::memory_order failure) {
    return swap(expected, value, success, failure, true);
  }
  bool compare_exchange_strong(int64_t& expected, int64_t value, std::memory_order success, std::memory_order failure) {
    return swap(expected, value, success, failure, false);
  }

  // The words of the one bucket or breaker there is, and of the rows; they hold nothing, for all values are in the
  // memory that answers.
  static ModelWord* cell() { return words_; }
  static ModelWord* rows() { return words_ + kWords; }

 private:
  // The generation's bits above the lowest two.
  static constexpr int64_t kForgotten = core::bucket::kGenerationMask & ~int64_t{3};

  uint8_t index() const { return static_cast<uint8_t>(this - words_); }
  bool is_hot() const { return index() == core::bucket::kHot; }
  bool is_claim() const { return index() == core::bucket::kClaim; }
  bool is_in_rows(size_t word) const {
    constexpr size_t kRows = kWords + core::waiters::kFirstRow;
    return index() >= kRows && (index() - kRows) % core::kWordsPerCell == word;
  }

  static constexpr Fault relaxed(Request::Kind kind) {
    if (kind == Request::Kind::kLoad) return Fault::kRelaxedLoads;
    return kind == Request::Kind::kStore ? Fault::kRelaxedStores : Fault::kRelaxedSwaps;
  }

  static Answer issue(Request request) {
    if (kFault == relaxed(request.kind)) request.success = request.failure = std::memory_order_relaxed;
    return processor.issue(request);
  }

  bool swap(int64_t& expected, int64_t value, std::memory_order success, std::memory_order failure,
            bool may_fail_spuriously) {
    if (kFault == Fault::kSplitSwap && is_hot()) {
      const int64_t found = load(failure);
      if (found != expected) return false;
      store(value, success);
      return true;
    }
    int64_t mask = ~int64_t{0};
    if (kFault == Fault::kNoGeneration && is_hot()) mask = ~core::bucket::kGenerationMask;
    if (kFault == Fault::kTwoBitGeneration && is_hot()) mask = ~kForgotten;
    if (kFault == Fault::kNoQuarantine && is_claim()) mask = ~core::bucket::kQuarantineMask;
    if (kFault == Fault::kNoClaim && is_claim()) mask = 0;
    if (kFault == Fault::kNoSlotClaim && index() == core::breaker::kClaims) mask = 0;
    if (kFault == Fault::kNoOwnerSwap && is_in_rows(core::waiters::kOwner)) mask = 0;
    if (kFault == Fault::kNoStamp && !is_hot()) mask = -(int64_t{1} << core::semaphore::kStampBits);
    const Answer answer =
        issue({Request::Kind::kSwap, index(), may_fail_spuriously, success, failure, value, expected, mask});
    if (!answer.swapped) expected = answer.value;
    return answer.swapped;
  }

  static inline ModelWord words_[std::max(kMostWords, kBreakerWords)];
};

}  // namespace amorsize::test
