import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { RecipeDiagnostic, RecipeService } from '../../shared/recipe-checker.ts'
import type { RecipeAnswer, RecipeRequest } from '../../shared/recipe-requests.ts'

interface Waiting {
  readonly resolve: (result: never) => void
  readonly reject: (error: Error) => void
}

/**
 * The recipe service in a process of its own, started by the first question: the engine is too large for the extension host.
 * @param program the bundled `recipe.mjs`
 */
export function recipeProcess(program: string): RecipeService & { dispose(): void } {
  const waiting = new Map<number, Waiting>()
  let child: ChildProcess | undefined
  let ids = 0

  function start(): ChildProcess {
    const env = { ...process.env, ELECTRON_RUN_AS_NODE: '1', ORT_DISABLE_TELEMETRY: '1' }
    const started = spawn(process.execPath, [program], { env, stdio: ['pipe', 'pipe', 'ignore'] })
    createInterface({ input: started.stdout! }).on('line', line => settle(JSON.parse(line) as RecipeAnswer))
    started.on('error', error => fail(error))
    started.on('exit', code =>
      fail(new Error(`the engine stopped with code ${code}; the next question starts it again`)),
    )
    // A question to a process that is going is answered by its end.
    started.stdin!.on('error', () => {})
    return started
  }
  function settle({ id, result, error }: RecipeAnswer): void {
    const asked = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asked?.resolve(result as never)
    else asked?.reject(new Error(error))
  }
  function fail(error: Error): void {
    child = undefined
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }
  function ask<T>(method: RecipeRequest['method'], ...params: readonly string[]): Promise<T> {
    child ??= start()
    const id = ids++
    const answer = new Promise<T>((resolve, reject) => waiting.set(id, { resolve, reject }))
    child.stdin!.write(`${JSON.stringify({ id, method, params } satisfies RecipeRequest)}\n`)
    return answer
  }
  return {
    check: (text, path) => ask<readonly RecipeDiagnostic[]>('check', text, path),
    plan: (text, path) => ask('plan', text, path),
    presets: () => ask('presets'),
    dispose: () => void child?.kill(),
  }
}
