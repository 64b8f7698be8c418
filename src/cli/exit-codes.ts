/** Exit codes of the command line; a command may set others of its own and says so in its help. */
export const EXIT_FAILURE = 1
export const EXIT_USAGE = 2
