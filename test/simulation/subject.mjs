/** What several threads share. */
export class Subject {
  /** @param {import('./play.mjs').Play} play */
  constructor(play, index) {
    this.play = play
    this.name = `${this.constructor.name.toLowerCase()}${index}`
  }

  say(thread, text) {
    this.play.say(thread, `${this.name}.${text}`)
  }
  violated(text) {
    this.play.violated(`${this.name} ${JSON.stringify(this.options)}: ${text}`)
  }
  follow(thread, what, promise, settled) {
    this.play.follow(thread, `${this.name}.${what}`, promise, settled)
  }

  /** Does something, and notes in a list in which time that happened: with an open end where the thread dies of it. */
  within(list, entry, run) {
    const begun = { ...entry, s: this.play.nowMs, e: Infinity }
    list.push(begun)
    const value = run()
    begun.e = this.play.nowMs
    return value
  }
}
