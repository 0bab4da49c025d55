// Answer neutral policy cases with npm's @cloud-copilot/iam-simulate, as a second opinion.
//
// Reads one JSON case a line on standard input and writes one line a case, in order: {id, layer, got, detail}. `got` is
// shaped like a case's `expected`. What the package refuses is `got: {"error": ...}`; what it cannot be asked is
// `got: {"unasked": ...}`. A line that is not JSON is answered too, so that lines stay paired.
//
// The folder that holds `node_modules` is said with --modules=FOLDER or in SECOND_OPINION_MODULES. The package is run
// and never copied: it is AGPL.
//
// Options: --validated asks the documented entry (which refuses unknown actions and drops context keys that the action
// does not have) instead of the core for `decision`; --as-is keeps the SCPs and RCPs of a management account.

import { createInterface } from 'node:readline'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const VALIDATED = process.argv.includes('--validated')
const AS_IS = process.argv.includes('--as-is')
const MODULES = '--modules='
const root =
  process.argv.find((each) => each.startsWith(MODULES))?.slice(MODULES.length) ?? process.env.SECOND_OPINION_MODULES
process.env.TZ = 'UTC' // the package reads a date without a zone as local time
if (!root || !existsSync(join(root, 'node_modules', '@cloud-copilot', 'iam-simulate'))) {
  console.error('say --modules=FOLDER, whose node_modules holds @cloud-copilot/iam-simulate')
  process.exit(2)
}
const scope = join(root, 'node_modules', '@cloud-copilot')
const load = (name, path) => import(pathToFileURL(join(scope, name, 'dist', 'esm', path)).href)
const [main, core, request, context, constraints, condition, action, resource, principal, policy] =
  await Promise.all([
    load('iam-simulate', 'index.js'),
    load('iam-simulate', 'core_engine/CoreSimulatorEngine.js'),
    load('iam-simulate', 'request/request.js'),
    load('iam-simulate', 'requestContext.js'),
    load('iam-simulate', 'context_keys/discoveryContextKeyConstraints.js'),
    load('iam-simulate', 'condition/condition.js'),
    load('iam-simulate', 'action/action.js'),
    load('iam-simulate', 'resource/resource.js'),
    load('iam-simulate', 'principal/principal.js'),
    load('iam-policy', 'index.js'),
  ])

const FAMILIES = { String: 'string', Numeric: 'numeric', Date: 'date', Arn: 'arn', Bool: 'boolean', Binary: 'binary' }

const list = (value) => (value === undefined || value === null ? [] : Array.isArray(value) ? value : [value])
const isNamed = (document) => document && typeof document === 'object' && 'policy' in document && !document.Statement
const bare = (document) => (isNamed(document) ? document.policy : document)
const raw = (documents, layer) =>
  list(documents).map((document, index) => ({
    name: (isNamed(document) && document.name) || `${layer}#${index}`,
    policy: bare(document),
  }))
const named = (documents, layer) =>
  raw(documents, layer).map((each) => policy.loadPolicy(each.policy, { name: each.name }))

/** Give a principal as the package takes it: a string, or its mark for a request that nobody signed. */
function principalOf(value) {
  if (value === undefined || value === null) return 'arn:aws:iam::123456789012:user/nobody'
  if (typeof value === 'string') return value
  if (value.type === 'Anonymous') return main.anonymousPrincipal
  const text = Object.entries(value).find(([key, each]) => key !== 'type' && typeof each === 'string')
  return text ? text[1] : value
}

const ownAccount = (asked) => String(typeof asked.principal === 'string' ? asked.principal : '').split(':')[4]

/** Give the account that holds the resource: as said, else the ARN's, else the principal's. */
function accountOf(asked) {
  if (asked.resource_account) return String(asked.resource_account)
  const inArn = String(asked.resource ?? '').split(':')[4]
  if (inArn) return inArn
  return ownAccount(asked) || '123456789012'
}

async function wildcardOnly(asked) {
  if (typeof asked.wildcard_only === 'boolean') return asked.wildcard_only
  const [service, name] = String(asked.action ?? '').split(':')
  try {
    return await main.isWildcardOnlyAction(service, name)
  } catch {
    return false
  }
}

