/** The files of a new adapter package, by path. It runs at once, and fails where something is still to be written. */
export function adapterScaffold(name: string): Readonly<Record<string, string>> {
  return {
    'package.json': `${JSON.stringify(manifestOf(name), null, 2)}\n`,
    'src/index.ts': `export type { Options } from './${name}.ts'\nexport { ${variable(name)} } from './${name}.ts'\n`,
    [`src/${name}.ts`]: adapter(name),
    'src/capabilities.ts': CAPABILITIES,
    'test/subject.ts': subject(name),
    'test/conformance.test.ts': TEST,
    '.github/workflows/ci.yml': CI,
    'README.md': readme(name),
  }
}

function variable(name: string): string {
  return name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function manifestOf(name: string): object {
  return {
    name: `switchyard-${name}`,
    version: '0.0.0',
    type: 'module',
    engines: { node: '>=24' },
    exports: { '.': './src/index.ts' },
    scripts: { conformance: 'switchyard conformance run test/subject.ts', test: 'vitest run' },
    peerDependencies: { '@switchyard/core': '*' },
    devDependencies: { '@switchyard/cli': '*', '@switchyard/conformance': '*', '@switchyard/core': '*', vitest: '>=3' },
  }
}

const adapter = (
  name: string,
): string => `import type { Adapter, AdapterFactory, AdapterHost } from '@switchyard/core/adapter'
import { BrokerError } from '@switchyard/core/adapter'
import { capabilities } from './capabilities.ts'

/** How to reach the broker. */
export interface Options {
  readonly url: string
}

/** Options are data; the connection is opened by the factory, within host.connectDeadlineMs, or it rejects with a BrokerError. */
export function ${variable(name)}(options: Options): AdapterFactory {
  return async (host) => open(options, host)
}

// Timers, time and chance come from host.clock only. docs/writing-an-adapter.md says what each method owes, and in which order to write them.
async function open(_options: Options, _host: AdapterHost): Promise<Adapter> {
  return {
    name: '${name}',
    capabilities,
    declare: () => todo('declare'),
    send: () => todo('send'),
    consume: () => todo('consume'),
    stats: () => todo('stats'),
    purge: () => todo('purge'),
    close: async () => {},
  }
}

function todo(what: string): Promise<never> {
  return Promise.reject(new BrokerError({ code: 'unsupported', adapter: '${name}', message: \`\${what} is not written yet\` }))
}
`

const CAPABILITIES = `import type { Capabilities } from '@switchyard/core/adapter'
import { native, unsupported } from '@switchyard/core/adapter'

/** What this adapter keeps. Say the truth: core refuses what is not declared, the suite finds out what is declared and not kept. */
export const capabilities: Capabilities = {
  survives: unsupported('nothing', 'say what an accepted message outlives'),
  lease: native('timed', 'say who ends a lease'),
  minLeaseMs: native(1_000, 'say which grain leases have'),
  maxLeaseMs: native(3_600_000, 'say where the limit comes from'),
  maxLapseLateMs: native(1_000, 'say who looks for ended leases, and how often'),
  fenced: native(true, 'say what makes a receipt stale'),
  note: unsupported('unsupported', 'say where the note is kept'),
  retry: native('atomic', 'say which call puts back'),
  release: native('atomic', 'say which call puts back'),
  move: native('composed', 'the copy is confirmed, then the original is completed'),
  lapses: unsupported('none', 'say which counter tells'),
  maxDelayMs: unsupported(0, 'say what holds delayed messages'),
  maxReleaseDelayMs: unsupported(0, 'say what holds delayed messages'),
  delayGrainMs: native(1_000, 'say how late a delay may be'),
  maxDelayed: native(Infinity, 'say what bounds them'),
  dueClock: native('broker', 'say whose clock decides'),
  ordering: unsupported('none', 'say why'),
  dedupe: unsupported('none', 'say why'),
  reportsDuplicates: unsupported(false, 'say why'),
  unique: unsupported([], 'say why'),
  transactions: unsupported(false, 'say why'),
  browse: unsupported(false, 'say why'),
  exclusive: unsupported(false, 'say why'),
  purge: native('ready', 'say what a purge leaves'),
  maxBodyBytes: native(262_144, 'say where the limit comes from'),
  sendBatch: native(1, 'messages of one native call'),
  receivers: native(1, 'consumers that raise throughput'),
  retentionMs: native(Infinity, 'say when the broker drops what waits'),
}
`

const subject = (name: string): string => `import type { Subject } from '@switchyard/conformance'
import { ${variable(name)} } from '../src/index.ts'

/** A module of its own, because crash cases start child processes that import it again. */
export const subject: Subject = {
  name: '${name}',
  open: (options) => ${variable(name)}({ url: String(options) }),
  async start() {
    // Start the broker here, or find it; reject when it is not there. Then give the hooks that you can:
    // cut, restart, unreachable, forbidden, version. What is absent needs a reason.
    return {
      options: '${name}://127.0.0.1',
      shared: true,
      absent: 'not written yet',
      async [Symbol.asyncDispose]() {},
    }
  },
}
`

/** Put in apart, because the build looks for source files that a package starts, and this one is only text. */
const SUBJECT_FILE = './subject.ts'

const TEST = `import { describeConformance } from '@switchyard/conformance/vitest'

describeConformance(new URL('${SUBJECT_FILE}', import.meta.url))
`

const CI = `name: conformance
on: [push, pull_request]
jobs:
  conformance:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-node@v4
        with: { node-version: 24 }
      - run: npm install
      - run: npx --no-install switchyard conformance run test/subject.ts --out conformance.json
      - run: npx --no-install switchyard conformance report conformance.json --format junit --out junit.xml
        if: always()
`

const readme = (name: string): string => `# switchyard-${name}

A Switchyard adapter for ${name}. \`npm run conformance\` holds it to its manifest (src/capabilities.ts); \`switchyard conformance explain A7\`
says what a clause wants and which mistakes it catches.
`
