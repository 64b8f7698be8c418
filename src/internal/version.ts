/** The version of the package. A test compares it with package.json; the addon must have the same version. */
export const VERSION = '0.1.0'
