import { Recorder, withRecorder } from '../both/recorder.js'

export const shared = new Recorder({ label: 'shared' })
export const order: string[] = []

export class Client {
  readonly base: string

  constructor(base: string) {
    this.base = base
  }

  @withRecorder({ label: 'options' })
  async get(path: string, retries = 2): Promise<string> {
    return `${this.base}${path}:${retries}`
  }

  @withRecorder
  async bare(path: string): Promise<string> {
    return this.base + path
  }

  @withRecorder()
  async empty(): Promise<number> {
    return 1
  }

  @withRecorder(shared)
  async sharing(): Promise<string> {
    return this.base
  }

  @withRecorder(shared)
  static async create(base: string): Promise<Client> {
    return new this(base)
  }

  @withRecorder
  async echo<T extends { id: number }>(value: T): Promise<T> {
    return value
  }

  @withRecorder
  mayBeSync(id: number): Promise<number> | number {
    return id
  }

  @withRecorder
  async #secret(): Promise<string> {
    return `secret of ${this.base}`
  }

  @withRecorder({ label: 'outer', log: order })
  @withRecorder({ label: 'inner', log: order })
  async twice(): Promise<void> {
    order.push('method')
  }

  @withRecorder
  async fails(): Promise<never> {
    throw new RangeError(this.base)
  }

  overloaded(id: number): Promise<number>
  overloaded(id: string): Promise<string>
  @withRecorder
  async overloaded(id: number | string): Promise<number | string> {
    return id
  }

  @withRecorder
  async [Symbol.asyncDispose](): Promise<void> {
    order.push('disposed')
  }

  readSecret(): Promise<string> {
    return this.#secret()
  }
}

export async function useTypes(): Promise<void> {
  const client = new Client('/')
  const text: string = await client.get('a')
  const made: Client = await Client.create('/')
  const same: { id: number; name: string } = await client.echo({ id: 1, name: text })
  const number: number = await made.overloaded(same.id)
  const id: string = await made.overloaded(String(number))
  // @ts-expect-error -- the parameters are those of the method
  await client.get(id.length)
  // @ts-expect-error -- the constraint of the type parameter still holds
  await client.echo({ name: 'no id' })
}

export class Wrong {
  // @ts-expect-error -- a method that returns a number cannot come to return a promise
  @withRecorder
  sync(): number {
    return 1
  }

  // @ts-expect-error -- nor one that returns nothing: its failure would reach nobody
  @withRecorder()
  nothing(): void {
    order.push('nothing')
  }
}

// What follows is refused when the class is defined, so it is only compiled.
export function refused(): unknown[] {
  class WrongGetter {
    // @ts-expect-error -- a getter is not a method
    @withRecorder()
    get value(): Promise<number> {
      return Promise.resolve(1)
    }
  }
  class WrongField {
    // @ts-expect-error -- a field is not a method
    @withRecorder()
    load = async (): Promise<number> => 1
  }
  class WrongAccessor {
    // @ts-expect-error -- an accessor is not a method
    @withRecorder
    accessor load = async (): Promise<number> => 1
  }
  class WrongGenerator {
    // @ts-expect-error -- a generator does not return a promise
    @withRecorder()
    async *generate(): AsyncGenerator<number> {
      yield 1
    }
  }
  // @ts-expect-error -- a class is not a method
  @withRecorder()
  class WrongClass {}
  class WrongOption {
    // @ts-expect-error -- an unknown option
    @withRecorder({ lable: 'x' })
    async load(): Promise<number> {
      return 1
    }
  }
  return [WrongGenerator, WrongGetter, WrongField, WrongAccessor, WrongClass, WrongOption]
}
