export * from './method.ts'
