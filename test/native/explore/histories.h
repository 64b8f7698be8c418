// Whether what threads were told can be explained: some order of the operations, one after the other on the model,
// gives every result. `RealTime` (linearizability): an operation that ended before another began comes first.
// `ProgramOrder`: only operations of the same thread keep their order, which is all that weak memory can promise to
// threads that do not otherwise hear of each other.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "bucket_model.h"
#include "explore/memories.h"

namespace amorsize::test {

struct Invocation {
  Operation operation;
  core::Ticket ticket;
};

// Keeps, while operations go on, every state the model could be in: which of the pending operations have taken effect
// already, and with which result; and what those that are about to reserve may have kept in mind already.
class RealTime {
 public:
  RealTime(const BucketModel& model, size_t threads)
      : pending_(threads), possible_{{model, std::vector<std::optional<Result>>(threads)}} {}

  void begin(size_t thread, const Invocation& invocation) { pending_[thread] = invocation; }

  // False if no order explains the result.
  bool end(size_t thread, const Result& result) {
    let_pending_take_effect();
    std::erase_if(possible_, [&](const Possibility& p) { return p.done[thread] != result; });
    for (Possibility& p : possible_) p.done[thread].reset();
    pending_[thread].reset();
    return !possible_.empty();
  }

  // The operation ended without effect.
  void end_without_effect(size_t thread) {
    let_pending_take_effect();
    std::erase_if(possible_, [&](const Possibility& p) { return p.done[thread].has_value(); });
    pending_[thread].reset();
  }

  // One more operation after all others, which may have been left half done for ever.
  bool then(const Invocation& invocation, const Result& result) {
    pending_.push_back(invocation);
    for (Possibility& p : possible_) p.done.emplace_back();
    const bool explained = end(pending_.size() - 1, result);
    pending_.pop_back();
    for (Possibility& p : possible_) p.done.pop_back();
    return explained;
  }

  static constexpr bool kExplainsUnfinished = true;

  void add_to(Digest* digest) const {
    uint64_t sum = 0;  // of a set, in whatever order it was found
    for (const Possibility& p : possible_) {
      Digest one;
      one.add(p.model.hash());
      for (const auto& done : p.done) add_result(&one, done);
      sum += one.value().first;
    }
    digest->add(possible_.size());
    digest->add(sum);
  }

  static void add_result(Digest* digest, const std::optional<Result>& result) {
    digest->add(result.has_value());
    if (!result) return;
    digest->add(static_cast<uint64_t>(result->outcome));
    digest->add(static_cast<uint64_t>(result->wait_ns));
    digest->add(static_cast<uint64_t>(result->position));
    digest->add(std::bit_cast<uint64_t>(result->first));
    digest->add(std::bit_cast<uint64_t>(result->second));
  }

 private:
  struct Possibility {
    BucketModel model;
    std::vector<std::optional<Result>> done;
    bool operator==(const Possibility&) const = default;
  };

  // Taking effect as late as can be loses nothing: an order is only constrained when an operation ends.
  void let_pending_take_effect() {
    for (size_t i = 0; i < possible_.size(); ++i) {
      for (size_t other = 0; other < pending_.size(); ++other) {
        if (!pending_[other] || possible_[i].done[other]) continue;
        const auto& [operation, ticket] = *pending_[other];
        Possibility next = possible_[i];
        next.done[other] = next.model.apply(operation, ticket);
        add(next);
        next = possible_[i];
        next.model.keep_place(operation);
        add(next);
      }
    }
  }

  void add(const Possibility& possibility) {
    if (std::find(possible_.begin(), possible_.end(), possibility) == possible_.end()) possible_.push_back(possibility);
  }

  std::vector<std::optional<Invocation>> pending_;
  std::vector<Possibility> possible_;
};

class ProgramOrder {
 public:
  ProgramOrder(const BucketModel& model, size_t threads) : model_(model), told_(threads), pending_(threads) {}

  void begin(size_t thread, const Invocation& invocation) { pending_[thread] = invocation; }
  bool end(size_t thread, const Result& result) {
    told_[thread].push_back({pending_[thread], result});
    return true;
  }
  void end_without_effect(size_t) {}

  bool then(const Invocation& invocation, const Result& result) {
    last_.push_back({invocation, result});
    return explained(model_, std::vector<size_t>(told_.size(), 0));
  }

  static constexpr bool kExplainsUnfinished = false;

  void add_to(Digest* digest) const {
    for (const auto& thread : told_) {
      digest->add(thread.size());
      for (const Told& told : thread) RealTime::add_result(digest, told.result);
    }
  }

 private:
  struct Told {
    Invocation invocation;
    Result result;
  };

  bool explained(const BucketModel& model, const std::vector<size_t>& next) const {
    bool all_done = true;
    for (size_t thread = 0; thread < told_.size(); ++thread) {
      if (next[thread] == told_[thread].size()) continue;
      all_done = false;
      const Told& told = told_[thread][next[thread]];
      BucketModel after = model;
      after.keep_place(told.invocation.operation);
      if (after != model && explained(after, next)) return true;
      after = model;
      if (!takes(&after, told)) continue;
      std::vector<size_t> rest = next;
      ++rest[thread];
      if (explained(after, rest)) return true;
    }
    if (!all_done) return false;
    BucketModel after = model;
    return std::all_of(last_.begin(), last_.end(), [&](const Told& told) { return takes(&after, told); });
  }

  static bool takes(BucketModel* model, const Told& told) {
    return model->apply(told.invocation.operation, told.invocation.ticket) == told.result;
  }

  BucketModel model_;
  std::vector<std::vector<Told>> told_;
  std::vector<Invocation> pending_;
  std::vector<Told> last_;
};

}  // namespace amorsize::test
