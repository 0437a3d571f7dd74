export { type Golden, readGolden } from './golden.ts'
export { goldenTest } from './golden-test.ts'
export { statisticsOf, type TinyBlock, type TinyBlockSpec, tinyBlock } from './tiny-block.ts'
