// A rule: what changes belongs to an object with a name, not to a module. Whoever reads a function then sees what it depends on, and a
// second state, in a test or for a second pool, is a second object.

const MUTATING = new Set([
  'add',
  'clear',
  'copyWithin',
  'delete',
  'fill',
  'pop',
  'push',
  'reverse',
  'set',
  'shift',
  'sort',
  'splice',
  'unshift',
])
/** What these know of an object goes with the object, as if it were a field of it. */
const OF_OTHERS = /^(WeakMap|WeakSet|WeakRef)$/
/** Room that one call writes and reads before it returns: it holds nothing from one call to the next. */
const ROOM = /^(DataView|(Big)?(Int|Uint|Float)\d+(Clamped)?Array)$/
/** Of these anybody changes what they hold; an object of a class of our own says itself what may be done to it. */
const COLLECTION = /^(Map|Set|Array)$/

/** @type {import('eslint').Rule.RuleModule} */
export const noModuleState = {
  meta: {
    type: 'suggestion',
    schema: [],
    messages: {
      variable: "'{{name}}' is state of the module: give it an owner, an object of a class, or make it a constant.",
      changed: "'{{name}}' is changed as state of the module: give it an owner, an object of a class.",
      field: "'{{name}}' is state of the class for the whole module: give it to an object.",
    },
  },
  create(context) {
    return {
      'PropertyDefinition[static=true]:not([readonly=true])'(node) {
        context.report({ node, messageId: 'field', data: { name: context.sourceCode.getText(node.key) } })
      },
      'Program:exit'(program) {
        const scope = context.sourceCode.getScope(program)
        const module = scope.childScopes.find(({ type }) => type === 'module') ?? scope
        for (const variable of module.variables) {
          const [definition] = variable.defs
          if (definition?.type !== 'Variable' || definition.parent.declare === true) continue
          const { node, parent } = definition
          const data = { name: variable.name }
          if (parent.kind !== 'const') context.report({ node, messageId: 'variable', data })
          else if (variable.references.some(({ identifier }) => isChange(identifier, node.init)))
            context.report({ node, messageId: 'changed', data })
        }
      },
    }
  },
}

/** Whether the value of a constant is changed where `identifier` stands. */
function isChange(identifier, init) {
  const maker = init?.type === 'NewExpression' ? init.callee.name : undefined
  if (maker !== undefined && (OF_OTHERS.test(maker) || ROOM.test(maker))) return false
  const member = identifier.parent
  if (member?.type !== 'MemberExpression' || member.object !== identifier) return false
  const { parent } = member
  if (parent.type === 'AssignmentExpression') return parent.left === member
  if (parent.type === 'UpdateExpression') return true
  if (parent.type === 'UnaryExpression') return parent.operator === 'delete'
  const isCollection = init?.type === 'ArrayExpression' || (maker !== undefined && COLLECTION.test(maker))
  return (
    isCollection && parent.type === 'CallExpression' && parent.callee === member && MUTATING.has(member.property.name)
  )
}
