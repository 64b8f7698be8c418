// Faults that the simulation must find, each as a text that is replaced in native/ (built once more) or in dist/.

/** @type {{ name: string, file: string, from: string, to: string }[]} */
export const faults = [
  {
    name: 'a refund is given twice',
    file: 'native/core/token_bucket.h',
    from: 'const auto [spent, next] = slot.give_back(now_ns, tokens);\n      if (next == spent) {  // full',
    to: 'const auto [spent, next] = slot.give_back(now_ns, 2 * tokens);\n      if (next == spent) {  // full',
  },
  {
    name: 'an update refills the bucket',
    file: 'native/core/bucket_changes.h',
    from: 'if (!std::isnan(burst)) to.burst = burst;',
    to: 'if (!std::isnan(burst)) to.burst = burst;\n      to.spent = to.produced - old.burst;',
  },
  {
    name: 'a pause leaks',
    file: 'native/core/token_bucket.h',
    from: 'cost == kTooLarge || terms.is_paused(now_ns)) {',
    to: 'cost == kTooLarge) {',
  },
  {
    name: 'a reset forgets what is reserved',
    file: 'native/core/bucket_changes.h',
    from: 'to.spent + old.burst - std::min(credit_units(owed, old.digits), debt)',
    to: 'to.spent + old.burst + 0 * std::min(credit_units(owed, old.digits), debt)',
  },
  {
    name: 'a decision swaps without comparing',
    file: 'native/core/bucket_words.h',
    from: 'int64_t expected = terms.hot;',
    to: 'int64_t expected = cell_[bucket::kHot].load(std::memory_order_relaxed);',
  },
  {
    name: 'reservations stand behind what is given back',
    file: 'native/core/token_bucket.h',
    from: 'const bool is_last = slot.spent_by(produced) == position;',
    to: 'const bool is_last = slot.spent_by(produced) >= position;',
  },
  {
    name: 'a key forgets what callers have reserved',
    file: 'native/core/keyed_table.h',
    from: 'const int64_t reserved = mark != 0 ? terms_.reserved_to(spent, mark) : floor;',
    to: 'const int64_t reserved = mark != 0 && spent < 0 ? terms_.reserved_to(spent, mark) : floor;',
  },
  {
    name: 'a hit is lost',
    file: 'native/core/keyed_slots.h',
    from: 'int64_t expected = seen.level;\n    // order: release keeps',
    to: 'int64_t expected = seen.slot[keyed::kLevel].load(std::memory_order_relaxed);\n    // order: release keeps',
  },
  {
    name: 'the dead keep their permits',
    file: 'native/core/semaphore.h',
    from: 'while (held(owner) > 0) {\n      const Owner next = release(owner);',
    to: 'while (held(owner) > 1) {\n      const Owner next = release(owner);',
  },
  {
    name: 'an operation of the dead is not completed',
    file: 'native/core/semaphore.h',
    from: '  void bury(Owner owner, Wake wake) {\n    complete_any();\n    do {\n      collect(owner);\n      while (cancel(owner)) {\n      }',
    to: '  void bury(Owner owner, Wake wake) {\n    complete_any();\n    do {\n      collect(owner);',
  },
  {
    name: 'a slot too many is free',
    file: 'native/core/semaphore_words.h',
    from: 'return !is_queued(hot) && in_use_of(hot) < limit; }',
    to: 'return !is_queued(hot) && in_use_of(hot) < limit + (in_use_of(hot) & 1); }',
  },
  {
    name: 'a probe is never given back',
    file: 'native/core/circuit_breaker.h',
    from: 'if (!word.compare_exchange_strong(lease, then, std::memory_order_seq_cst, std::memory_order_relaxed)) return false;',
    to: 'if (then != 0 && !word.compare_exchange_strong(lease, then, std::memory_order_seq_cst, std::memory_order_relaxed)) return false;',
  },
  {
    name: 'a breaker opens one failure early',
    file: 'native/core/circuit_breaker.h',
    from: 'window_.record(permit.generation, result == CallResult::kFailed, slow, now_ns)',
    to: 'window_.record(permit.generation, true, slow, now_ns)',
  },
  {
    name: 'a retry budget is overdrawn',
    file: 'native/core/retry_budget.h',
    from: 'return balance(slice, newest) >= kUnit; }',
    to: 'return balance(slice, newest) > 0; }',
  },
  {
    name: 'a wake-up is swallowed',
    file: 'dist/memory/semaphore/queue.js',
    from: 'const count = this.semaphore.collect();',
    to: 'const count = Math.min(1, this.semaphore.collect());',
  },
  {
    name: 'a lease outlives its turn',
    file: 'dist/rate-limit/lease.js',
    from: '    interrupt() {\n        this.#giveBack();',
    to: '    interrupt() {\n        this.#wasShort = false;',
  },
  {
    name: 'a lease keeps what is left',
    file: 'dist/rate-limit/lease.js',
    from: 'this.#host.bucket.refund(left);',
    to: 'this.#host.bucket.refund(left - 1);',
  },
  {
    name: 'a newcomer goes before who waits',
    file: 'dist/rate-limit/admission.js',
    from: 'const waiting = this.queue.size;',
    to: 'const waiting = 0;',
  },
  {
    name: 'what is settled is not charged',
    file: 'dist/rate-limit/rate-limiter-all.js',
    from: 'part.bucket.charge(tokens - paid);',
    to: 'part.bucket.charge(0);',
  },
  {
    name: 'who gives up holds up the others',
    file: 'dist/rate-limit/waiting/wait-queue.js',
    from: '        this.line.leave(waiter);\n        waiter.refuse(reason);',
    to: '        waiter.refuse(reason);',
  },
  {
    name: 'a caller goes before those who have been given slots',
    file: 'dist/policy/bulkhead/stage.js',
    from: 'if (this.queue.isWaitedFor() || this.queue.tryEnter() !== undefined)',
    to: 'if (this.queue.tryEnter() !== undefined)',
  },
  {
    name: 'a late thread loses the order of its callers',
    file: 'dist/memory/semaphore/queue.js',
    from: 'if (admission === ADMISSION.admitted && isWaitedFor) {',
    to: 'if (admission === ADMISSION.admitted && isWaitedFor && this.isPlanted) {',
  },
]
