/*
 * npm run prove: the gates that are too slow, or too late in a change, for npm test. `npm run prove -- --only
 * packages` runs a part.
 */
import process from 'node:process'
import { runSteps } from './run-steps.mjs'

const STEPS = [
  { group: 'first-run', name: 'first run on clean clones', command: ['node', 'scripts/first-run.mjs'] },
  {
    group: 'unused',
    name: 'unused code and dependencies (knip)',
    command: ['knip', '--no-progress', '--no-config-hints'],
  },
  {
    group: 'fifo',
    name: 'shared cases on SQS FIFO queues',
    command: ['env', 'SWITCHYARD_FULL=1', 'vitest', 'run', '--project', 'brokers', 'packages/adapters/sqs/test/fifo'],
  },
  {
    group: 'packages',
    name: 'what would be published (publint, attw, API)',
    command: ['node', 'scripts/check-packages.mjs'],
  },
  {
    group: 'packages',
    name: 'installed outside, Node 24 and 26, JS and TS',
    command: ['node', 'scripts/consume-packages.mjs'],
  },
]

process.exitCode = await runSteps('npm run prove', STEPS, process.argv.slice(2))
