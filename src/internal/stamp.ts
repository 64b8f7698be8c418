/**
 * The hash of the C++ sources that this code fits, see native/binding/stamp.cjs. The build inserts it; while it is empty, any addon of
 * the same version is accepted.
 */
export const STAMP: string = ''
