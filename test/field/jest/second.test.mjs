import { everyPartOfThePackage } from './uses-everything.mjs'

everyPartOfThePackage('second')
