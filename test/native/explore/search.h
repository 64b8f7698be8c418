// What all explorers share: the search through every order of the threads' accesses, and through all that memory may
// answer them. A state that several ways lead to is explored once, and a step whose time nobody can tell is tried once
// (footprint.h). No bound on preemptions: nothing is left out.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "explore/digest_set.h"
#include "explore/footprint.h"
#include "explore/memories.h"
#include "explore/model_word.h"
#include "explore/state_copies.h"

namespace amorsize::test {

struct Exploration {
  int64_t states = 0;
  int64_t ends = 0;     // complete executions, merged ones counted once
  std::string failure;  // empty: none; else what was wrong and the way to it
};

// A thread on its way through its operations.
struct RunningThread {
  size_t operation = 0;
  bool is_dead = false;
  bool spurious_failure_spent = false;
  std::vector<Answer> answers;  // of the operation under way
  Request request{};            // what it waits for
  Digest history;               // of the answers

  void answered(const Answer& answer) {
    if (request.may_fail_spuriously && !answer.swapped) spurious_failure_spent = true;
    answers.push_back(answer);
    history.add(static_cast<uint64_t>(answer.value));
    history.add(answer.swapped);
  }

  void operation_ended() {
    history = {};
    answers.clear();
    spurious_failure_spent = false;
    ++operation;
  }

  // With what else is true of it, a bit each.
  void add_to(Digest* digest, size_t flags = 0) const {
    digest->add(operation << 8 | flags << 2 | size_t{is_dead} << 1 | size_t{spurious_failure_spent});
    digest->add(history.value().first);
    digest->add(history.value().second);
  }
};

struct SearchRules {
  bool in_every_order = false;      // try also steps whose time nobody can tell, before and after any other
  bool spurious_failures = false;   // let each operation's weak swap fail once without cause
  bool may_see_old_values = false;  // a swap may fail for as long as its thread does: such a way ends
};

// `Explorer` derives from this, has kMaxSteps (accesses of one operation), and
//
//   void explore()                      makes the first state, and visits it
//   DigestSet::Value digest_of(State*)  tells states apart
//   bool judge(State&, bool is_end)     whether the state is right, also if all threads died there
//   void begin(State*, size_t thread)   an operation begins, with its first access
//   bool proceed(State*, size_t thread) runs a thread up to its next access
//
// What they find to be wrong has `failed`. `State` has `memory`, and `threads` that derive from RunningThread.
template <class Explorer, class State, class Found = Exploration>
class Search {
 public:
  Found run() {
    do {
      found_ = {};
      seen_.clear();
      ended_.clear();
      self().explore();
    } while (found_.failure.empty() && footprint_.take_growth());
    return found_;
  }

 protected:
  template <class Operation>
  explicit Search(const std::vector<std::vector<Operation>>& threads, const SearchRules& rules = {})
      : rules_(rules), footprint_(threads) {
    for (const auto& operations : threads) lengths_.push_back(operations.size());
  }

  bool finished(const State& state, size_t thread) const {
    return state.threads[thread].is_dead || state.threads[thread].operation == lengths_[thread];
  }

  void visit(State& state) {
    const auto digest = self().digest_of(&state);
    if (!found_.failure.empty() || footprint_.is_outdated(found_.states) || !seen_.insert(digest)) return;
    ++found_.states;
    bool is_end = true;
    for (size_t thread = 0; thread < state.threads.size(); ++thread) is_end &= finished(state, thread);
    if (is_end) ++found_.ends;
    if (self().judge(state, is_end)) go_on(state);
  }

  // The thread waits for an access.
  bool waits(State* state, size_t index) {
    auto& thread = state->threads[index];
    thread.request = processor.request();
    footprint_.note(index, thread.operation, thread.request);
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

  Found found_;
  DigestSet ended_;  // what has been judged of states in which everybody dies

 private:
  Explorer& self() { return static_cast<Explorer&>(*this); }

  void go_on(const State& state) {
    const size_t only =
        rules_.in_every_order
            ? Footprint::kNone
            : footprint_.thread_to_go_on(state.threads, [&](size_t thread) { return finished(state, thread); });
    std::vector<Answer> answers;
    for (size_t thread = 0; thread < state.threads.size(); ++thread) {
      if (finished(state, thread) || (only != Footprint::kNone && thread != only)) continue;
      const RunningThread& running = state.threads[thread];
      const bool may_fail = rules_.spurious_failures && !running.spurious_failure_spent;
      state.memory.choices(thread, running.request, may_fail, &answers);
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

  // Executes the request that the thread waits for and runs it up to its next.
  bool step(State* state, size_t index, const Answer& answer) {
    auto& thread = state->threads[index];
    // An operation begins with its first access and not before, so that as much as possible has ended by then.
    if (thread.answers.empty()) self().begin(state, index);
    state->memory.apply(index, thread.request, answer);
    thread.answered(answer);
    if (thread.answers.size() > Explorer::kMaxSteps)
      return rules_.may_see_old_values ? false : failed("an operation does not end");
    return self().proceed(state, index);
  }

  struct Step {
    size_t thread;
    Request request;
    Answer answer;
  };

  const SearchRules rules_;
  std::vector<size_t> lengths_;  // operations of each thread
  Footprint footprint_;
  std::vector<Step> way_;
  StateCopies<State> copies_;
  DigestSet seen_;
};

}  // namespace amorsize::test
