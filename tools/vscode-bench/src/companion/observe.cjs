// Loaded first into the processes of a workbench, and by the companion into its extension host. Each puts itself down in the file
// that SINTER_OBSERVED names, and then every host that it connects to: a line of process, program and host, apart by tabs.
const { appendFileSync } = require('node:fs')
const { basename } = require('node:path')
const { Socket } = require('node:net')

const program = basename(process.argv[1] ?? process.argv0)
const write = host => appendFileSync(process.env.SINTER_OBSERVED, `${process.pid}\t${program}\t${host}\n`)

const { connect } = Socket.prototype
Socket.prototype.connect = function (...given) {
  const host = hostOf(given)
  if (host !== undefined) write(host)
  return connect.apply(this, given)
}
write('')

/** Of the ways in which a socket is told where to, also that of the library itself. A pipe has no host. */
function hostOf([first, second]) {
  if (Array.isArray(first)) return hostOf(first)
  if (typeof first === 'object' && first !== null) return first.path ? undefined : (first.host ?? 'localhost')
  if (typeof first === 'string' && !/^\d+$/.test(first)) return undefined
  return typeof second === 'string' ? second : 'localhost'
}
