// Preloaded into runs by tests. A run that has just put down a file named in the list waits there, alive and with its heartbeat,
// until the name is taken off the list: so a test meets it in the middle without hoping that the work is long enough.
const fs = require('node:fs')
const { syncBuiltinESMExports } = require('node:module')
const { setTimeout } = require('node:timers/promises')

const { rename } = fs.promises

fs.promises.rename = async (from, to) => {
  await rename(from, to)
  while (isHeld(String(to))) await setTimeout(20)
}
syncBuiltinESMExports()

function isHeld(path) {
  try {
    const names = fs.readFileSync(process.env.SINTER_TEST_HOLD, 'utf8').split('\n')
    return names.some(name => name !== '' && path.endsWith(name))
  } catch {
    return false
  }
}
