/** Seeds that have failed, and what of. Whoever changes what a program is looks for new ones with `npm run test:soak -- faults`. */
export const found = []
