/**
 * The labels of one series. Writing them costs more than the number behind them, so those of lasting objects are kept between scrapes.
 */
export class Labels {
  readonly values: Readonly<Record<string, string>>
  #text: string | undefined = undefined
  /** Labels made by `with`: few, so a linear search finds them. */
  readonly #more: { readonly key: string; readonly value: string; readonly labels: Labels }[] = []

  constructor(values: Readonly<Record<string, string>>) {
    this.values = Object.freeze(values)
  }

  /** These labels and one more. Returns the same object each time. */
  with(key: string, value: string): Labels {
    for (const each of this.#more) if (each.key === key && each.value === value) return each.labels
    const labels = new Labels({ ...this.values, [key]: value })
    this.#more.push({ key, value, labels })
    return labels
  }

  /** The labels in the text format of Prometheus. */
  get text(): string {
    return (this.#text ??= textOf(this.values))
  }
}

/** Labels for the machine's names. Those of the last scrape are kept for the next one. */
export class LabelsOfNames {
  #last = new Map<string, Labels>()
  #next = new Map<string, Labels>()

  #machine = ''

  /** Begins a scrape. @param machine - where the names are: equal names on different machines are different limits */
  begin(machine: string): void {
    this.#machine = machine
    this.#last = this.#next
    this.#next = new Map()
  }

  /** @returns null if this scrape already had the name: a copied file is no second limit, and a repeated series spoils a scrape */
  of(kind: string, name: string): Labels | null {
    const key = `${kind} ${name}`
    if (this.#next.has(key)) return null
    const last = this.#last.get(key)
    const isSame = last?.values['machine'] === this.#machine
    const labels = last !== undefined && isSame ? last : new Labels(labelsOfName(kind, name, this.#machine))
    this.#next.set(key, labels)
    return labels
  }
}

/** A limiter and a keyed limiter may have the same name; the label `kind` tells them apart. */
function labelsOfName(kind: string, name: string, machine: string): Record<string, string> {
  const labels = { name, scope: 'machine', machine }
  return kind === 'keyed limiter' ? { ...labels, kind: 'keyed' } : labels
}

function textOf(values: Readonly<Record<string, string>>): string {
  let text = ''
  for (const key of Object.keys(values)) text += `${text === '' ? '' : ','}${key}="${escaped(values[key] ?? '')}"`
  return `{${text}}`
}

/** Printable ASCII that needs no escape, as in most names. */
const PLAIN = /^[ !#-[\]-~]*$/

/** Users choose names, so these may contain quotes, newlines and codes for terminals. */
function escaped(text: string): string {
  if (PLAIN.test(text)) return text
  return text
    .replaceAll(/\p{Surrogate}/gu, '\uFFFD')
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
}
