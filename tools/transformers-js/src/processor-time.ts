import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts in hundredths of a second. */
const MILLISECONDS_A_TICK = 10

/** Processor time of all processes below this one, milliseconds; undefined where the system does not show them. */
export function childrenTime(): number | undefined {
  const processes = readProcesses()
  if (!processes) return undefined
  let sum = 0
  for (const [pid, { ticks }] of processes) if (descends(processes, pid)) sum += ticks * MILLISECONDS_A_TICK
  return sum
}

type Processes = ReadonlyMap<number, { readonly parent: number; readonly ticks: number }>

function descends(processes: Processes, pid: number): boolean {
  for (let at = processes.get(pid)?.parent; at !== undefined; at = processes.get(at)?.parent)
    if (at === process.pid) return true
  return false
}

function readProcesses(): Processes | undefined {
  try {
    const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
    return new Map(pids.flatMap(readProcess))
  } catch {
    return undefined
  }
}

function readProcess(pid: string): [number, { parent: number; ticks: number }][] {
  try {
    // The name, in parentheses, may hold anything; what follows it does not.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')
    return [[Number(pid), { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }]]
  } catch {
    return []
  }
}
