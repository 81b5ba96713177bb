import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const HERE = new URL('./', import.meta.url);

/** What tsc says of a project, by file name. */
async function diagnostics(): Promise<Map<string, string[]>> {
  const tsc = fileURLToPath(new URL('../../node_modules/typescript/bin/tsc', HERE));
  const output = await new Promise<string>((resolve) => {
    execFile(
      process.execPath,
      [tsc, '--noEmit', '--pretty', 'false', '-p', fileURLToPath(new URL('tsconfig.json', HERE))],
      { maxBuffer: 1 << 26 },
      (_error, stdout) => resolve(stdout),
    );
  });
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of output.split('\n')) {
    const match = /^(.*?\.ts)\(\d+,\d+\): error (TS\d+: .*)$/.exec(line);
    if (match === null) {
      // The indented lines say why: they belong to the error above them.
      if (current.length > 0 && line.startsWith(' ')) current[current.length - 1] += `\n${line}`;
      continue;
    }
    const [, file = '', message = ''] = match;
    const name = file.replace(/^.*\//, '');
    current = found.get(name) ?? [];
    current.push(message);
    found.set(name, current);
  }
  return found;
}

test('a typo does not compile, and for no other reason', async () => {
  const found = await diagnostics();
  const files = readdirSync(new URL('fail/', HERE));
  assert.ok(files.length > 20);
  for (const file of files) {
    const expected = /^\/\/ expect: (.*)$/m.exec(readFileSync(new URL(`fail/${file}`, HERE), 'utf8'))?.[1];
    assert.ok(expected, `${file} does not say what it expects`);
    const errors = found.get(file) ?? [];
    assert.equal(errors.length, 1, `${file}: one error expected, not ${errors.length}:\n${errors.join('\n')}`);
    assert.ok(errors[0]!.replaceAll('"', "'").includes(expected), `${file}: expected ${expected} in:\n${errors[0]}`);
    found.delete(file);
  }
  assert.deepEqual([...found], [], 'what must compile does not');
});
