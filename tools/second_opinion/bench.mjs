// Time npm's @cloud-copilot/iam-simulate on one set of policies: decisions per CPU second of its core, all preloaded.
//
// Reads one JSON object on standard input: {policies, requests, rounds}, as neutral cases have them. Writes
// {decisions, perSecond: [one figure a round]}. The folder that holds `node_modules` is said with --modules=FOLDER.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = process.argv.find((each) => each.startsWith('--modules=')).slice('--modules='.length)
const scope = join(root, 'node_modules', '@cloud-copilot')
const load = (name, path) => import(pathToFileURL(join(scope, name, 'dist', 'esm', path)).href)
const [core, request, context, constraints, policy] = await Promise.all([
  load('iam-simulate', 'core_engine/CoreSimulatorEngine.js'),
  load('iam-simulate', 'request/request.js'),
  load('iam-simulate', 'requestContext.js'),
  load('iam-simulate', 'context_keys/discoveryContextKeyConstraints.js'),
  load('iam-policy', 'index.js'),
])

const given = JSON.parse(readFileSync(0, 'utf8'))
const loaded = (documents, layer) => documents.map((each, index) => policy.loadPolicy(each, { name: `${layer}${index}` }))
const fixed = {
  identityPolicies: loaded(given.policies.identity, 'identity'),
  permissionBoundaries: loaded(given.policies.boundary, 'boundary'),
  serviceControlPolicies: given.policies.scps.map((level, index) => ({
    orgIdentifier: `level-${index}`,
    policies: loaded(level, `scp${index}-`),
  })),
  resourceControlPolicies: [],
  simulationParameters: {
    simulationMode: 'Strict',
    discoveryContextKeyConstraints: new constraints.DiscoveryContextKeyConstraints([]),
  },
}
const made = () =>
  given.requests.map(
    (each) =>
      new request.AwsRequestImpl(
        each.principal,
        { resource: each.resource, accountId: each.principal.split(':')[4] },
        each.action,
        new context.RequestContextImpl(each.context),
        false,
      ),
  )
const all = () => made().map((each) => core.authorize({ ...fixed, request: each }).result)

const decisions = all()
for (let warm = process.cpuUsage(); process.cpuUsage(warm).user < 1_000_000; ) all()
const perSecond = []
for (let round = 0; round < given.rounds; round += 1) {
  let count = 0
  const start = process.cpuUsage()
  while (process.cpuUsage(start).user < 500_000) {
    all()
    count += given.requests.length
  }
  const spent = process.cpuUsage(start)
  perSecond.push((count * 1e6) / (spent.user + spent.system))
}
console.log(JSON.stringify({ decisions, perSecond }))
