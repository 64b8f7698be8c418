import type { Bucket } from '../memory/bucket/bucket.js'

/** Who has counts to publish. */
interface Source {
  stats(): { readonly allowed: number; readonly denied: number }
}

interface Publication {
  readonly source: WeakRef<Source>
  readonly bucket: Bucket
  allowed: number
  denied: number
}

/** Decisions are counted in this thread's own memory, where that is free, and added to the shared words this often. */
const INTERVAL_MS = 250

const publications = new Set<Publication>()
const bySource = new WeakMap<Source, Publication>()
let timer: NodeJS.Timeout | undefined

/**
 * Adds what `source` has allowed and denied to the counts of its bucket, for `amorsize top`: four times a second as long as it lives, and
 * when the process exits. Does nothing for a bucket that has no counts.
 */
export function publishCounts(source: Source, bucket: Bucket): void {
  if (bucket.addCounts === undefined) return
  const publication = { source: new WeakRef(source), bucket, allowed: 0, denied: 0 }
  publications.add(publication)
  bySource.set(source, publication)
  if (timer !== undefined) return
  timer = setInterval(publishAll, INTERVAL_MS)
  timer.unref()
  process.on('exit', publishAll)
}

/** Publishes what `source` has counted and then no more: it is about to let go of its bucket. */
export function endCounts(source: Source): void {
  const publication = bySource.get(source)
  if (publication === undefined || !publications.delete(publication)) return
  publish(publication, source)
}

function publishAll(): void {
  for (const publication of publications) {
    const source = publication.source.deref()
    if (source === undefined) publications.delete(publication)
    else publish(publication, source)
  }
  if (publications.size > 0) return
  clearInterval(timer)
  timer = undefined
  process.off('exit', publishAll)
}

function publish(publication: Publication, source: Source): void {
  const { allowed, denied } = source.stats()
  if (allowed === publication.allowed && denied === publication.denied) return
  publication.bucket.addCounts?.(allowed - publication.allowed, denied - publication.denied)
  publication.allowed = allowed
  publication.denied = denied
}
