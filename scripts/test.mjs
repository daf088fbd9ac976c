/*
 * npm test: everything that must hold on every commit, cheapest first. `npm test -- --only unit` runs a part of it.
 */
import process from 'node:process'
import { runSteps } from './run-steps.mjs'

const STEPS = [
  { group: 'lint', name: 'lint and format (biome)', command: ['biome', 'check', '.'] },
  { group: 'types', name: 'types (tsc)', command: ['tsc', '--noEmit', '-p', 'tsconfig.json'] },
  {
    group: 'types',
    name: 'types of what is published (tsc)',
    command: ['tsc', '--noEmit', '-p', 'tsconfig.build.json'],
  },
  {
    group: 'rooms',
    name: 'house rules (rooms test)',
    command: ['vitest', 'run', '--project', 'rooms'],
  },
  {
    group: 'unit',
    name: 'unit tests',
    command: ['vitest', 'run', '--project', 'unit'],
  },
  {
    group: 'brokers',
    name: 'brokers: find, install or skip',
    command: ['node', 'scripts/provision-brokers.ts'],
  },
  { group: 'brokers', name: 'tests on real brokers', command: ['vitest', 'run', '--project', 'brokers'] },
]

process.exitCode = await runSteps('npm test', STEPS, process.argv.slice(2))
