export { type Golden, readGolden } from './golden.ts'
export { goldenTest } from './golden-test.ts'
