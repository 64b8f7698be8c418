import { everyPartOfThePackage } from './uses-everything.mjs'

everyPartOfThePackage('first')
