/** What moving work costs in this process: defaults at first, then what real work has shown, smoothed. */
export const calibration = {
  /** From the start of a worker until it has loaded its first task. */
  spawnMs: 45,
  /** One message to a worker and its answer, on either side. */
  dispatchMs: 0.03,
  /** Structured clone, there and back out: for each object, property or element… */
  cloneNodeMs: 0.000_2,
  /** … and for each byte of strings and buffers. */
  cloneByteMs: 0.000_000_5,
}

/** Quantities that are learnt. */
export type Calibrated = keyof typeof calibration

const seen = new Map<Calibrated, number>()

/** Takes a measurement into account: the first replaces the default, later ones move it by a quarter. */
export function calibrate(what: Calibrated, ms: number): void {
  if (!(ms > 0) || !Number.isFinite(ms)) return
  const count = seen.get(what) ?? 0
  seen.set(what, count + 1)
  calibration[what] = count === 0 ? ms : calibration[what] + (ms - calibration[what]) / 4
}
