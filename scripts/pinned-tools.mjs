/*
 * The Node and the pnpm of this repository, and how to start either on a machine that has neither.
 * Plain JavaScript for Node 18: the bootstrap imports it. package.json names the same Node once more, as what lands in
 * node_modules/.bin.
 */
export const NODE_VERSION = '24.21.0'
export const PNPM_VERSION = '12.21.0'

/** Arguments of `npx` before a command that shall find these two first on PATH. */
export const WITH_TOOLS = ['--yes', '-p', `node@${NODE_VERSION}`, '-p', `pnpm@${PNPM_VERSION}`, '--']
