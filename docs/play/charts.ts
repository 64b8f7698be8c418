// The pictures of the playground: what is there now at the left, what was there in the last seconds beside it.
import { type Moment, type Settings, SHOWN_MS, SLOT_QUEUE } from './simulation.ts'

/** Colours of the page's scheme. */
export interface Colours {
  readonly ink: string
  readonly quiet: string
  readonly line: string
  readonly main: string
  readonly good: string
  readonly careful: string
  readonly bad: string
}

/** One picture: its name, what it says in words, and how it is drawn. */
export interface Chart {
  readonly name: string
  says(now: Moment, settings: Readonly<Settings>): string
  draw(pen: Pen, moments: readonly Moment[], settings: Readonly<Settings>): void
}

/** Draws on a canvas, whose size is given in CSS pixels. */
export class Pen {
  readonly context: CanvasRenderingContext2D
  readonly colours: Colours
  readonly width: number
  readonly height: number
  /** How much of the width is for what is there now. */
  readonly nowWidth = 72

  constructor(context: CanvasRenderingContext2D, colours: Colours, width: number, height: number) {
    this.context = context
    this.colours = colours
    this.width = width
    this.height = height
    context.clearRect(0, 0, width, height)
  }

  box(x: number, y: number, width: number, height: number, colour: string, isFilled = true): void {
    this.context.fillStyle = this.context.strokeStyle = colour
    this.context.lineWidth = 1
    if (isFilled) this.context.fillRect(x, y, width, height)
    else this.context.strokeRect(x + 0.5, y + 0.5, width - 1, height - 1)
  }

  dot(x: number, y: number, radius: number, colour: string): void {
    this.context.fillStyle = colour
    this.context.beginPath()
    this.context.arc(x, y, radius, 0, 2 * Math.PI)
    this.context.fill()
  }

  /** Where a moment stands in the history, which grows from the left until it fills the width. */
  x(moment: Moment, moments: readonly Moment[]): number {
    const firstMs = moments[0]?.atMs ?? 0
    return this.nowWidth + ((moment.atMs - firstMs) / SHOWN_MS) * (this.width - this.nowWidth)
  }

  /** An area over time, above another one or from the bottom. */
  area(
    moments: readonly Moment[],
    most: number,
    colour: string,
    valueOf: (moment: Moment) => number,
    baseOf: (moment: Moment) => number = () => 0,
  ): void {
    const { context } = this
    const y = (value: number): number => this.height - 1 - (Math.min(value, most) / most) * (this.height - 8)
    const trace = new Path2D()
    for (const moment of moments) trace.lineTo(this.x(moment, moments), y(valueOf(moment)))
    const filled = new Path2D(trace)
    for (const moment of moments.toReversed()) filled.lineTo(this.x(moment, moments), y(baseOf(moment)))
    context.fillStyle = context.strokeStyle = colour
    context.globalAlpha = 0.25
    context.fill(filled)
    context.globalAlpha = 1
    context.lineWidth = 1.5
    context.stroke(trace)
  }

  /** A level that is not passed, such as the size of the bucket. */
  level(share: number): void {
    const { context, height } = this
    context.setLineDash([4, 4])
    context.strokeStyle = this.colours.quiet
    context.lineWidth = 1
    context.beginPath()
    const y = height - 1 - share * (height - 8)
    context.moveTo(this.nowWidth, y)
    context.lineTo(this.width, y)
    context.stroke()
    context.setLineDash([])
  }
}

const round = (value: number): string => String(Math.floor(value * 10) / 10)

const bucket: Chart = {
  name: 'Bucket',
  says: ({ tokens }, { burstSize }) => `${round(tokens)} of ${burstSize} tokens`,
  draw(pen, moments, { burstSize }) {
    const tokens = moments.at(-1)?.tokens ?? 0
    const height = pen.height - 8
    const full = Math.min(1, tokens / burstSize) * height
    pen.box(8, pen.height - full, 44, full, pen.colours.main)
    pen.box(8, 8, 44, height, pen.colours.quiet, false)
    pen.area(moments, burstSize, pen.colours.main, (moment) => moment.tokens)
    pen.level(1)
  },
}

const waiters: Chart = {
  name: 'Waiters',
  says: ({ waiting }, { maxQueue }) => (maxQueue === 0 ? 'nobody may wait' : `${waiting} of at most ${maxQueue} wait`),
  draw(pen, moments, { maxQueue }) {
    const waiting = moments.at(-1)?.waiting ?? 0
    const columns = 5
    for (let i = 0; i < Math.min(waiting, 30); i++)
      pen.dot(13 + (i % columns) * 11, pen.height - 8 - Math.floor(i / columns) * 11, 4, pen.colours.careful)
    pen.area(moments, Math.max(1, maxQueue), pen.colours.careful, (moment) => moment.waiting)
    if (maxQueue > 0) pen.level(1)
  },
}

const breaker: Chart = {
  name: 'Breaker',
  says: (now) => now.breaker,
  draw(pen, moments) {
    const colourOf = (state: string): string =>
      state === 'closed' ? pen.colours.good : state === 'open' ? pen.colours.bad : pen.colours.careful
    const now = moments.at(-1)
    pen.dot(30, pen.height / 2, 16, colourOf(now?.breaker ?? 'closed'))
    const top = pen.height / 4
    for (const [i, moment] of moments.slice(1).entries()) {
      const from = pen.x(moments[i] ?? moment, moments)
      pen.box(from, top, pen.x(moment, moments) - from + 0.5, pen.height / 2, colourOf(moment.breaker))
    }
  },
}

const slots: Chart = {
  name: 'Bulkhead',
  says: ({ running, queued }, { maxConcurrent }) =>
    `${running} of ${maxConcurrent} slots in use${queued > 0 ? `, ${queued} wait` : ''}`,
  draw(pen, moments, { maxConcurrent }) {
    const { running = 0, queued = 0 } = moments.at(-1) ?? {}
    const columns = 4
    const place = (i: number): [number, number] => [8 + (i % columns) * 13, 8 + Math.floor(i / columns) * 13]
    for (let i = 0; i < maxConcurrent; i++)
      pen.box(...place(i), 10, 10, i < running ? pen.colours.main : pen.colours.line)
    for (let i = 0; i < Math.min(queued, SLOT_QUEUE); i++)
      pen.dot(11 + (i % 5) * 11, pen.height - 6 - Math.floor(i / 5) * 11, 4, pen.colours.careful)
    const most = maxConcurrent + SLOT_QUEUE
    const inUse = (moment: Moment): number => moment.running
    pen.area(moments, most, pen.colours.careful, (moment) => moment.running + moment.queued, inUse)
    pen.area(moments, most, pen.colours.main, inUse)
    pen.level(maxConcurrent / most)
  },
}

export const charts: readonly Chart[] = [bucket, waiters, breaker, slots]
