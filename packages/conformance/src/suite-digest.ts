/** Digest of every case, mutant and what they stand on; `node packages/conformance/src/suite-digest-main.ts` writes it anew. */
export const SUITE_DIGEST = 'sha256:6bb7950eae305614f5ddbb3c82d3a827e3d6228826fc30ac931acf083e857557'
