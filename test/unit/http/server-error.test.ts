import { describe, expect, it } from 'vitest'
import { isNotNow, lastingKind } from '../../../dist/internal/server-error.js'

describe('what a Redis or Valkey server answers', () => {
  const glide = 'An error was signalled by the server: - '
  it.each([
    ['WRONGPASS invalid username-password pair', 'WRONGPASS', false],
    ["OOM command not allowed when used memory > 'maxmemory'.", 'OOM', true],
    ["READONLY You can't write against a read only replica.", 'READONLY', true],
    ['LOADING Redis is loading the dataset in memory', undefined, true],
    ['BUSY Redis is busy running a script.', undefined, true],
    ['MOVED 3999 127.0.0.1:6381', undefined, false],
    ['NOSCRIPT No matching script.', undefined, false],
    ['ERR unknown command', 'ERR', false],
    // Valkey GLIDE has words of its own.
    [`${glide}NoScriptError: No matching script. Please use EVAL.`, undefined, false],
    [`${glide}ReadOnly: You can't write against a read only replica.`, 'READONLY', true],
    [`${glide}BusyLoadingError: Redis is loading the dataset in memory`, undefined, true],
    ["OOM: command not allowed when used memory > 'maxmemory'.", 'OOM', true],
    ['connect ECONNREFUSED 127.0.0.1:1', undefined, false],
    ['Connection is closed.', undefined, false],
    ['', undefined, false],
  ])('%s', (message, kind, notNow) => {
    expect([lastingKind(message), isNotNow(message)]).toEqual([kind, notNow])
  })
})
