// Explores every interleaving of a few threads with a few operations each, at the grain of single atomic operations,
// and checks in each that the results can be explained. Nothing is left out: no bound on preemptions; states reached by
// several ways are explored once, and so is a step whose time nobody can tell (footprint.h).
//
// After every single step it also supposes that all threads that have not finished die there. The scenario's last
// operations then run alone: they must come to an end, and their results must be explained too, whether or not the dead
// operations took effect. So every final state is checked, and death at every instruction. (Not so in weak memory,
// where only executions that all threads complete are judged.)
#pragma once

#include <string>
#include <vector>

#include "core/token_bucket.h"
#include "explore/digest_set.h"
#include "explore/footprint.h"
#include "explore/histories.h"
#include "explore/memories.h"
#include "explore/model_word.h"
#include "explore/state_copies.h"

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

struct Exploration {
  int64_t states = 0;
  int64_t ends = 0;     // complete executions, merged ones counted once
  size_t memories = 0;  // in which they can end
  std::string failure;  // empty: none; else what was wrong and the way to it
};

template <class Memory = Interleaving, class History = RealTime, Fault kFault = Fault::kNone>
class Explorer {
 public:
  explicit Explorer(const Scenario& scenario) : scenario_(scenario), footprint_(scenario.threads) {}

  Exploration run() {
    do {
      found_ = {};
      seen_.clear();
      ended_.clear();
      memories_.clear();
      explore();
      found_.memories = memories_.size();
    } while (found_.failure.empty() && footprint_.take_growth());
    return found_;
  }

  static constexpr int64_t kStart = 1'000'000'000;

 private:
  static constexpr int kMaxSteps = 1000;

  void explore() {
    const size_t count = scenario_.threads.size();
    State start{Memory(count), History(BucketModel(kStart, scenario_.rate, scenario_.burst), count),
                std::vector<Thread>(count)};
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
    visit(start);
  }

  struct Thread {
    size_t operation = 0;
    std::vector<Answer> answers;  // of the operation under way
    Request request{};            // what it waits for
    core::Ticket ticket;
    bool overlaps_change = false;
    bool spurious_failure_spent = false;
    Digest history;
  };

  struct State {
    Memory memory;
    History history;
    std::vector<Thread> threads;
  };

  static core::TokenBucket<ModelWord<kFault>> bucket() {
    return core::TokenBucket<ModelWord<kFault>>(ModelWord<kFault>::cell());
  }

