// What each operation of each thread changes, found while exploring. A load of a word that no other thread will change
// any more gives the same answer whenever it comes, and nobody notices it: it is enough to try it at once, instead of
// before and after every step of the others (a persistent set of one step).
//
// What is not known yet counts as unchanged. So whoever explores does it again until nothing new has been found: a
// change that was missed would have to come after steps that were all tried, and so would have been seen.
#pragma once

#include <bitset>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "explore/model_word.h"

namespace amorsize::test {

class Footprint {
 public:
  template <class Operation>
  explicit Footprint(const std::vector<std::vector<Operation>>& threads) {
    for (const auto& operations : threads) changed_from_.emplace_back(operations.size() + 1);
  }

  // The thread is about to do this.
  void note(size_t thread, size_t operation, const Request& request) {
    if (request.kind == Request::Kind::kLoad) return;
    for (size_t i = operation + 1; i-- > 0 && !changed_from_[thread][i][request.word];) {
      changed_from_[thread][i].set(request.word);
      has_grown_ = true;
    }
  }

  // Whether to begin again, after so many states: something new was found about half of them ago. Who begins at once
  // would find little at a time; who goes on to the end would explore much in vain.
  bool is_outdated(int64_t states) {
    if (!has_grown_) states_before_ = states;
    return has_grown_ && states > 2 * states_before_ + 1000;
  }

  // Whether something new has been found since this was asked last.
  bool take_growth() { return std::exchange(has_grown_, false); }

  static constexpr size_t kNone = std::numeric_limits<size_t>::max();

  // A thread whose next step is worth trying alone; kNone: any step of any thread may matter. The first step of an
  // operation is not: when it begins is part of what has to be explained.
  template <class Thread, class IsFinished>
  size_t thread_to_go_on(const std::vector<Thread>& threads, IsFinished is_finished) const {
    for (size_t i = 0; i < threads.size(); ++i) {
      const Request& request = threads[i].request;
      if (!is_finished(i) && !threads[i].answers.empty() && request.kind == Request::Kind::kLoad &&
          !others_change(threads, i, request.word))
        return i;
    }
    return kNone;
  }

 private:
  template <class Thread>
  bool others_change(const std::vector<Thread>& threads, size_t self, uint8_t word) const {
    for (size_t i = 0; i < threads.size(); ++i) {
      if (i != self && changed_from_[i][threads[i].operation][word]) return true;
    }
    return false;
  }

  // By each thread, with each of its operations or a later one.
  std::vector<std::vector<std::bitset<256>>> changed_from_;
  bool has_grown_ = false;
  int64_t states_before_ = 0;
};

}  // namespace amorsize::test
