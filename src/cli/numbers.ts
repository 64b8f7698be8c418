import { InvalidArgumentError } from 'commander'

/** A parser of numbers for commander; `what` completes "It must be …". */
export function numberThat(is: (value: number) => boolean, what: string): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !is(value)) throw new InvalidArgumentError(`It must be ${what}.`)
    return value
  }
}

/** A parser of whole numbers from `min` to `max`. */
export function integerFrom(min: number, max: number): (text: string) => number {
  return numberThat(
    (value) => Number.isInteger(value) && value >= min && value <= max,
    `an integer from ${min} to ${max}`,
  )
}
