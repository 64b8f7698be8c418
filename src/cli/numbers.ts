import { InvalidArgumentError } from 'commander'

/** A parser of whole numbers for commander. */
export function integerFrom(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`It must be an integer from ${min} to ${max}.`)
    }
    return value
  }
}
