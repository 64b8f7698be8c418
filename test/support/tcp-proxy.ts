import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a server on loopback, and delays, cuts or sends elsewhere what goes through. */
export class TcpProxy implements AsyncDisposable {
  /** How much later answers come, milliseconds. */
  delayMs = 0
  /** Whether the connection is cut when a command has gone to the server, before its answer. */
  cutsAnswers = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(public target: number) {
    this.#server = createServer((client) => this.#serve(client))
  }

  static async to(port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends all connections; new ones go to the target of then. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #serve(client: Socket): void {
    const server = connect(this.target, '127.0.0.1')
    for (const socket of [client, server]) {
      this.#sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        client.destroy()
        server.destroy()
      })
    }
    client.on('data', (data) => server.write(data))
    server.on('data', (data) => {
      if (this.cutsAnswers) {
        client.destroy()
        return
      }
      if (this.delayMs === 0) client.write(data)
      else setTimeout(() => client.write(data), this.delayMs)
    })
  }
}
