import { textWidth } from '../text/text-width.js'
import { type Arrangement, SORT_KEYS } from './model.js'

/** The choices made by the keys of `amorsize top`. */
export interface TopState extends Arrangement {
  /** Whether the filter is being typed. */
  readonly typing: boolean
  /** Index of the first row shown. */
  readonly offset: number
  readonly paused: boolean
  readonly ended: boolean
}

/** The line at the foot of the screen, with as many keys as fit into `width` columns. */
export function footer(state: TopState, width = Infinity): string {
  if (state.typing) return `filter: ${state.filter}_   Enter keep  Esc clear`
  const filter = state.filter === '' ? '' : ` ('${state.filter}')`
  const pause = `p ${state.paused ? 'continue' : 'pause'}`
  const keys = ['q quit', `s sort (${state.sort})`, `/ filter${filter}`, pause, 'r reverse', 'arrows scroll']
  while (keys.length > 1 && textWidth(keys.join('  ')) > width) keys.pop()
  return keys.join('  ')
}

const PAGE = 10

/** Returns the state after the terminal has sent `keys`, which may be several at once. */
export function afterKeys(state: TopState, keys: string): TopState {
  // An arrow or page key sends a sequence that starts with Escape; any other key sends one character.
  for (const key of keys.match(/\u001b\[[\d;]*[A-Za-z~]|[^]/gu) ?? []) state = afterKey(state, key)
  return state
}

function afterKey(state: TopState, key: string): TopState {
  if (key === '\u0003') return { ...state, ended: true }
  return state.typing ? whileTyping(state, key) : command(state, key)
}

function whileTyping(state: TopState, key: string): TopState {
  switch (key) {
    case '\r':
    case '\n':
      return { ...state, typing: false }
    case '\u001b':
      return { ...state, typing: false, filter: '' }
    case '\u007f':
    case '\b':
      return { ...state, filter: state.filter.replace(/.$/su, '') }
    default:
      return /^\P{Cc}$/u.test(key) ? { ...state, filter: state.filter + key, offset: 0 } : state
  }
}

function command(state: TopState, key: string): TopState {
  const scrolled = (by: number): TopState => ({ ...state, offset: Math.max(0, state.offset + by) })
  switch (key) {
    case 'q':
    case 'Q':
      return { ...state, ended: true }
    case 's':
      return { ...state, sort: SORT_KEYS[(SORT_KEYS.indexOf(state.sort) + 1) % SORT_KEYS.length] ?? 'worst' }
    case 'r':
      return { ...state, reverse: !state.reverse }
    case '/':
      return { ...state, typing: true }
    case 'p':
      return { ...state, paused: !state.paused }
    case '\u001b':
      return { ...state, filter: '' }
    case '\u001b[A':
      return scrolled(-1)
    case '\u001b[B':
      return scrolled(1)
    case '\u001b[5~':
      return scrolled(-PAGE)
    case '\u001b[6~':
      return scrolled(PAGE)
    default:
      return state
  }
}
