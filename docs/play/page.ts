// The playground as the page shows it: sliders, buttons, counts and pictures around a simulation.
import { charts, type Colours, Pen } from './charts.ts'
import { type Counts, type Settings, Simulation } from './simulation.ts'

interface Slider {
  readonly key: keyof Settings
  readonly label: string
  readonly min: number
  readonly max: number
  readonly step: number
  readonly unit: string
  readonly at: number
}

const groups: readonly { readonly title: string; readonly sliders: readonly Slider[] }[] = [
  {
    title: 'Limiter',
    sliders: [
      { key: 'requestsPerSecond', label: 'rate', min: 1, max: 100, step: 1, unit: 'tokens per second', at: 10 },
      { key: 'burstSize', label: 'burst', min: 1, max: 50, step: 1, unit: 'tokens', at: 10 },
      { key: 'maxQueue', label: 'may wait', min: 0, max: 30, step: 1, unit: 'callers', at: 20 },
    ],
  },
  {
    title: 'Callers',
    sliders: [
      { key: 'arrivalsPerSecond', label: 'arrivals', min: 1, max: 150, step: 1, unit: 'per second', at: 12 },
      { key: 'tokensPerCall', label: 'cost', min: 1, max: 10, step: 1, unit: 'tokens per call', at: 1 },
    ],
  },
  {
    title: 'Service',
    sliders: [
      { key: 'durationMs', label: 'takes', min: 50, max: 2000, step: 50, unit: 'ms', at: 300 },
      { key: 'failures', label: 'fails', min: 0, max: 100, step: 5, unit: '% of calls', at: 10 },
    ],
  },
  {
    title: 'Breaker and bulkhead',
    sliders: [
      { key: 'failureThreshold', label: 'opens after', min: 1, max: 20, step: 1, unit: 'failures in a row', at: 5 },
      { key: 'resetTimeoutMs', label: 'stays open', min: 500, max: 10_000, step: 500, unit: 'ms', at: 3000 },
      { key: 'maxConcurrent', label: 'slots', min: 1, max: 16, step: 1, unit: 'calls at once', at: 4 },
    ],
  },
]

const outcomes: readonly { readonly key: keyof Counts; readonly label: string }[] = [
  { key: 'arrived', label: 'arrived' },
  { key: 'admitted', label: 'admitted by the limiter' },
  { key: 'refusedByLimiter', label: 'refused by the limiter' },
  { key: 'refusedByBreaker', label: 'refused by the breaker' },
  { key: 'refusedByBulkhead', label: 'refused by the bulkhead' },
  { key: 'succeeded', label: 'succeeded' },
  { key: 'failed', label: 'failed' },
]

const SKIPPED_MS = 10_000
/** What a browser that was away for long makes up for. */
const LONGEST_FRAME_MS = 100

const startSettings = (): Settings =>
  Object.fromEntries(groups.flatMap(({ sliders }) => sliders.map(({ key, at }) => [key, at]))) as unknown as Settings

/**
 * Fills `place` with the playground.
 *
 * @returns a function that ends it
 */
