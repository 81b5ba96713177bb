/** Runs an iPXE script, as far as the scripts go that machines are booted with: https://ipxe.org/scripting. */

/** What the commands do. Rejecting is failing: the script goes on after `||`, or ends. */
export interface Doing {
  /** Fetches an image; `args` are its command line. */
  readonly fetch: (as: 'kernel' | 'initrd', url: string, args: string) => Promise<void>;
  /** Another script, by URL. */
  readonly script: (url: string) => Promise<string>;
  readonly free: () => void;
  readonly say: (text: string) => void;
  readonly sleep: (seconds: number) => Promise<void>;
}

/** A script that only ever goes on is no boot. */
const MOST_STEPS = 100_000;

/** Resolves when `boot` is reached. Rejects where the script ends without: firmware tries the next device, or the same again. */
export async function runScript(text: string, doing: Doing): Promise<void> {
  let lines = linesOf(text);
  for (let at = 0, steps = 0; at < lines.length; steps++) {
    if (steps > MOST_STEPS) throw new Error('the script goes round in circles');
    const line = lines[at++] ?? '';
    const next = await perform(line, doing);
    if (next === undefined) continue;
    if (next.to === 'boot') return;
    if (next.to === 'script') {
      lines = linesOf(next.text);
      at = 0;
      continue;
    }
    at = lines.indexOf(`:${next.label}`) + 1;
    if (at === 0) throw new Error(`there is no label ${next.label}`);
  }
  throw new Error('the script has ended, and nothing was booted');
}

type Next = { readonly to: 'boot' } | { readonly to: 'label'; readonly label: string } | { readonly to: 'script'; readonly text: string };

function linesOf(text: string): string[] {
  if (!text.startsWith('#!ipxe')) throw new Error(`it is no iPXE script: ${text.slice(0, 40)}`);
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** One line: commands joined by `||`, of which the next is for where the one before has failed. */
async function perform(line: string, doing: Doing): Promise<Next | undefined> {
  if (line.startsWith(':')) return undefined;
  let failure: unknown;
  for (const command of line.split(/\s+\|\|\s+/)) {
    try {
      return await one(command.split(/\s+/), doing);
    } catch (error) {
      doing.say(`${command.split(/\s+/)[0]}: ${error instanceof Error ? error.message : String(error)}`);
      failure = error;
    }
  }
  throw failure;
}

async function one([command = '', ...words]: readonly string[], doing: Doing): Promise<Next | undefined> {
  const [first = '', ...rest] = withoutOptions(words);
  switch (command) {
    case 'echo':
      doing.say(words.join(' '));
      return undefined;
    case 'kernel':
    case 'initrd':
      await doing.fetch(command, first, rest.join(' '));
      return undefined;
    case 'imgfree':
      doing.free();
      return undefined;
    case 'sleep':
      await doing.sleep(Number(first));
      return undefined;
    case 'goto':
      return { to: 'label', label: first };
    case 'chain':
      return { to: 'script', text: await doing.script(first) };
    case 'boot':
      return { to: 'boot' };
    default:
      throw new Error('this firmware has no such command');
  }
}

/** `--name NAME` has a value; all others have none. */
function withoutOptions(words: readonly string[]): readonly string[] {
  const at = words.findIndex((word, i) => !word.startsWith('-') && words[i - 1] !== '--name' && words[i - 1] !== '-n');
  return at < 0 ? [] : words.slice(at);
}