async function requestOf(asked, contextValues) {
  return new request.AwsRequestImpl(
    principalOf(asked.principal),
    { resource: String(asked.resource ?? '*'), accountId: accountOf(asked) },
    String(asked.action ?? 's3:GetObject'),
    new context.RequestContextImpl(contextValues ?? asked.context ?? {}),
    await wildcardOnly(asked),
  )
}

const isDiscovery = (one) => String(one.mode ?? '').toLowerCase() === 'discovery'

function parametersOf(one) {
  return {
    simulationMode: isDiscovery(one) ? 'Discovery' : 'Strict',
    discoveryContextKeyConstraints: new constraints.DiscoveryContextKeyConstraints(one.unknown_context ?? []),
  }
}

/** Join session policies into one document, for the package takes one; a session's policies allow as a union. */
function joined(documents) {
  const all = list(documents).map(bare)
  if (all.length < 2) return all[0]
  return { Version: all[0].Version, Statement: all.flatMap((document) => list(document.Statement)) }
}

function layersOf(one) {
  const policies = one.policies ?? {}
  const exempt = Boolean(one.account_is_management) && !AS_IS
  return {
    identity: list(policies.identity),
    boundary: policies.boundary ?? undefined,
    session: joined(policies.session),
    scps: exempt ? [] : list(policies.scps),
    rcps: exempt && accountOf(one.request) === ownAccount(one.request) ? [] : list(policies.rcps),
    resource: bare(policies.resource) ?? undefined,
    endpoint: policies.endpoint ?? undefined,
  }
}

function simulationOf(one) {
  const layers = layersOf(one)
  const level = (kind) => (documents, index) => ({
    orgIdentifier: `${kind}-level-${index}`,
    policies: raw(documents, `${kind}-${index}`),
  })
  const simulation = {
    request: {
      principal: principalOf(one.request.principal),
      action: one.request.action,
      resource: { resource: one.request.resource, accountId: accountOf(one.request) },
      contextVariables: one.request.context ?? {},
    },
    identityPolicies: raw(layers.identity, 'identity'),
    serviceControlPolicies: layers.scps.map(level('scp')),
    resourceControlPolicies: layers.rcps.map(level('rcp')),
  }
  if (layers.session !== undefined) simulation.sessionPolicy = layers.session
  if (layers.resource !== undefined) simulation.resourcePolicy = layers.resource
  if (layers.boundary !== undefined) simulation.permissionBoundaryPolicies = raw(layers.boundary, 'boundary')
  if (layers.endpoint !== undefined) simulation.vpcEndpointPolicies = raw(layers.endpoint, 'endpoint')
  if (one.settings) simulation.additionalSettings = one.settings
  return simulation
}

const optionsOf = (one) =>
  isDiscovery(one) ? { simulationMode: 'Discovery', discoveryContextKeyConstraints: one.unknown_context ?? [] } : {}

/** Name the statements of a layer that matched, as `policy/sid-or-number`. */
function matched(statements) {
  return list(statements).map((each) => `${each.policyId}/${each.statement.sid?.() ?? each.explain?.identifier}`)
}

function described(found) {
  const detail = { sameAccount: found.sameAccount, layers: {} }
  if (found.blockedBy?.length) detail.blockedBy = found.blockedBy
  for (const layer of ['identity', 'resource', 'session', 'permissionBoundary', 'endpoint', 'scp', 'rcp']) {
    const part = found[`${layer}Analysis`]
    if (!part) continue
    const levels = part.ouAnalysis ?? [part]
    detail.layers[layer] = {
      result: part.result,
      ...(part.ouAnalysis ? { levels: part.ouAnalysis.map((level) => level.result) } : {}),
      allow: levels.flatMap((level) => matched(level.allowStatements)),
      deny: levels.flatMap((level) => matched(level.denyStatements)),
    }
  }
  if (found.ignoredConditions) detail.ignoredConditions = found.ignoredConditions
  if (found.ignoredRoleSessionName) detail.ignoredRoleSessionName = true
  return detail
}

/** Say a decision like `expected`: with the residual in discovery mode. */
function decided(one, found) {
  const got = { decision: found.result }
  if (isDiscovery(one) && found.conditions) got.conditions = found.conditions
  return { got, detail: described(found) }
}

const refused = (errors) => ({ got: { error: errors.message }, detail: { errors } })