export function play(place: HTMLElement): () => void {
  let simulation = new Simulation(startSettings())
  let isRunning = !matchMedia('(prefers-reduced-motion: reduce)').matches
  /** One step after the other: the clock cannot be moved by two. */
  let moving = Promise.resolve()
  let frame = 0
  let lastMs = performance.now()

  place.replaceChildren()
  const controls = add(place, 'div', 'controls')
  const settings = startSettings()
  for (const { title, sliders } of groups) {
    const group = add(controls, 'fieldset')
    add(group, 'legend').textContent = title
    for (const slider of sliders)
      addSlider(group, slider, settings[slider.key], (value) => {
        settings[slider.key] = value
        simulation.set({ [slider.key]: value })
      })
  }

  const buttons = add(place, 'p', 'buttons')
  const pause = addButton(buttons, isRunning ? 'Pause' : 'Run', () => {
    isRunning = !isRunning
    pause.textContent = isRunning ? 'Pause' : 'Run'
  })
  addButton(buttons, `Skip ${SKIPPED_MS / 1000} s`, () => move(SKIPPED_MS))
  addButton(buttons, 'Start again', () => {
    moving = moving.then(() => {
      simulation = new Simulation(settings)
    })
  })
  const time = add(buttons, 'output', 'time')
  time.id = 'play-time'

  const views = charts.map((chart) => {
    const figure = add(place, 'figure')
    const caption = add(figure, 'figcaption')
    add(caption, 'strong').textContent = chart.name
    const text = add(caption, 'output')
    text.id = `play-${chart.name.toLowerCase()}`
    const canvas = add(figure, 'canvas')
    canvas.setAttribute('role', 'img')
    canvas.setAttribute('aria-label', `${chart.name}: now, and in the last seconds`)
    return { chart, text, canvas }
  })
  const table = add(add(place, 'table', 'counts'), 'tbody')
  const counted = outcomes.map(({ key, label }) => {
    const row = add(table, 'tr')
    add(row, 'th').textContent = label
    const cell = add(row, 'td')
    cell.id = `play-${key}`
    return { key, cell }
  })
  const bound = add(place, 'p', 'bound')
  bound.id = 'play-bound'

  function move(ms: number): void {
    const moved = simulation
    moving = moving.then(() => moved.run(ms))
  }

  function show(): void {
    const { moments, counts, settings: inUse } = simulation
    const now = moments.at(-1)
    if (now === undefined) return
    time.textContent = `${(simulation.nowMs / 1000).toFixed(2)} s`
    const colours = coloursOf(place)
    for (const { chart, text, canvas } of views) {
      text.textContent = chart.says(now, inUse)
      chart.draw(penFor(canvas, colours), moments, inUse)
    }
    for (const { key, cell } of counted) cell.textContent = String(counts[key])
    const most = Math.floor(simulation.mostTokens + 1e-6)
    bound.textContent = `The limiter can have granted at most burst + rate × time = ${most} tokens by now.`
  }

  function nextFrame(): void {
    const nowMs = performance.now()
    const passedMs = Math.min(nowMs - lastMs, LONGEST_FRAME_MS)
    lastMs = nowMs
    if (isRunning) move(passedMs)
    void moving.then(() => {
      show()
      frame = requestAnimationFrame(nextFrame)
    })
  }
  frame = requestAnimationFrame(nextFrame)
  return () => {
    // A frame that is being waited for sees no place any more.
    isRunning = false
    cancelAnimationFrame(frame)
  }
}

function add<K extends keyof HTMLElementTagNameMap>(
  parent: HTMLElement,
  tag: K,
  className = '',
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  made.className = className
  return parent.appendChild(made)
}

function addButton(parent: HTMLElement, text: string, onClick: () => void): HTMLButtonElement {
  const button = add(parent, 'button')
  button.type = 'button'
  button.textContent = text
  button.addEventListener('click', onClick)
  return button
}

function addSlider(parent: HTMLElement, slider: Slider, at: number, onChange: (value: number) => void): void {
  const { key, label, min, max, step, unit } = slider
  const row = add(parent, 'label')
  add(row, 'span').textContent = label
  const input = add(row, 'input')
  Object.assign(input, { type: 'range', id: `play-set-${key}`, min, max, step })
  input.value = String(at)
  const said = add(row, 'output')
  const say = (): void => {
    said.textContent = `${input.value} ${unit}`
  }
  say()
  input.addEventListener('input', () => {
    say()
    onChange(Number(input.value))
  })
}

function penFor(canvas: HTMLCanvasElement, colours: Colours): Pen {
  const { clientWidth, clientHeight } = canvas
  const scale = devicePixelRatio
  const [width, height] = [Math.round(clientWidth * scale), Math.round(clientHeight * scale)]
  if (canvas.width !== width) canvas.width = width
  if (canvas.height !== height) canvas.height = height
  const context = canvas.getContext('2d')
  if (context === null) throw new Error('this browser draws on no canvas')
  context.setTransform(scale, 0, 0, scale, 0, 0)
  return new Pen(context, colours, clientWidth, clientHeight)
}

/** The colours of VitePress's theme, as they are now. */
function coloursOf(place: HTMLElement): Colours {
  const style = getComputedStyle(place)
  const colour = (name: string): string => style.getPropertyValue(`--vp-c-${name}`)
  return {
    ink: colour('text-1'),
    quiet: colour('text-3'),
    line: colour('divider'),
    main: colour('brand-3'),
    good: colour('green-3'),
    careful: colour('yellow-3'),
    bad: colour('red-3'),
  }
}
