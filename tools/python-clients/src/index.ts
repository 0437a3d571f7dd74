export { type Answer, askPython, pythonHere, writeTheirs } from './ask-python.ts'
export { type Case, cases } from './cases.ts'
export { type Comparison, compare } from './compare.ts'
export { writeCase } from './write-case.ts'
