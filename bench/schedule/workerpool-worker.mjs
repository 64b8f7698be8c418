import workerpool from 'workerpool'
import { spinArray, spinNumber, spinRecord, spinRows } from './workloads.mjs'

workerpool.worker({ spinArray, spinNumber, spinRecord, spinRows })
