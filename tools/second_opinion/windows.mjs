// Answer many instants of a few questions with npm's @cloud-copilot/iam-simulate: documents are read once.
//
// Reads JSON lines on standard input. `{policies: {NAME: DOCUMENT}}` gives the documents that the questions after it
// name, and takes the place of those before. `{id, identity: [NAME], trust: NAME or null, principal, account, action,
// resource, context, times: [INSTANT]}` is a question; its answer is a line `{id, got}`, `got` a text with one letter an
// instant: `A` allowed, `E` explicitly denied, `I` implicitly denied, `?` refused (then `error` says why).
// `aws:CurrentTime` and `aws:EpochTime` are put into the context at each instant; nothing else is.
//
// The folder that holds `node_modules` is said with --modules=FOLDER. With --validated the documented entry is asked,
// which checks the grammar, and drops context keys that AWS does not list for the action: `dropped` names them.

import { createInterface } from 'node:readline'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const VALIDATED = process.argv.includes('--validated')
const MODULES = '--modules='
const root = process.argv.find((each) => each.startsWith(MODULES))?.slice(MODULES.length)
process.env.TZ = 'UTC' // the package reads a date without a zone as local time
if (!root || !existsSync(join(root, 'node_modules', '@cloud-copilot', 'iam-simulate'))) {
  console.error('say --modules=FOLDER, whose node_modules holds @cloud-copilot/iam-simulate')
  process.exit(2)
}
const scope = join(root, 'node_modules', '@cloud-copilot')
const load = (name, path) => import(pathToFileURL(join(scope, name, 'dist', 'esm', path)).href)
const [main, core, request, context, constraints, policy] = await Promise.all([
  load('iam-simulate', 'index.js'),
  load('iam-simulate', 'core_engine/CoreSimulatorEngine.js'),
  load('iam-simulate', 'request/request.js'),
  load('iam-simulate', 'requestContext.js'),
  load('iam-simulate', 'context_keys/discoveryContextKeyConstraints.js'),
  load('iam-policy', 'index.js'),
])

const LETTERS = { Allowed: 'A', ExplicitlyDenied: 'E', ImplicitlyDenied: 'I' }
const simulationParameters = {
  simulationMode: 'Strict',
  discoveryContextKeyConstraints: new constraints.DiscoveryContextKeyConstraints([]),
}
let documents = {}
let loaded = new Map()

/** Have an object of the package give each of some answers once: it reads the document anew at every call. */
function once(object, names, then = () => {}) {
  for (const name of names) {
    const answer = object[name]()
    for (const each of [answer].flat()) then(each)
    object[name] = () => answer
  }
}

function read(name) {
  if (!loaded.has(name)) {
    const made = policy.loadPolicy(documents[name], { name })
    once(made, ['statements'], (statement) =>
      once(statement, ['conditions'], (condition) =>
        once(condition, ['operation', 'conditionValues'], (operation) => {
          if (typeof operation === 'object') once(operation, ['setOperator', 'isIfExists', 'baseOperator'])
        }),
      ),
    )
    loaded.set(name, made)
  }
  return loaded.get(name)
}

const contextAt = (one, time) => ({
  ...one.context,
  'aws:CurrentTime': time,
  'aws:EpochTime': String(Date.parse(time) / 1000),
})

/** Ask the core at each instant. */
async function byCore(one) {
  const [service, name] = one.action.split(':')
  const wildcardOnly = await main.isWildcardOnlyAction(service, name)
  const fixed = {
    identityPolicies: one.identity.map(read),
    resourcePolicy: one.trust ? read(one.trust) : undefined,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    simulationParameters,
  }
  const results = one.times.map((time) => {
    const asked = new request.AwsRequestImpl(
      one.principal,
      { resource: one.resource, accountId: one.account },
      one.action,
      new context.RequestContextImpl(contextAt(one, time)),
      wildcardOnly,
    )
    return LETTERS[core.authorize({ ...fixed, request: asked }).result]
  })
  return { got: results.join('') }
}

/** Ask the documented entry at each instant. */
async function validated(one) {
  const dropped = new Set()
  let got = ''
  let error
  for (const time of one.times) {
    const answer = await main.runSimulation(
      {
        request: {
          principal: one.principal,
          action: one.action,
          resource: { resource: one.resource, accountId: one.account },
          contextVariables: contextAt(one, time),
        },
        identityPolicies: one.identity.map((name) => ({ name, policy: documents[name] })),
        resourcePolicy: one.trust ? documents[one.trust] : undefined,
        serviceControlPolicies: [],
        resourceControlPolicies: [],
      },
      {},
    )
    if (answer.resultType === 'error') error = JSON.stringify(answer.errors)
    for (const key of answer.result?.ignoredContextKeys ?? []) dropped.add(key)
    got += LETTERS[answer.overallResult] ?? '?'
  }
  return { got, ...(error ? { error } : {}), dropped: [...dropped].sort() }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (!line.trim()) continue
  const one = JSON.parse(line)
  if (one.policies) {
    documents = one.policies
    loaded = new Map()
    continue
  }
  let answer
  try {
    answer = await (VALIDATED ? validated(one) : byCore(one))
  } catch (error) {
    answer = { got: '?'.repeat(one.times.length), error: error.message }
  }
  process.stdout.write(`${JSON.stringify({ id: one.id, ...answer })}\n`)
}
