/** The version of the package. A test holds it against package.json; the addon that is loaded must be of the same. */
export const VERSION = '0.1.0'