  bool finished(const State& state, size_t thread) const {
    return state.threads[thread].operation == scenario_.threads[thread].size();
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

  void visit(const State& state) {
    Digest digest;
    state.memory.add_to(&digest);
    state.history.add_to(&digest);
    for (const Thread& thread : state.threads) {
      digest.add(thread.operation << 2 | size_t{thread.overlaps_change} << 1 | size_t{thread.spurious_failure_spent});
      digest.add(static_cast<uint64_t>(thread.ticket.position));
      digest.add(static_cast<uint64_t>(thread.ticket.generation));
      digest.add(thread.history.value().first);
      digest.add(thread.history.value().second);
    }
    if (footprint_.is_outdated(found_.states) || !seen_.insert(digest.value())) return;
    ++found_.states;

    bool all_finished = true;
    for (size_t thread = 0; thread < state.threads.size(); ++thread) all_finished &= finished(state, thread);
    if (all_finished) {
      ++found_.ends;
      Digest memory;
      state.memory.add_values_to(&memory);
      memories_.insert(memory.value());
    }
    // Reading changes nothing that the last operations could tell, so most states have been ended before.
    if ((all_finished || History::kExplainsUnfinished) && ended_.insert(digest_of_end(state))) {
      Memory memory = state.memory;
      History history = state.history;
      core::Ticket ticket = state.threads.front().ticket;
      if (!alone(&memory, &history, scenario_.last, &ticket)) return;
    }
    const size_t only =
        scenario_.in_every_order
            ? Footprint::kNone
            : footprint_.thread_to_go_on(state.threads, [&](size_t thread) { return finished(state, thread); });
    std::vector<Answer> answers;
    for (size_t thread = 0; thread < state.threads.size() && found_.failure.empty(); ++thread) {
      if (finished(state, thread) || (only != Footprint::kNone && thread != only)) continue;
      const Thread& running = state.threads[thread];
      state.memory.choices(thread, running.request, scenario_.spurious_failures && !running.spurious_failure_spent,
                           &answers);
      for (const Answer& answer : answers) {
        way_.push_back({thread, running.request, answer});
        State& next = copies_.copy_of(state);
        const typename StateCopies<State>::Deeper deeper(&copies_);
        if (step(&next, thread, answer)) visit(next);
        if (!found_.failure.empty()) return;
        way_.pop_back();
      }
    }
  }

  // All that the last operations, and whether they can be explained, depend on.
  static std::pair<uint64_t, uint64_t> digest_of_end(const State& state) {
    Digest digest;
    state.memory.add_values_to(&digest);
    state.history.add_to(&digest);
    digest.add(static_cast<uint64_t>(state.threads.front().ticket.position));
    digest.add(static_cast<uint64_t>(state.threads.front().ticket.generation));
    return digest.value();
  }

  // Executes the request that the thread waits for and runs it up to its next.
  bool step(State* state, size_t index, const Answer& answer) {
    Thread& thread = state->threads[index];
    if (thread.answers.empty()) begin(state, index);
    state->memory.apply(index, thread.request, answer);
    if (thread.request.may_fail_spuriously && !answer.swapped) thread.spurious_failure_spent = true;
    thread.answers.push_back(answer);
    thread.history.add(static_cast<uint64_t>(answer.value));
    thread.history.add(answer.swapped);
    if (thread.answers.size() > kMaxSteps) return failed("an operation does not end");
    return proceed(state, index);
  }

  // An operation begins with its first access and not before, so that as much as possible has ended by then.
  void begin(State* state, size_t index) {
    state->history.begin(index, {current(*state, index), state->threads[index].ticket});
    for (size_t other = 0; other < state->threads.size(); ++other) {
      if (other == index || finished(*state, other) || state->threads[other].answers.empty()) continue;
      state->threads[other].overlaps_change |= may_change(current(*state, index));
      state->threads[index].overlaps_change |= may_change(current(*state, other));
    }
  }

  bool proceed(State* state, size_t index) {
    Thread& thread = state->threads[index];
    while (!finished(*state, index)) {
      core::Ticket ticket = thread.ticket;
      Result result;
      auto body = [&] { result = perform(bucket(), current(*state, index), &ticket); };
      if (!processor.replay(thread.answers, body)) {
        thread.request = processor.request();
        footprint_.note(index, thread.operation, thread.request);
        return true;
      }
      if (thread.answers.empty()) begin(state, index);  // an operation that touches nothing
      if (!end(state, index, result)) return false;
      thread.ticket = ticket;
      thread.history = {};
      thread.answers.clear();
      thread.overlaps_change = thread.spurious_failure_spent = false;
      ++thread.operation;
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

  bool failed(const std::string& what) {
    found_.failure = what;
    for (const auto& [thread, request, answer] : way_) {
      static constexpr const char* kNames[] = {"load", "store", "swap"};
      found_.failure +=
          "\n    thread " + std::to_string(thread) + " " + kNames[static_cast<int>(request.kind)] + " word ";
      found_.failure += std::to_string(request.word);
      if (request.kind != Request::Kind::kStore) found_.failure += " reads " + std::to_string(answer.value);
      if (request.kind == Request::Kind::kStore || answer.swapped)
        found_.failure += " writes " + std::to_string(request.value);
    }
    return false;
  }

  struct Step {
    size_t thread;
    Request request;
    Answer answer;
  };

  const Scenario scenario_;
  Footprint footprint_;
  Exploration found_;
  std::vector<Step> way_;
  StateCopies<State> copies_;
  DigestSet seen_;
  DigestSet ended_;  // memory and history without the threads
  DigestSet memories_;
};

}  // namespace amorsize::test
