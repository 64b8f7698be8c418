import { realClearInterval, realSetInterval } from '../internal/time/real-timers.js'

/** An object with counts to publish. */
interface Source {
  stats(): { readonly allowed: number; readonly denied: number }
}

/** A limit with a name, whose counts others can see. */
interface Counted {
  addCounts?(allowed: number, denied: number): void
}

interface Publication {
  readonly source: WeakRef<Source>
  readonly bucket: Counted
  allowed: number
  denied: number
}

/** Decisions are counted in this thread's own memory, which is cheap, and added to the shared words this often. */
const INTERVAL_MS = 250

/** Adds the calls that limiters of this thread allow and deny to the counts of their buckets, for `amorsize top`. */
class CountPublisher {
  readonly #publications = new Set<Publication>()
  readonly #bySource = new WeakMap<Source, Publication>()
  #timer: NodeJS.Timeout | undefined = undefined

  /**
   * Adds the calls that `source` has allowed and denied to the counts of its bucket: four times a second as long as it lives, and when
   * the process exits. Does nothing for a bucket that has no counts.
   */
  begin(source: Source, bucket: Counted): void {
    if (bucket.addCounts === undefined) return
    const publication = { source: new WeakRef(source), bucket, allowed: 0, denied: 0 }
    this.#publications.add(publication)
    this.#bySource.set(source, publication)
    if (this.#timer !== undefined) return
    this.#timer = realSetInterval(this.#publishAll, INTERVAL_MS)
    this.#timer.unref()
    process.on('exit', this.#publishAll)
  }

  /** Publishes the counts of `source` for the last time, before it releases its bucket. */
  end(source: Source): void {
    const publication = this.#bySource.get(source)
    if (publication === undefined || !this.#publications.delete(publication)) return
    publish(publication, source)
  }

  readonly #publishAll = (): void => {
    for (const publication of this.#publications) {
      const source = publication.source.deref()
      if (source === undefined) this.#publications.delete(publication)
      else publish(publication, source)
    }
    if (this.#publications.size > 0) return
    realClearInterval(this.#timer)
    this.#timer = undefined
    process.off('exit', this.#publishAll)
  }
}

export const countPublisher = new CountPublisher()

function publish(publication: Publication, source: Source): void {
  const { allowed, denied } = source.stats()
  if (allowed === publication.allowed && denied === publication.denied) return
  publication.bucket.addCounts?.(allowed - publication.allowed, denied - publication.denied)
  publication.allowed = allowed
  publication.denied = denied
}
