import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zeros } from '@sinter/tensor-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodingNamed } from '../src/formats/encodings.ts'
import { createGgufWriter } from '../src/formats/gguf-write.ts'
import { createSafetensorsWriter } from '../src/formats/safetensors-write.ts'
import { atomicWriteFile, createAtomicFile } from '../src/io/atomic.ts'

let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'atomic-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

describe('atomic files', () => {
  it('replace the old content at once', async () => {
    const path = join(folder, 'f')
    await atomicWriteFile(path, 'old')
    const file = await createAtomicFile(path, 3)
    await file.write(Buffer.from('new'), 0)
    expect(await readFile(path, 'utf8')).toBe('old')
    await file.commit()
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(await readdir(folder)).toEqual(['f'])
  })

  it('leave nothing when given up, and giving up twice or after the end does no harm', async () => {
    const file = await createAtomicFile(join(folder, 'f'), 3)
    await file.abort()
    await file.abort()
    expect(await readdir(folder)).toEqual([])
    const done = await createAtomicFile(join(folder, 'g'), 0)
    await done.commit()
    await done.abort()
    expect(await readdir(folder)).toEqual(['g'])
  })

  it('say what is wrong with the folder', async () => {
    await expect(createAtomicFile(join(folder, 'none', 'f'), 3)).rejects.toThrow('f: cannot be written (ENOENT)')
    await writeFile(join(folder, 'file'), '')
    await expect(createAtomicFile(join(folder, 'file', 'f'), 3)).rejects.toThrow('cannot be written (ENOTDIR)')
  })
})

/** Mounts a file system of one megabyte, where that is allowed. */
function mountSmallDisk(at: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { stdio: 'ignore' })
    return true
  } catch {
    console.warn('a full disk: left out, mounting a small file system is not allowed here')
    return false
  }
}

describe('a full disk, for real', () => {
  const big = { name: 'w', dtype: 'f32', shape: [1024, 1024] } as const
  it.each([
    ['safetensors', (path: string) => createSafetensorsWriter(path, [big])],
    ['gguf', (path: string) => createGgufWriter(path, new Map(), [{ ...big, encoding: encodingNamed('F32') }])],
  ])('in the middle of a %s file: a clear message, and nothing left', async (_, create) => {
    const disk = folder
    if (!mountSmallDisk(disk)) return
    try {
      const path = join(disk, 'model')
      const writer = await create(path)
      const failed = writer.write('w', zeros('f32', big.shape))
      await expect(failed).rejects.toThrow(/model: the disk is full: the file needs 4194\d\d\d bytes and \d+ are free/)
      expect(await readdir(disk)).toEqual([])
      expect((await statfs(disk)).bavail).toBeGreaterThan(200)
    } finally {
      execFileSync('umount', [disk])
    }
  })
})

describe('killed while writing', () => {
  it('the name never shows a part: the old file or nothing, and the next try succeeds', async () => {
    const path = join(folder, 'model.safetensors')
    const child = fileURLToPath(new URL('./helpers/slow-writer.ts', import.meta.url))
    for (let round = 0; round < 3; round++) {
      const running = spawn(process.execPath, ['--conditions=@sinter/source', child, path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await new Promise(resolve => running.stdout.once('data', resolve))
      running.kill('SIGKILL')
      await new Promise(resolve => running.once('exit', resolve))
      expect(await readdir(folder)).toEqual(['.model.safetensors.partial'])
    }
    const writer = await createSafetensorsWriter(path, [{ name: 'w', dtype: 'u8', shape: [1] }])
    await writer.write('w', zeros('u8', [1]))
    await writer.commit()
    expect(await readdir(folder)).toEqual(['model.safetensors'])
    expect((await readFile(path)).length).toBe(writer.bytes)
  })
})
