// What a run works on.
export const numbers = Float64Array.from({ length: 20 }, (_, i) => i)
export const paths = ['rates.json', 'rows.csv']
export const lines = ['1,2', '3,4']
export const packets = ['first', 'second']
export const images = [3, 1, 2]
export const resize = (size: number): number => size / 2
