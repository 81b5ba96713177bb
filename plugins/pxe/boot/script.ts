/** The iPXE script of a node: ours, or from a template of the site. */

export interface ScriptWords {
  readonly interface: string;
  readonly ip: string;
  readonly prefix: string;
  readonly gateway: string;
  readonly mac: string;
  readonly id: string;
  readonly parent: string;
  readonly ca: string;
  readonly name: string;
  /** Arguments without Kraken's own. */
  readonly args: string;
  /** The boot id. */
  readonly boot: string;
  /** The whole command line of the kernel. */
  readonly cmdline: string;
  /** URLs. */
  readonly kernel: string;
  readonly initramfs: string;
  readonly script: string;
}

/**
 * `kernel` and `initrd` by the names that they have in the image list: with EFI the kernel looks for its initramfs by name. What
 * cannot be fetched is asked for again, with a new script: files may have been exchanged in between.
 */
const SCRIPT = `#!ipxe
# {{name}} {{id}}
echo Kraken: {{name}} boots {{boot}}
kernel --name kernel {{kernel}} initrd=initramfs {{cmdline}} || goto again
initrd --name initramfs {{initramfs}} || goto again
boot || goto again
:again
echo Kraken: {{name}} could not be booted, again in 5 seconds
imgfree
sleep 5
chain --replace {{script}} || goto again
`;

/** A template's text filled in. Throws an Error that names file and line of a placeholder that there is not. */
export function fillTemplate(text: string, file: string, words: ScriptWords): string {
  const table = new Map<string, string>(Object.entries(words));
  const filled = text.split('\n').map((line, index) => {
    const where = `${file}, line ${index + 1}`;
    const done = line.replaceAll(/\{\{\s*([^{}]*?)\s*\}\}/g, (_all, name: string) => {
      const value = table.get(name);
      if (value === undefined)
        throw new Error(`${where}: there is no placeholder {{${name}}} (there are: ${[...table.keys()].join(', ')})`);
      return value;
    });
    // What a value brings in is no placeholder: only the template's own braces count.
    if (/\{\{|\}\}/.test(line.replaceAll(/\{\{[^{}]*\}\}/g, ''))) throw new Error(`${where}: {{ and }} do not match`);
    return done;
  });
  return filled.join('\n');
}

export const ownScript = (words: ScriptWords): string => fillTemplate(SCRIPT, 'script', words);

/** For a node that cannot be booted now: says so on its console, and asks again. Whoever mends it need not go there. */
export function waitingScript(name: string, why: string, script: string): string {
  const text = why.replaceAll(/[^A-Za-z0-9 .,:/_+-]/g, ' ').slice(0, 400);
  return `#!ipxe
echo Kraken: ${name} cannot be booted: ${text}
echo Kraken: again in 15 seconds
sleep 15
chain --replace ${script} || shell
`;
}
