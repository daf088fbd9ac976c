import process from 'node:process'
import { root } from './run-steps.mjs'

/**
 * The environment of somebody who does not stand in this repository: without its PATH and the settings that npm and
 * Node hand on, which would answer for what a package or a fresh clone lacks.
 */
export function outsideEnv() {
  const handedOn = /^(npm_(?!config_(cache|registry|userconfig)$)|NODE_(OPTIONS|PATH|ENV)$)/i
  const kept = Object.entries(process.env).filter(([key]) => !handedOn.test(key))
  const path = (process.env.PATH ?? '').split(':').filter((folder) => !folder.startsWith(root))
  return { ...Object.fromEntries(kept), PATH: path.join(':') }
}
