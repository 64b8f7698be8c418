/** A run with one worker keeps it for at least this long while another waits for one. */
export const TURN_MS = 50
/** A worker that by then has not left its run, or has not begun what it was sent, is not counted on: what it is running may take minutes. */
export const LATE_MS = 50

/** A run that has workers, or asks for some. */
export interface Sharer {
  /** Workers it still asks for. */
  readonly wanted: number
  /** Workers it has and keeps. */
  readonly held: number
  /** Workers of those that are idle. */
  readonly spare: number
  /** Workers that are about to leave it, and are not late. */
  readonly leaving: number
  /** How long it has had a worker. */
  readonly heldMs: number
  /** Whether this thread runs items of it, too. */
  readonly worksHere: boolean
  /** Whether this thread may run items of it. */
  readonly mayWorkHere: boolean
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Whether it cannot go on before it gets a worker. */
export function isStuck({ wanted, held, worksHere }: Sharer): boolean {
  return wanted > 0 && held === 0 && !worksHere
}

/** The run that gets the next worker: first those that cannot go on without one, then those with the fewest, then those that asked first. */
export function neediest<S extends Sharer>(sharers: readonly S[]): S | undefined {
  let first: S | undefined
  let least = Infinity
  for (const one of sharers) {
    if (one.wanted <= 0) continue
    if (isStuck(one)) return one
    const { held } = one
    if (held < least) {
      first = one
      least = held
    }
  }
  return first
}

/**
 * Whether `one` should give `needy` a worker: if it has more, an idle one, or any that makes their numbers more equal. Its
 * last worker it gives if `needy` cannot go on without: at once if it can itself, otherwise in turn.
 */
function shouldGive(one: Sharer, needy: Sharer): boolean {
  const more = one.held - needy.held
  if (more <= 0) return false
  if (more >= 2 || one.spare > 0) return true
  if (!isStuck(needy)) return false
  return one.worksHere || one.heldMs >= TURN_MS
}

/**
 * The sharers that should give workers back, so that all runs have about as many.
 *
 * @param coming - workers on their way to the sharer that is the neediest by then
 * @returns for each worker to be given back, the position of a sharer
 */
export function givers(sharers: readonly Sharer[], coming: number): number[] {
  const all = concerned(sharers, coming)
  const giving: number[] = []
  for (let given = 0; ; given++) {
    // A run with an idle worker needs no other.
    const needy = neediest(all.filter(({ spare }) => spare === 0))
    if (needy === undefined) return giving
    if (given >= coming) {
      const giver = richest(all.filter((one) => shouldGive(one, needy)))
      if (giver === undefined) return giving
      giving.push(giver.position)
      giver.held--
      giver.spare = Math.max(0, giver.spare - 1)
    }
    needy.held++
    needy.wanted--
  }
}

/** The runs that have workers, and as many of those without as could get one: thousands may ask. */
function concerned(sharers: readonly Sharer[], coming: number): Mutable<Sharer & { position: number }>[] {
  const most = sharers.reduce((sum, { held }) => sum + held, coming)
  let stuck = 0
  let others = 0
  return sharers.flatMap((sharer, position) => {
    if (sharer.held === 0 && (sharer.wanted <= 0 || (isStuck(sharer) ? stuck++ : others++) >= most)) return []
    return { ...sharer, position }
  })
}

/** The run with the most idle workers; among several, the one with the most workers. */
function richest<S extends Sharer>(sharers: readonly S[]): S | undefined {
  const more = (one: S, other: S): boolean =>
    one.spare > other.spare || (one.spare === other.spare && one.held > other.held)
  return sharers.reduce<S | undefined>((most, one) => (most === undefined || more(one, most) ? one : most), undefined)
}
