import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export type Files = Record<string, string>

/** Hundreds of small files a tree, thousands of trees: a disk would take most of the time. */
const IN_MEMORY = '/dev/shm'

/** A temporary directory of files that stands for a machine's root. */
export class FileTree implements Disposable {
  readonly root = mkdtempSync(join(existsSync(IN_MEMORY) ? IN_MEMORY : tmpdir(), 'amorsize-tree-'))

  constructor(files: Files) {
    this.write(files)
  }

  write(files: Files): void {
    for (const [path, content] of Object.entries(files)) {
      const target = join(this.root, path)
      mkdirSync(dirname(target), { recursive: true })
      // Latin-1, so that a test can write any byte.
      writeFileSync(target, content, 'latin1')
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }
}
