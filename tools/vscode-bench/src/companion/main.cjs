// An extension beside ours in the same host: it sees what the host does, and is the assistant that uses our tools.
require('./observe.cjs')
const { writeFileSync, renameSync } = require('node:fs')
const vscode = require('vscode')

const TICK_MS = 5
const WRITE_MS = 250

exports.activate = ({ subscriptions }) => {
  const facts = { pid: process.pid, longestTaskMs: 0, residentBytes: 0 }
  const main = () => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1000
  }
  // Of the one thread, so that whatever else the machine is busy with does not count: what it worked between two ticks is one task
  // at most, or several that nothing could come between.
  let worked = main()
  const tick = setInterval(() => {
    const now = main()
    facts.longestTaskMs = Math.max(facts.longestTaskMs, now - worked)
    worked = now
  }, TICK_MS)
  const path = process.env.SINTER_HOST_FACTS
  const write = setInterval(() => {
    facts.residentBytes = process.memoryUsage.rss()
    writeFileSync(`${path}.next`, JSON.stringify(facts))
    renameSync(`${path}.next`, path)
    facts.longestTaskMs = 0
  }, WRITE_MS)
  subscriptions.push(
    { dispose: () => [tick, write].forEach(clearInterval) },
    vscode.commands.registerCommand('companion.compress', async () => {
      const recipe = { version: 1, steps: [{ method: 'rtn', bits: 4, groupSize: 64 }] }
      const input = { model: 'demo-model', recipe, out: 'by-assistant' }
      try {
        await vscode.lm.invokeTool('sinter_run', { input, toolInvocationToken: undefined })
        void vscode.window.showInformationMessage('The assistant was allowed to.')
      } catch (error) {
        void vscode.window.showInformationMessage(`The assistant was not allowed to: ${error.message}`)
      }
    }),
  )
}
