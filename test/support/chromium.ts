// A browser without a window, for pages that the project serves. It is not on every machine: tests with it say so in their titles.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'

export const CHROMIUM = '/usr/bin/chromium'
export const withoutChromium = !existsSync(CHROMIUM)

// The declarations of playwright-core are not accepted by the compiler of this project: what is used of it is declared here.
export interface Locator {
  nth(index: number): Locator
  first(): Locator
  all(): Promise<Locator[]>
  count(): Promise<number>
  waitFor(): Promise<void>
  click(): Promise<void>
  fill(text: string): Promise<void>
  isVisible(): Promise<boolean>
  textContent(): Promise<string | null>
  allTextContents(): Promise<string[]>
}
export interface Page {
  goto(url: string): Promise<{ status(): number } | null>
  locator(selector: string): Locator
  getByRole(role: string, options: { name: string; exact: boolean }): Locator
  evaluate<T>(expression: string): Promise<T>
  emulateMedia(options: { colorScheme: 'light' | 'dark' }): Promise<void>
  setViewportSize(size: { width: number; height: number }): Promise<void>
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>
  close(): Promise<void>
  on(event: 'pageerror', listener: (error: Error) => void): void
  on(event: 'console', listener: (message: { type(): string; text(): string }) => void): void
}
export interface Browser {
  newPage(options?: { viewport: { width: number; height: number }; colorScheme?: 'light' | 'dark' }): Promise<Page>
  close(): Promise<void>
}

/** Starts it; whoever does closes it. */
export function openBrowser(): Promise<Browser> {
  const { chromium } = createRequire(import.meta.url)('playwright-core') as {
    chromium: { launch(options: { executablePath: string; args: string[] }): Promise<Browser> }
  }
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
}

/** The errors of a page from now on: what it throws, and what it prints as an error. */
export function faultsOf(page: Page): string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  return faults
}
