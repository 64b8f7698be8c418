/**
 * A hash of the sources in C++ that this code fits: native/binding/stamp.cjs. The build puts it in; without it any addon of the version is
 * taken.
 */
export const STAMP: string = ''
