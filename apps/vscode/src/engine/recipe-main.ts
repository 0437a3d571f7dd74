// Serves the editor of recipes: a request a line, an answer a line.
import { createInterface } from 'node:readline'
import type { RecipeRequest } from '../shared/recipe-requests.ts'
import { recipeService } from './recipe-service.ts'

const write = (message: unknown): void => void process.stdout.write(`${JSON.stringify(message)}\n`)

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line) as RecipeRequest
  try {
    write({ id, result: await (recipeService[method] as (...given: readonly string[]) => Promise<unknown>)(...params) })
  } catch (error) {
    write({ id, error: (error as Error).message })
  }
}
