// The callers of one thread that wait, as src/rate-limit/waiting/waiting-line.ts has them, down to the words that it
// shares: what it holds, uses, gives back, reserves and tells, in that order. Which caller goes first among threads is
// left out: rows decide that, and may be stale at any time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/token_bucket.h"
#include "core/waiters.h"
#include "explore/memories.h"
#include "explore/model_word.h"

namespace amorsize::test {

// Units of the axis from `from` on, before `to`, absolute; of used ones, when.
struct Units {
  int64_t from;
  int64_t to;
  int64_t at_ns;
};

// A list that may be left in the middle of any operation.
template <class T, size_t kMost>
struct ShortList {
  std::array<T, kMost> items{};
  size_t count = 0;

  void add(const T& item) { items[count++] = item; }
  void remove(size_t index) {
    std::copy(items.begin() + static_cast<std::ptrdiff_t>(index) + 1,
              items.begin() + static_cast<std::ptrdiff_t>(count), items.begin() + static_cast<std::ptrdiff_t>(index));
    --count;
  }
  T& last() { return items[count - 1]; }
  const T& last() const { return items[count - 1]; }
  const T* begin() const { return items.data(); }
  const T* end() const { return items.data() + count; }
};

struct ModelLine {
  core::ProcessIdentity self;
  int row = core::kNoRow;
  ShortList<int64_t, 4> callers;  // what each wants, in units
  ShortList<Units, 4> held;
  ShortList<Units, 8> used;
  ShortList<Units, 4> taken;  // without waiting: so many, from no place that is known
  bool is_at_rest = true;     // its row says what it holds

  int64_t total() const {
    int64_t units = 0;
    for (const Units& run : held) units += run.to - run.from;
    return units;
  }

  void add_to(Digest* digest) const {
    digest->add(static_cast<uint64_t>(row) << 1 | (is_at_rest ? 1 : 0));
    for (const int64_t units : callers) digest->add(static_cast<uint64_t>(units));
    add_list(digest, held);
    add_list(digest, used);
    add_list(digest, taken);
  }

 private:
  template <class List>
  static void add_list(Digest* digest, const List& list) {
    digest->add(list.count);
    for (const Units& run : list) {
      digest->add(static_cast<uint64_t>(run.from));
      digest->add(static_cast<uint64_t>(run.to));
      digest->add(static_cast<uint64_t>(run.at_ns));
    }
  }
};

// One thread at work on its line.
template <class W>
class LineAtWork {
 public:
  LineAtWork(W* cell, W* rows, ModelLine* line, int64_t now_ns)
      : bucket_(cell), waiters_(rows), line_(line), now_ns_(now_ns) {}

  void look() {
    if (line_->row != core::kNoRow) waiters_.begin_look(line_->row);
    line_->is_at_rest = false;
    for (int tries = 0; tries < kMostTries; ++tries) {
      axis_ = bucket_.survey(now_ns_);
      if (axis_.paused_ns > 0 || line_->callers.count == 0) break;
      admit();
      return_surplus();
      if (reserve()) break;
    }
    if (line_->callers.count == 0) {
      return_surplus();
      line_->held.count = 0;
      if (line_->row != core::kNoRow) waiters_.leave(line_->row);
      line_->row = core::kNoRow;
    } else {
      publish();
    }
    line_->is_at_rest = true;
  }

  static constexpr int64_t kHorizonNs = 5'000'000;
  static constexpr int64_t kGraceNs = 10'000'000;

 private:
  static constexpr int kMostTries = 8;

  int64_t units_in(int64_t ns) const { return static_cast<int64_t>(axis_.rate * static_cast<double>(ns) / 1e3); }
  int64_t reach_of(int64_t units) const { return std::max(axis_.burst, units + units_in(kGraceNs)); }

  void admit() {
    while (line_->callers.count > 0) {
      const int64_t wanted = line_->callers.items[0];
      drop_below(axis_.base + axis_.produced - reach_of(wanted));
      if (!is_due(wanted)) return;
      use(wanted);
      line_->callers.remove(0);
    }
  }

  bool is_due(int64_t units) const {
    for (const Units& run : line_->held) {
      if (run.to - run.from >= units) return run.from + units <= axis_.base + axis_.produced;
      units -= run.to - run.from;
    }
    return false;
  }

  void use(int64_t units) {
    while (units > 0) {
      Units& run = line_->held.items[0];
      const int64_t part = std::min(units, run.to - run.from);
      line_->used.add({run.from, run.from + part, now_ns_});
      run.from += part;
      units -= part;
      if (run.from == run.to) line_->held.remove(0);
    }
  }

  void drop_below(int64_t place) {
    while (line_->held.count > 0 && line_->held.items[0].from < place) {
      Units& run = line_->held.items[0];
      run.from = std::min(place, run.to);
      if (run.from < run.to) return;
      line_->held.remove(0);
    }
  }

  int64_t covered() const {
    int64_t units = 0;
    for (const int64_t wanted : line_->callers) {
      if (units + wanted > line_->total()) break;
      units += wanted;
    }
    return units;
  }

  void return_surplus() {
    while (line_->total() > covered() && line_->held.last().to == axis_.base + axis_.spent) {
      Units& run = line_->held.last();
      const int64_t units = std::min(line_->total() - covered(), run.to - run.from);
      if (!bucket_.return_run(now_ns_, axis_.generation, run.to - axis_.base, units)) return;
      run.to -= units;
      axis_.spent -= units;
      if (run.from == run.to) line_->held.remove(line_->held.count - 1);
    }
  }

  // False: others were faster.
  bool reserve() {
    int64_t missing = -line_->total();
    for (const int64_t wanted : line_->callers) missing += wanted;
    if (missing <= 0) return true;
    const int64_t limit = axis_.produced + units_in(kHorizonNs);
    const core::Run run =
        bucket_.reserve_run(now_ns_, axis_.generation, missing, reach_of(line_->callers.items[0]), limit);
    if (run.outcome == core::Outcome::kBusy) return false;
    if (run.outcome != core::Outcome::kGranted) return true;
    const int64_t from = axis_.base + run.start;
    if (line_->held.count > 0 && line_->held.last().to == from) {
      line_->held.last().to += missing;
    } else {
      line_->held.add({from, from + missing, 0});
    }
    admit();
    return true;
  }

  void publish() {
    if (line_->row == core::kNoRow) line_->row = waiters_.claim(line_->self, kMostRows);
    if (line_->row == core::kNoRow) return;
    const bool holds = line_->held.count > 0;
    waiters_.publish(line_->row, {core::waiters::kNobody, 0, now_ns_, axis_.generation,
                                  holds ? line_->held.last().to - axis_.base : 0,
                                  holds ? line_->held.last().to - line_->held.last().from : 0});
  }

  core::TokenBucket<W> bucket_;
  core::Waiters<W> waiters_;
  ModelLine* line_;
  int64_t now_ns_;
  core::Survey axis_{};
};

}  // namespace amorsize::test
