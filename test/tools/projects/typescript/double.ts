enum Factor {
  two = 2,
}

/** An enum cannot be stripped: it must be compiled. */
export const double = (n: number): number => n * Factor.two
