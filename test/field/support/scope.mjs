/** The widest scope of names: without the addon they hold in one process. */
export const scope = process.env.AMORSIZE_NATIVE === '0' ? 'process' : 'machine'
