import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type ServerKind = 'redis' | 'valkey'

/** Whether Debian's server of this kind is installed. */
export function hasServer(kind: ServerKind): boolean {
  return spawnSync(`${kind}-server`, ['--version']).status === 0
}

/** A server of the test's own on a port of its own, without anything on disk that outlives it. */
export class TestServer implements AsyncDisposable {
  #child: ChildProcess
  readonly #folder: string
  readonly #options: readonly string[]
  readonly #env: NodeJS.ProcessEnv

  private constructor(
    readonly kind: ServerKind,
    readonly port: number,
    child: ChildProcess,
    folder: string,
    options: readonly string[],
    env: NodeJS.ProcessEnv,
  ) {
    this.#child = child
    this.#folder = folder
    this.#options = options
    this.#env = env
  }

  /**
   * @param options - further ones of the server, such as `['--appendonly', 'yes']`
   * @param env - of its environment, beside this process's
   */
  static async start(
    kind: ServerKind,
    options: readonly string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<TestServer> {
    const folder = mkdtempSync(join(tmpdir(), 'amorsize-server-'))
    const port = await freePort()
    const child = await launch(kind, port, folder, options, env)
    return new TestServer(kind, port, child, folder, options, env)
  }

  get pid(): number {
    return this.#child.pid!
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await ended
  }

  /** Starts it again on the same port, with what its options have it keep; else empty. */
  async restart(): Promise<void> {
    this.#child = await launch(this.kind, this.port, this.#folder, this.#options, this.#env)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      process.kill(this.pid, 'SIGCONT')
      await this.kill()
    }
    rmSync(this.#folder, { recursive: true })
  }
}

async function launch(
  kind: ServerKind,
  port: number,
  folder: string,
  further: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<ChildProcess> {
  const options = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    folder,
    ...further,
  ]
  const child = spawn(`${kind}-server`, options, { stdio: 'ignore', env: { ...process.env, ...env } })
  for (let attempt = 0; !(await answers(port)); attempt++) {
    if (attempt === 400 || child.exitCode !== null) throw new Error(`${kind}-server does not answer on port ${port}`)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  return child
}

/** Whether a server on `port` answers. */
export function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const end = (isThere: boolean) => (): void => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('data', end(true))
    socket.once('error', end(false))
  })
}

/** A port that nobody has now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
