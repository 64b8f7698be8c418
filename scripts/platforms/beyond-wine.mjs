// Tests that cannot pass under Wine, and what it is that Wine, or this way of running them, cannot do.

/** @type {{ file: string, test?: RegExp, why: string }[]} */
const known = []

/** @returns {string | undefined} why the test cannot pass; undefined if it should */
export const beyondWine = (file, title) =>
  known.find((one) => one.file === file && (one.test === undefined || one.test.test(title)))?.why
