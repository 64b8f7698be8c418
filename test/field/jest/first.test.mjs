import { jest } from '@jest/globals'
import * as amorsize from 'amorsize'
import * as onBullmq from 'amorsize/bullmq'
import * as testing from 'amorsize/testing'
import uses from './uses-everything.cjs'

uses.everyPartOfThePackage('first', jest, { amorsize, testing, onBullmq })
