// Reads the JSON Schema of a plugin's settings into a list of inputs, so that a new plugin needs no page of its own.
// It understands what sdk/schema allows there; anything else is edited as JSON.
import { t } from '@lingui/core/macro'
import { at, join, put } from '../format/pointer'
import { human } from '../format/text'
import { wanted } from '../format/typed'
import { named } from '../texts/language'

export interface SchemaNode {
  type?: string | string[]
  title?: string
  description?: string
  properties?: Record<string, SchemaNode>
  required?: string[]
  items?: SchemaNode
  enum?: unknown[]
  const?: unknown
  default?: unknown
  examples?: unknown[]
  format?: string
  contentMediaType?: string
  pattern?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
  minItems?: number
  maxItems?: number
  anyOf?: SchemaNode[]
  $ref?: string
  $defs?: Record<string, SchemaNode>
  additionalProperties?: unknown
  deprecated?: boolean
  readOnly?: boolean
  'x-maestro-label'?: string
  'x-maestro-group'?: string
  'x-maestro-order'?: number
  'x-maestro-unit'?: string
  'x-maestro-narrows'?: boolean
  'x-maestro-secret'?: boolean
  'x-maestro-credential-target'?: boolean
}

export type InputType = 'text' | 'number' | 'boolean' | 'choice' | 'list' | 'json'

export interface Input {
  pointer: string
  type: InputType
  label: string
  help: string
  group: string
  unit: string
  required: boolean
  placeholder: string
  choices: string[]
  node: SchemaNode
  narrows: boolean
  /** Whether its text has lines: those of a PEM mean something. */
  lines: boolean
  secret: boolean
  target: boolean
}

/** Follows local references and takes null out of a choice, as sdk/schema does. */
export function resolve(node: SchemaNode, root: SchemaNode): SchemaNode {
  let out = node
  for (let hops = 0; hops < 16; hops++) {
    let next: SchemaNode | undefined
    if (out.$ref?.startsWith('#/$defs/')) next = root.$defs?.[out.$ref.slice('#/$defs/'.length)]
    else if (out.anyOf) next = out.anyOf.find((n) => n.type !== 'null')
    if (!next) return out
    const { $ref: _ref, anyOf: _any, ...use } = out
    out = { ...next, ...use }
  }
  return out
}

const typeOf = (n: SchemaNode) => (Array.isArray(n.type) ? (n.type.find((it) => it !== 'null') ?? '') : (n.type ?? ''))

function inputType(n: SchemaNode, root: SchemaNode): InputType {
  if (n.enum?.every((v) => typeof v === 'string')) return 'choice'
  switch (typeOf(n)) {
    case 'string':
      return 'text'
    case 'integer':
    case 'number':
      return 'number'
    case 'boolean':
      return 'boolean'
    case 'array':
      return n.items && typeOf(resolve(n.items, root)) === 'string' ? 'list' : 'json'
    default:
      return 'json'
  }
}

/** A text whose lines mean something: as the schema says by its media type, or by what its author calls it. */
const manyLines = (n: SchemaNode) => typeOf(n) === 'string' && (/^(text\/|application\/x-pem)/.test(n.contentMediaType ?? '') || n.format === 'pem' || /\bPEM\b/.test(`${n['x-maestro-label'] ?? ''} ${n.title ?? ''} ${n.description ?? ''}`))

/** The inputs in the order of the schema. */
export function inputsOf(root: SchemaNode): Input[] {
  const out: Input[] = []
  const visit = (node: SchemaNode, pointer: string, group: string, depth: number) => {
    const names = Object.entries(node.properties ?? {}).map(([name, child]) => [name, resolve(child, root)] as const)
    names.sort(([a, x], [b, y]) => (x['x-maestro-order'] ?? 1e9) - (y['x-maestro-order'] ?? 1e9) || a.localeCompare(b))
    for (const [name, child] of names) {
      const here = pointer + join(name)
      const label = named(child['x-maestro-label'] || child.title || '') || human(name)
      if (typeOf(child) === 'object' && child.properties && depth < 6) {
        visit(child, here, named(child['x-maestro-group'] ?? '') || label, depth + 1)
        continue
      }
      const example = child.examples?.[0] ?? child.default
      out.push({
        pointer: here,
        type: inputType(child, root),
        label,
        help: named(child.description ?? ''),
        group: named(child['x-maestro-group'] ?? '') || group,
        unit: child['x-maestro-unit'] ?? '',
        required: node.required?.includes(name) ?? false,
        placeholder: example === undefined ? '' : typeof example === 'string' ? example : JSON.stringify(example),
        choices: (child.enum ?? []).map(String),
        node: child,
        narrows: child['x-maestro-narrows'] ?? false,
        lines: manyLines(child),
        secret: child['x-maestro-secret'] ?? false,
        target: child['x-maestro-credential-target'] ?? false,
      })
    }
  }
  visit(resolve(root, root), '', '', 0)
  return out
}

/** The settings a new connection begins with. */
export function defaultsOf(inputs: Input[]): Record<string, unknown> {
  let out: Record<string, unknown> = {}
  for (const i of inputs) if (i.node.default !== undefined) out = put(out, i.pointer, i.node.default)
  return out
}

/** What is wrong with a value before the collector has to say it; '' when nothing is. */
export function problemOf(i: Input, settings: unknown): string {
  const v = at(settings, i.pointer)
  const empty = v === undefined || v === null || v === '' || (Array.isArray(v) && v.length === 0)
  if (empty) return i.required ? t`This is needed.` : ''
  const n = i.node
  if (typeof v === 'number') {
    if (!Number.isFinite(v)) return t`A number is needed here.`
    if (typeOf(n) === 'integer' && !Number.isInteger(v)) return t`A whole number is needed here.`
    if (n.minimum !== undefined && v < n.minimum) return t`At least ${n.minimum}.`
    if (n.maximum !== undefined && v > n.maximum) return t`At most ${n.maximum}.`
  }
  if (typeof v === 'string' && (typeOf(n) === 'integer' || typeOf(n) === 'number')) return wanted(i.unit)
  if (typeof v === 'string') {
    if (n.minLength !== undefined && [...v].length < n.minLength) return t`At least ${n.minLength} characters.`
    if (n.maxLength !== undefined && [...v].length > n.maxLength) return t`At most ${n.maxLength} characters.`
    if ((n.format === 'uri' || n.format === 'url') && !URL.canParse(v)) return t`An address such as https://name/path is needed here.`
  }
  if (Array.isArray(v)) {
    if (n.minItems !== undefined && v.length < n.minItems) return t`At least ${n.minItems}.`
    if (n.maxItems !== undefined && v.length > n.maxItems) return t`At most ${n.maxItems}.`
  }
  return ''
}
