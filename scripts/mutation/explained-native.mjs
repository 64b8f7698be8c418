// Those of native/core, as explained.mjs has them.

/** @type {readonly { file?: RegExp, mutant: RegExp, why: string }[]} */
export const OF_NATIVE = [
  {
    file: /native\/core/,
    mutant: /`memory_order_relaxed` in `.*(kKind\]\.store|block\[0\]|semaphore::kOwner\))/,
    why: 'who opens a region, and whose process a row is, no explorer of weak memory asks',
  },
  {
    file: /core\/breaker_window/,
    mutant: /`(<=|>|1)` in `(return failed && written|if \(written < 0|if \((slow && )?count_in_slice)/,
    why: 'a word that counts a call is never 0',
  },
  { file: /core\/breaker_window/, mutant: /`>=` in `int64_t ns_since_epoch/, why: 'no time has passed either way' },
  {
    file: /core\/breaker_window/,
    mutant: /`<=` in `for \(int64_t first = 0/,
    why: 'of the word behind the last no place is in use',
  },
  {
    file: /core\/breaker_window/,
    mutant: /`memory_order_relaxed` in `if \(cell_\[breaker::kControl\]/,
    why: 'the load of the word before it and the swap after it order it as well',
  },
  { file: /core\/retry_budget/, mutant: /`61` in `.* kMaxFixed/, why: 'nothing overflows either way' },
  {
    file: /core\/retry_budget/,
    mutant: /`(1|2)` in `return std::max<int64_t>\(0, now_ns\)/,
    why: 'the same but for a nanosecond',
  },
  { file: /core\/keyed_window/, mutant: /`>=` in `return before\.blocked &&/, why: 'the same block either way' },
  {
    file: /core\/semaphore_words/,
    mutant: /`<` in `return rows >= 1 .* places <=/,
    why: 'the most places are no whole number of lines',
  },
  {
    file: /core\/semaphore_words/,
    mutant: /`>=` in `return most > used/,
    why: 'nothing is left of as many as are in use',
  },
  { file: /core\/semaphore_words/, mutant: /`2` in `int64_t waiting\(/, why: 'no queue is that long' },
  {
    file: /core\/keyed_window/,
    mutant: /`>` in `return now_ms >= window::kMostMs|in `const int64_t longest/,
    why: 'it ends with the axis either way',
  },
  {
    file: /core\/keyed_table/,
    mutant: /`1` in `const int64_t cost = terms_\.scale\.digits >= 0/,
    why: 'counted in whole tokens a token is a unit either way',
  },
  {
    file: /core\/keyed_table/,
    mutant: /`>` in `if \(slots_\.number_of\(seen\.level\) >= target/,
    why: 'swaps a level for the same',
  },
  {
    file: /core\/keyed_table/,
    mutant: /`<` in `if \((slots_\.number_of\(seen\.level\) >= target \|\| )?target <= floor/,
    why: 'keeps a full bucket for a key that has one without',
  },
  { file: /core\/keyed_slots/, mutant: /in `return \{State::kAbsent/, why: 'nobody reads what is of no slot' },
  {
    file: /core\/keyed_slots/,
    mutant: /`<=` in `for \(int64_t n = 0; n < cut_\.slots/,
    why: 'looks at the first slot once more',
  },
  { file: /core\/keyed_table/, mutant: /`1` in `int64_t identity = 0/, why: 'nobody reads it' },
  { file: /core\/keyed_terms/, mutant: /`>=` in `while \(digits > 0/, why: 'the next line finds the digits anew' },
  {
    file: /core\/keyed_terms/,
    mutant: /in `if \(need >= 0x1p54\)/,
    why: 'at the bound, or with a token more on the axis, there is room for as many digits',
  },
  {
    file: /core\/keyed_terms/,
    mutant: /`>=` in `(int64_t produced|const int64_t since_epoch)/,
    why: 'no time produces nothing, and nothing takes no time',
  },
  {
    file: /core\/keyed_(table|window)/,
    mutant: /`1001` in `Keyed(Table|Window)\(/,
    why: 'an attempt more, after a thousand that others have won',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`<=` in `for \(size_t i = 0; i < breaker_parameter::kCount/,
    why: 'the word behind the parameters is written next',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /in `if \(until < 0\) return -1/,
    why: 'no time is 0: an open breaker is open for a microsecond at least',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`<=` in `for \(int64_t place = 0; place < probes/,
    why: 'what stands behind the places bears no tag of this generation',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /in `if \(control\(\) != seen\) return \{false/,
    why: 'an admission of a state that is over is thrown away',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`1` in `const bool in_use = .* && found != 0/,
    why: 'a lease that ends at 0 is over, as is none',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`-` in `tag \| std::min\(in_use/,
    why: 'a lease that is over ends before the one that is wanted, by at least as much',
  },
  {
    file: /core\/circuit_breaker/,
    mutant: /`1` in `return then != 0 &&/,
    why: 'where nothing was told there is nothing new to judge',
  },
  { file: /core\/waiters/, mutant: /in `int64_t generation = 0/, why: 'a row that holds nothing tells no generation' },
  { file: /core\/waiters/, mutant: /`<=` in `while \(seen < used/, why: 'swaps a word for the same' },
  { file: /core\/waiters/, mutant: /`1` in `if \(held != 0 &&/, why: 'of nothing that is held nothing is given back' },
  {
    file: /core\/bucket_changes/,
    mutant: /`1` in `return at\(old, old\.epoch_ns/,
    why: 'a nanosecond is no second, as is none',
  },
  {
    file: /core\/bucket_changes/,
    mutant: /in `const double total = held > 0/,
    why: 'a unit more or less on the axis leaves room for as many digits',
  },
  {
    file: /core\/bucket_changes/,
    mutant: /`memory_order_relaxed` in `int64_t seen = claim_word/,
    why: 'the swap that follows acquires, and a generation that was read too early is found out after it',
  },
  {
    file: /core\/bucket_changes/,
    mutant: /`memory_order_acquire` in `if \(!claim_word/,
    why: 'whoever takes a claim over needs nothing that its owner did: the swap passes on what was released before',
  },
  {
    file: /core\/bucket_changes/,
    mutant: /`memory_order_relaxed` in `\(claim_word\.load/,
    why: 'it finds its own claim, after which nothing is built on what others did, or gives up',
  },
  {
    file: /core\/bucket_changes/,
    mutant: /`memory_order_release` in `std::memory_order_acq_rel, /,
    why: 'keeps a reader of a slot from seeing what is stored later: the model of weak memory has no such load',
  },
  {
    file: /core\/bucket_words/,
    mutant: /`>=` in `(int64_t produced|const int64_t since_epoch)/,
    why: 'no time produces nothing, and nothing takes no time',
  },
  {
    file: /core\/bucket_words/,
    mutant: /`true` in `if \(!is_current\(slot\)\) return false/,
    why: 'the commit that follows fails as well',
  },
  { file: /core\/bucket_words/, mutant: /`<=` in `while \(place_of/, why: 'swaps a word for the same' },
  {
    file: /core\/bucket_words/,
    mutant: /`1` in `return \{\{0, 0, epoch_ns/,
    why: 'of a slot that is being made nobody reads what is of the hot word',
  },
  { file: /core\/semaphore\.h/, mutant: /waiting\(1\) > 1/, why: 'counts further than it need' },
  { file: /core\/semaphore\.h/, mutant: /`true` in `bool anybody_waits/, why: 'set before anybody reads it' },
  {
    file: /core\/semaphore\.h/,
    mutant: /`&&` in `if \(action == Action::kTake \|\|/,
    why: 'the long way to the same words',
  },
  {
    file: /core\/semaphore\.h/,
    mutant: /`true` in `(if \((index == kNoPlace|!apply\(chosen|present\(\) != now)|return false)/,
    why: 'whoever has moved the hot word on has done all of it, which what follows finds',
  },
  {
    file: /core\/semaphore\.h/,
    mutant: /in `const bool joins = index < length/,
    why: 'a place that is empty counts 0, whose ever it was',
  },
  {
    file: /core\/semaphore\.h/,
    mutant: /`1` in `while \(used > 0/,
    why: 'while anybody waits there is a place in use',
  },
  {
    file: /core\/semaphore\.h/,
    mutant: /`memory_order_\w+` in `const int64_t before = own\.load/,
    why: 'whatever a thread began before is complete, and it has seen that',
  },
  {
    file: /core\/semaphore\.h/,
    mutant:
      /`memory_order_\w+` in `(if \(!?(hot\(\)\.compare_exchange_weak|word\.compare_exchange_strong)|while \(used > 0|const int64_t left = chosen)/,
    why: 'acquired before: with the hot word as it was loaded, with the row of whoever wrote it, or as the place was changed',
  },
  {
    file: /core\/token_bucket/,
    mutant: /`>` in `\[\]\(const Terms& terms\) \{ return terms\.digits >= 0/,
    why: 'counted in whole tokens a token is a unit either way',
  },
  {
    file: /core\/token_bucket/,
    mutant: /`>` in `if \(!is_last \|\| next >= position/,
    why: 'puts a place where it is',
  },
]