async function decision(one) {
  if (VALIDATED) {
    const answer = await main.runSimulation(simulationOf(one), optionsOf(one))
    if (answer.resultType === 'error') return refused(answer.errors)
    if (answer.resultType === 'wildcard') return ofSet(one, answer)
    const { got, detail } = decided(one, answer.result.analysis)
    return { got, detail: { ...detail, ignoredContextKeys: answer.result.ignoredContextKeys } }
  }
  const layers = layersOf(one)
  const levels = (kind, documents) =>
    documents.map((each, index) => ({ orgIdentifier: `${kind}-${index}`, policies: named(each, `${kind}-${index}`) }))
  const found = core.authorize({
    request: await requestOf(one.request),
    sessionPolicy: layers.session === undefined ? undefined : named(layers.session, 'session')[0],
    identityPolicies: named(layers.identity, 'identity'),
    serviceControlPolicies: levels('scp', layers.scps),
    resourceControlPolicies: levels('rcp', layers.rcps),
    resourcePolicy: layers.resource === undefined ? undefined : named(layers.resource, 'resource')[0],
    permissionBoundaries: layers.boundary === undefined ? undefined : named(layers.boundary, 'boundary'),
    vpcEndpointPolicies: layers.endpoint === undefined ? undefined : named(layers.endpoint, 'endpoint'),
    simulationParameters: parametersOf(one),
    ...(one.settings ? { serviceSettings: one.settings } : {}),
  })
  return decided(one, found)
}

/** Say the results of a request for a pattern: by pattern, or as a list where the case's own `expected` is one. */
function ofSet(one, answer) {
  const rows =
    answer.resultType === 'wildcard'
      ? answer.results
      : [{ ...answer.result, resourcePattern: one.request.resource }]
  const detail = {
    resultType: answer.resultType,
    results: rows.map((row) => ({
      pattern: row.resourcePattern,
      type: row.resourceType,
      decision: row.analysis.result,
      ignoredContextKeys: row.ignoredContextKeys,
      ...described(row.analysis),
      ...(isDiscovery(one) && row.analysis.conditions ? { conditions: row.analysis.conditions } : {}),
    })),
  }
  const results = Array.isArray(one.expected?.results)
    ? rows.map((row) => ({ pattern: row.resourcePattern, type: row.resourceType, decision: row.analysis.result }))
    : Object.fromEntries(rows.map((row) => [row.resourcePattern, row.analysis.result]))
  return { got: { decision: answer.overallResult, results }, detail }
}

async function decisionSet(one) {
  const answer = await main.runSimulation(simulationOf(one), optionsOf(one))
  return answer.resultType === 'error' ? refused(answer.errors) : ofSet(one, answer)
}

/** Read condition triples [operator, key, values] as the package's own conditions: a pair may be there twice. */
function conditionsOf(triples) {
  return triples.flatMap(([operator, key, values]) =>
    policy
      .loadPolicy({
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: '*', Resource: '*', Condition: { [operator]: { [key]: values } } }],
      })
      .statements()[0]
      .conditions(),
  )
}

async function conditions(one) {
  const asked = one.request ?? {}
  const triples = Array.isArray(one.conditions)
    ? one.conditions
    : Object.entries(one.conditions).flatMap(([operator, keys]) =>
        Object.entries(keys).map(([key, values]) => [operator, key, values]),
      )
  const found = condition.requestMatchesConditions(
    await requestOf(asked, one.context ?? asked.context ?? {}),
    conditionsOf(triples),
    one.effect ?? 'Allow',
    parametersOf(one),
  )
  const ignored = list(found.ignoredConditions).map((each) => [
    each.operation().value(),
    each.conditionKey(),
    each.conditionValues(),
  ])
  const got = { matches: found.matches === 'Match' }
  if (ignored.length) got.ignored = ignored
  return { got, detail: { conditions: found.details.conditions } }
}

