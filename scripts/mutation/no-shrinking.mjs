// What a mutant answers wrongly need not be the smallest example: to look for that takes longer than to find one.
import fc from 'fast-check'

fc.configureGlobal({ ...fc.readConfigureGlobal(), endOnFailure: true })
