// Explores every interleaving of a few threads with a few operations each, at the grain of single atomic operations
// (search.h), and checks in each that the results can be explained.
//
// After every single step it also supposes that all threads that have not finished die there. The scenario's last
// operations then run alone: they must come to an end, and their results must be explained too, whether or not the dead
// operations took effect. So every final state is checked, and death at every instruction. (Not so in weak memory,
// where only executions that all threads complete are judged.)
#pragma once

#include <string>
#include <vector>

#include "core/token_bucket.h"
#include "explore/histories.h"
#include "explore/search.h"

namespace amorsize::test {

struct Scenario {
  double rate;
  double burst;
  std::vector<Operation> first;                 // run before the threads start
  std::vector<std::vector<Operation>> threads;  // side by side
  std::vector<Operation> last;                  // run after each of them ended or died
  bool spurious_failures = false;               // let each operation's weak swap fail once without cause
  bool decisions_rebase = false;                // the slot is old enough for a decision to start a new one
  bool in_every_order = false;                  // try also steps whose time nobody can tell, before and after any other
};

struct BucketExploration : Exploration {
  size_t memories = 0;  // in which complete executions can end
};

struct BucketThread : RunningThread {
  core::Ticket ticket;
  bool overlaps_change = false;
};

template <class Memory, class History>
struct BucketState {
  Memory memory;
  History history;
  std::vector<BucketThread> threads;
};

template <class Memory = Interleaving, class History = RealTime, Fault kFault = Fault::kNone>
class Explorer : public Search<Explorer<Memory, History, kFault>, BucketState<Memory, History>, BucketExploration> {
  using State = BucketState<Memory, History>;
  using Base = Search<Explorer, State, BucketExploration>;
  friend Base;

 public:
  explicit Explorer(const Scenario& scenario)
      : Base(scenario.threads, {scenario.in_every_order, scenario.spurious_failures}), scenario_(scenario) {}

  static constexpr int64_t kStart = 1'000'000'000;

 private:
  using Base::ended_;
  using Base::failed;
  using Base::finished;
  using Base::found_;
  static constexpr size_t kMaxSteps = 1000;

  void explore() {
    memories_.clear();
    const size_t count = scenario_.threads.size();
    State start{Memory(count), History(BucketModel(kStart, scenario_.rate, scenario_.burst), count),
                std::vector<BucketThread>(count)};
    Memory* memory = &start.memory;
    auto initialize = [this] { bucket().initialize(kStart, scenario_.rate, scenario_.burst); };
    if (!processor.run_alone(memory, Memory::at_once, kMaxSteps, initialize)) {
      failed("initialisation does not end");
      return;
    }
    core::Ticket ticket{0, -1, 0};
    if (!alone(memory, &start.history, scenario_.first, &ticket)) return;
    memory->publish();
    for (size_t thread = 0; thread < count; ++thread) {
      start.threads[thread].ticket = ticket;
      if (!proceed(&start, thread)) return;
    }
    this->visit(start);
    found_.memories = memories_.size();
  }

  static core::TokenBucket<ModelWord<kFault>> bucket() {
    return core::TokenBucket<ModelWord<kFault>>(ModelWord<kFault>::cell());
  }

  const Operation& current(const State& state, size_t thread) const {
    return scenario_.threads[thread][state.threads[thread].operation];
  }

  // Whether others may find that the operation holds the claim.
  bool may_change(const Operation& operation) const {
    return is_change(operation.action) || operation.action == Action::kRefund ||
           (scenario_.decisions_rebase && (operation.action <= Action::kReserve));
  }

  static bool may_be_busy(Action action) {
    return is_change(action) || action == Action::kRefund || action == Action::kReserveRun;
  }

  DigestSet::Value digest_of(const State* state) const {
    Digest digest;
    state->memory.add_to(&digest);
    state->history.add_to(&digest);
    for (const BucketThread& thread : state->threads) {
      thread.add_to(&digest, size_t{thread.overlaps_change});
      digest.add(static_cast<uint64_t>(thread.ticket.position));
      digest.add(static_cast<uint64_t>(thread.ticket.generation));
    }
    return digest.value();
  }

  bool judge(const State& state, bool is_end) {
    if (is_end) {
      Digest values;
      state.memory.add_values_to(&values);
      memories_.insert(values.value());
    }
    // Reading changes nothing that the last operations could tell, so most states have been ended before.
    if (!(is_end || History::kExplainsUnfinished) || !ended_.insert(digest_of_end(state))) return true;
    Memory memory = state.memory;
    History history = state.history;
    core::Ticket ticket = state.threads.front().ticket;
    return alone(&memory, &history, scenario_.last, &ticket);
  }

  // All that the last operations, and whether they can be explained, depend on.
  static DigestSet::Value digest_of_end(const State& state) {
    Digest digest;
    state.memory.add_values_to(&digest);
    state.history.add_to(&digest);
    digest.add(static_cast<uint64_t>(state.threads.front().ticket.position));
    digest.add(static_cast<uint64_t>(state.threads.front().ticket.generation));
    return digest.value();
  }

  void begin(State* state, size_t index) {
    state->history.begin(index, {current(*state, index), state->threads[index].ticket});
    for (size_t other = 0; other < state->threads.size(); ++other) {
      if (other == index || finished(*state, other) || state->threads[other].answers.empty()) continue;
      state->threads[other].overlaps_change |= may_change(current(*state, index));
      state->threads[index].overlaps_change |= may_change(current(*state, other));
    }
  }

  bool proceed(State* state, size_t index) {
    BucketThread& thread = state->threads[index];
    while (!finished(*state, index)) {
      core::Ticket ticket = thread.ticket;
      Result result;
      auto body = [&] { result = perform(bucket(), current(*state, index), &ticket); };
      if (!processor.replay(thread.answers, body)) return this->waits(state, index);
      if (thread.answers.empty()) begin(state, index);  // an operation that touches nothing
      if (!end(state, index, result)) return false;
      thread.ticket = ticket;
      thread.overlaps_change = false;
      thread.operation_ended();
    }
    state->memory.end(index);
    return true;
  }

  bool end(State* state, size_t index, const Result& result) {
    if (result.outcome == core::Outcome::kBusy) {
      // In weak memory a thread may see a claim long after it was given up.
      const bool excused = !History::kExplainsUnfinished || state->threads[index].overlaps_change;
      if (!excused || !may_be_busy(current(*state, index).action))
        return failed("busy without cause: " + describe(current(*state, index)));
      state->history.end_without_effect(index);
      return true;
    }
    if (state->history.end(index, result)) return true;
    return failed("thread " + std::to_string(index) + ": no order explains " + describe(current(*state, index)) + ": " +
                  describe(result));
  }

  bool alone(Memory* memory, History* history, const std::vector<Operation>& operations, core::Ticket* ticket) {
    for (const Operation& operation : operations) {
      const core::Ticket before = *ticket;
      Result result;
      auto body = [&] { result = perform(bucket(), operation, ticket); };
      if (!processor.run_alone(memory, Memory::at_once, kMaxSteps, body))
        return failed("alone, does not end: " + describe(operation));
      if (!history->then({operation, before}, result)) {
        return failed("alone, no order explains " + describe(operation) + ": " + describe(result));
      }
    }
    return true;
  }

  const Scenario scenario_;
  DigestSet memories_;
};

}  // namespace amorsize::test
