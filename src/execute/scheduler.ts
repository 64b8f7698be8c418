/** All that a run needs that is more than a loop; see load-scheduler.ts. */
export { makePlan } from './make-plan.js'
export { beginRun } from './run/begin-run.js'
export { conduct } from './run/conductor.js'
export { finishJudged, prepareFor } from './run/judged-run.js'
