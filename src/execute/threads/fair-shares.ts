/** A run with one worker keeps it for at least this long while another waits for one. */
export const TURN_MS = 50
/** A worker that has not left its run by then, or begun what it was sent, is not counted on: what it is at may take minutes. */
export const LATE_MS = 50

/** A run that has workers, or asks for some. */
export interface Sharer {
  /** Workers it still asks for. */
  readonly wanted: number
  /** Workers it has and keeps. */
  readonly held: number
  /** Those of them that have nothing to do. */
  readonly spare: number
  /** Those that are about to leave it, and not late. */
  readonly leaving: number
  /** How long it has had any. */
  readonly heldMs: number
  /** Whether this thread runs items of it, too. */
  readonly worksHere: boolean
  /** Whether this thread may. */
  readonly mayWorkHere: boolean
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Whether it cannot go on before it gets a worker. */
export function isStuck({ wanted, held, worksHere }: Sharer): boolean {
  return wanted > 0 && held === 0 && !worksHere
}

/** The one that gets the next worker: those that cannot go on without come first, then those that have few, then those that asked first. */
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
 * Whether `one` should give `needy` a worker: of more than that has, one with nothing to do, or one that makes their numbers more alike. Its
 * last one it gives if `needy` cannot go on without: at once if it can itself, and else in turn.
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
    // One that has nothing to do for a worker needs no other.
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

/** Those that have workers, and as many of those that have none as could get one: thousands may ask. */
function concerned(sharers: readonly Sharer[], coming: number): Mutable<Sharer & { position: number }>[] {
  const most = sharers.reduce((sum, { held }) => sum + held, coming)
  let stuck = 0
  let others = 0
  return sharers.flatMap((sharer, position) => {
    if (sharer.held === 0 && (sharer.wanted <= 0 || (isStuck(sharer) ? stuck++ : others++) >= most)) return []
    return { ...sharer, position }
  })
}

/** The one with the most to spare, of several the one with the most. */
function richest<S extends Sharer>(sharers: readonly S[]): S | undefined {
  const more = (one: S, other: S): boolean =>
    one.spare > other.spare || (one.spare === other.spare && one.held > other.held)
  return sharers.reduce<S | undefined>((most, one) => (most === undefined || more(one, most) ? one : most), undefined)
}