/** Ask one operator alone; set operators, IfExists, Null and lists of values go through a whole condition. */
async function operator(one) {
  const name = String(one.operator)
  const family = Object.keys(FAMILIES).find((prefix) => name.startsWith(prefix))
  const folder = family ? FAMILIES[family] : /^(Not)?IpAddress$/.test(name) ? 'ipaddress' : undefined
  const file = folder && join(scope, 'iam-simulate', 'dist', 'esm', 'condition', folder, `${name}.js`)
  if (file && /^\w+$/.test(name) && existsSync(file) && typeof one.context_value === 'string') {
    const found = (await import(pathToFileURL(file).href))[name]
    const asked = await requestOf({}, one.context ?? {})
    const answer = found.matches(asked, one.context_value, list(one.policy_values))
    return { got: { matches: answer.matches }, detail: { explains: answer.explains } }
  }
  const key = 'tested:key'
  const held = { ...(one.context ?? {}) }
  if (one.context_value !== undefined && one.context_value !== null) held[key] = one.context_value
  return conditions({ ...one, conditions: [[name, key, one.policy_values]], context: held })
}

/** Read a principal element's values: as written, or a plain list of them taken as AWS principals. */
function principalElement(values) {
  if (!Array.isArray(values)) return values
  if (values.length === 1) return values[0]
  return values.every((each) => typeof each === 'string') ? { AWS: values } : values
}

async function part(one) {
  const name = one.part
  const statement = { Effect: one.effect ?? 'Allow' }
  if (!/Action$/.test(name)) statement.Action = '*'
  if (/Principal$/.test(name) || /Action$/.test(name)) statement.Resource = '*'
  statement[name] = /Principal$/.test(name) ? principalElement(one.values) : one.values
  return statementPart({ ...one, statement })
}

async function statementPart(one) {
  const name = one.part
  const asked = await requestOf(one.request ?? {}, one.context ?? one.request?.context ?? {})
  const read = policy.loadPolicy({ Version: one.version ?? '2012-10-17', Statement: [one.statement] }).statements()[0]
  const parameters = parametersOf(one)
  const kind = one.policy_type ?? (one.statement.Principal || one.statement.NotPrincipal ? 'resource' : 'identity')
  const answers = {}
  if (!name || /Action$/.test(name)) answers.action = action.requestMatchesStatementActions(asked, read)
  if (!name || /Resource$/.test(name)) {
    answers.resource = resource.requestMatchesStatementResources(asked, read, kind)
  }
  if (/Principal$/.test(name ?? '') || (!name && kind === 'resource')) {
    answers.principal = principal.requestMatchesStatementPrincipals(asked, read, parameters)
  }
  if (!name || /Condition$/.test(name)) {
    answers.condition = condition.requestMatchesConditions(asked, read.conditions(), read.effect(), parameters)
  }
  const found = Object.values(answers)
  if (!found.length) return { got: { unasked: `part ${name}` }, detail: {} }
  const matches = found.every((each) => each.matches !== false && each.matches !== 'NoMatch')
  return {
    got: { matches },
    detail: Object.fromEntries(
      Object.entries(answers).map(([key, each]) => [key, { matches: each.matches, ...(each.details ?? {}) }]),
    ),
  }
}

function overlap(one) {
  const [left, right] = one.args.slice(-2)
  const relation = resource.resourcePatternOverlap(left, right)
  return { got: { matches: relation !== 'none' }, detail: { relation } }
}

async function grammar(one) {
  let document = one.document
  if (typeof document === 'string') document = JSON.parse(document)
  const errors = policy.validateIdentityPolicy(document)
  return { got: { valid: errors.length === 0 }, detail: { errors } }
}

const LAYERS = {
  decision,
  'decision-set': decisionSet,
  operator,
  condition: conditions,
  'statement-part': part,
  statement: statementPart,
  'pattern-overlap': overlap,
  grammar,
}

async function answered(line) {
  let one
  try {
    one = JSON.parse(line)
  } catch (error) {
    return { id: null, layer: null, got: { error: `not JSON: ${error.message}` }, detail: {} }
  }
  const ask = LAYERS[one.layer]
  const head = { id: one.id ?? null, layer: one.layer ?? null }
  if (!ask) return { ...head, got: { unasked: `layer ${one.layer}` }, detail: {} }
  try {
    return { ...head, ...(await ask(one)) }
  } catch (error) {
    return { ...head, got: { error: error.message }, detail: { thrown: error.constructor.name } }
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  if (line.trim()) process.stdout.write(`${JSON.stringify(await answered(line))}\n`)
}
