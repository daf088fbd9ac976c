import { runChaos } from '@switchyard/chaos'

/** A harness in a process of its own, to be killed by a test: `node harness-main.ts OPTIONS-AS-JSON`. */
await runChaos(JSON.parse(process.argv[2] ?? '{}'))
