// What a semaphore does, said without sharing: the sequential specification, and whether what threads were told can be
// explained by some order of their operations on it (linearizability).
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/semaphore.h"
#include "explore/memories.h"

namespace amorsize::test {

enum class Ask {
  kAcquire,  // or a place in the queue
  kTry,
  kRelease,  // if the owner holds a permit
  kCancel,
  kHeld,
  kInUse,
  kLimit,     // an adaptive limit becomes `limit`
  kUpdate,    // so does the most that may be in use, and `queue` the most that may wait
  kAnnounce,  // on behalf of one that may have died before it did so
  kGrant,
  kCollect,   // what was handed to the owner
  kPassOver,  // takes back what was handed to the row `limit` and not collected
  kGive,      // a permit that the owner has collected or taken
  kDie,       // the owner's thread is never run again; whoever asks completes what is under way
};

struct Call {
  Ask ask;
  core::Owner owner;
  int64_t limit = 0;
  int64_t queue = -1;
};

inline constexpr int64_t kHasNone = -1;

inline std::string describe(const Call& request) {
  static constexpr const char* kNames[] = {"acquire", "try",      "release", "cancel",  "held",      "in use", "limit",
                                           "update",  "announce", "grant",   "collect", "pass over", "give",   "die"};
  return std::string(kNames[static_cast<int>(request.ask)]) + " of row " + std::to_string(request.owner);
}

class SemaphoreModel {
 public:
  SemaphoreModel(int64_t permits, int64_t max_queue) : limit_(permits), max_queue_(max_queue) {}

  int64_t apply(const Call& request) {
    int64_t& held = held_[request.owner];
    switch (request.ask) {
      case Ask::kAcquire:
        if (has_free()) break;
        if (max_queue_ >= 0 && static_cast<int64_t>(queue_.size()) >= max_queue_)
          return static_cast<int64_t>(core::Admission::kRefused);
        queue_.push_back(request.owner);
        return static_cast<int64_t>(core::Admission::kQueued);
      case Ask::kTry:
        if (!has_free() || (is_late_[request.owner] && std::count(queue_.begin(), queue_.end(), request.owner) > 0))
          return static_cast<int64_t>(core::Admission::kRefused);
        break;
      case Ask::kCollect:
        is_late_[request.owner] = false;
        return std::exchange(uncollected_[request.owner], 0);
      case Ask::kPassOver: {
        const auto late = static_cast<core::Owner>(request.limit);
        if (uncollected_[late] == 0) return false;
        --uncollected_[late];
        --held_[late];
        --in_use_;
        is_late_[late] = true;
        queue_.insert(queue_.begin(), late);
        return true;
      }
      case Ask::kGive:
      case Ask::kRelease: {
        if (held == (request.ask == Ask::kGive ? uncollected_[request.owner] : 0)) return kHasNone;
        --held;
        --in_use_;
        return hand_over();
      }
      case Ask::kGrant:
        return hand_over();
      case Ask::kLimit:
        limit_ = request.limit;
        return 0;
      case Ask::kUpdate:
        limit_ = request.limit;
        max_queue_ = request.queue;
        return 0;
      case Ask::kInUse:
        return in_use_;
      case Ask::kCancel: {
        const auto last = std::find(queue_.rbegin(), queue_.rend(), request.owner);
        if (last == queue_.rend()) return false;
        queue_.erase(std::next(last).base());
        return true;
      }
      case Ask::kHeld:
        return held;
      case Ask::kAnnounce:
      case Ask::kDie:
        return 0;
    }
    ++in_use_;
    ++held;
    return static_cast<int64_t>(core::Admission::kAdmitted);
  }

  uint64_t hash() const {
    Digest digest;
    digest.add(static_cast<uint64_t>(in_use_));
    digest.add(static_cast<uint64_t>(limit_));
    digest.add(static_cast<uint64_t>(max_queue_));
    for (const int64_t held : held_) digest.add(static_cast<uint64_t>(held));
    for (const int64_t uncollected : uncollected_) digest.add(static_cast<uint64_t>(uncollected));
    for (const bool is_late : is_late_) digest.add(is_late);
    for (const core::Owner owner : queue_) digest.add(owner);
    return digest.value().first;
  }

  bool operator==(const SemaphoreModel&) const = default;

 private:
  bool has_room() const { return in_use_ < limit_; }
  bool has_free() const { return next() == queue_.end() && has_room(); }

  // The first in the queue whose thread is not late.
  std::vector<core::Owner>::const_iterator next() const {
    return std::find_if(queue_.begin(), queue_.end(), [this](core::Owner owner) { return !is_late_[owner]; });
  }

  // A free permit goes to the first in the queue.
  int64_t hand_over() {
    const auto found = next();
    if (found == queue_.end() || !has_room()) return core::kNobody;
    const core::Owner owner = *found;
    queue_.erase(found);
    ++in_use_;
    ++held_[owner];
    ++uncollected_[owner];
    return owner;
  }

  int64_t limit_;
  int64_t max_queue_;
  int64_t in_use_ = 0;
  std::vector<core::Owner> queue_;
  std::array<int64_t, 4> held_{};
  std::array<int64_t, 4> uncollected_{};
  std::array<bool, 4> is_late_{};
};

// Every state the model could be in while operations go on: which of them have taken effect, and with which result.
class SemaphoreOrders {
 public:
  SemaphoreOrders(const SemaphoreModel& model, size_t threads)
      : pending_(threads), possible_{{model, std::vector<std::optional<int64_t>>(threads)}} {}

  void begin(size_t thread, const Call& request) { pending_[thread] = request; }

  // False if no order explains the result.
  bool end(size_t thread, int64_t result) {
    // Taking effect as late as can be loses nothing: an order is only constrained when an operation ends.
    for (size_t i = 0; i < possible_.size(); ++i) {
      for (size_t other = 0; other < pending_.size(); ++other) {
        if (!pending_[other] || possible_[i].done[other]) continue;
        add(i, other);
      }
    }
    std::erase_if(possible_, [&](const Possibility& p) { return p.done[thread] != result; });
    forget(thread);
    return !possible_.empty();
  }

  // The thread's operation has either taken effect by now, or never will.
  void abandon(size_t thread) {
    if (!pending_[thread]) return;
    const size_t count = possible_.size();
    for (size_t i = 0; i < count; ++i) {
      if (!possible_[i].done[thread]) add(i, thread);
    }
    forget(thread);
  }

  void add_to(Digest* digest) const {
    uint64_t sum = 0;  // of a set, in whatever order it was found
    for (const Possibility& p : possible_) {
      Digest one;
      one.add(p.model.hash());
      for (const auto& done : p.done) one.add(done ? static_cast<uint64_t>(*done) + 2 : 0);
      sum += one.value().first;
    }
    digest->add(possible_.size());
    digest->add(sum);
  }

 private:
  struct Possibility {
    SemaphoreModel model;
    std::vector<std::optional<int64_t>> done;
    bool operator==(const Possibility&) const = default;
  };

  // The states that follow when a thread's operation takes effect in one that is possible.
  void add(size_t index, size_t thread) {
    Possibility next = possible_[index];
    next.done[thread] = next.model.apply(*pending_[thread]);
    if (std::find(possible_.begin(), possible_.end(), next) == possible_.end()) possible_.push_back(next);
  }

  void forget(size_t thread) {
    for (Possibility& p : possible_) p.done[thread].reset();
    pending_[thread].reset();
  }

  std::vector<std::optional<Call>> pending_;
  std::vector<Possibility> possible_;
};

}  // namespace amorsize::test
