import { ThreadWorker } from 'poolifier'
import { spinArray, spinNumber, spinRecord, spinRows } from './workloads.mjs'

export default new ThreadWorker({ spinArray, spinNumber, spinRecord, spinRows })
