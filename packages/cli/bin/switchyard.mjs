#!/usr/bin/env node
// In a checkout the sources run as they are (Node strips the types); in the published package there is only dist.
import { existsSync } from 'node:fs'

const [major] = process.versions.node.split('.').map(Number)
if (major < 24) {
  console.error(
    `switchyard needs Node 24 or later; this is ${process.version}. In a checkout, use node_modules/.bin/node.`,
  )
  process.exit(64)
}
// `switchyard … | head` closes the pipe early: that is no failure.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 70))
const source = new URL('../src/main.ts', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : new URL('../dist/main.js', import.meta.url).href)
process.exitCode = await main(process.argv.slice(2))
