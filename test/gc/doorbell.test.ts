import { expect, it } from 'vitest'
import { nativeAddon } from '../../dist/internal/native.js'
import '../../dist/memory/shared/doorbell.js'
import { describeWithAddon } from '../support/native.js'
import { settledBytes } from '../support/memory.js'

describeWithAddon('doorbells of one thread', () => {
  it('go with their callbacks, but for one that somebody waits at', async () => {
    const addon = nativeAddon()!
    let heard: (() => void) | undefined
    const open = (): { id: number; callback: WeakRef<() => void> } => {
      const callback = (): void => heard?.()
      return { id: addon.doorbellOpen(callback, { hasRef: () => false }), callback: new WeakRef(callback) }
    }
    const bells = Array.from({ length: 200 }, open)
    expect(new Set(bells.map(({ id }) => id)).size).toBe(200)
    const waited = bells[77]!
    addon.doorbellHold(waited.id, true)
    addon.doorbellHold(waited.id, true)
    await settledBytes()
    expect(bells.filter(({ callback }) => callback.deref() !== undefined)).toEqual([waited])
    for (const { id } of bells) if (id !== waited.id) expect(() => addon.doorbellHold(id, true)).toThrow(TypeError)
    const ring = new Promise<void>((resolve) => (heard = resolve))
    for (const { id } of bells) addon.doorbellRing(id)
    await ring
    addon.doorbellHold(waited.id, false)
    await settledBytes()
    expect(waited.callback.deref()).toBeUndefined()
  })
})
