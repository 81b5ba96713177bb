/** `kraken completion`: the script for a shell; with words after `--`, what may stand in the place of the last of them. */
import { type Client, openClient } from './client.ts';
import { candidatesFor, nameIn, type Source } from './complete.ts';
import { usage } from './failure.ts';
import type { Action, Call } from './io.ts';
import { byName, nameOf, readNodes } from './nodes.ts';

/** Whoever presses Tab does not wait longer. */
const PATIENCE = 800;
/** What a shell is told where it is to complete files itself. */
const FILES = ':files';

const BASH = `# kraken completion bash > /etc/bash_completion.d/kraken
_kraken() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    if [[ $line == ${FILES} ]]; then
      local IFS=$'\\n'
      compopt -o filenames 2>/dev/null
      COMPREPLY+=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
    else
      COMPREPLY+=("$line")
    fi
  done < <("$1" completion bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _kraken kraken
`;

const ZSH = `#compdef kraken
# kraken completion zsh > "\${fpath[1]}/_kraken"
_kraken() {
  local line files
  local -a found
  while IFS= read -r line; do
    if [[ $line == ${FILES} ]]; then
      files=1
    else
      found+=("\${\${line//:/\\\\:}/$'\\t'/:}")
    fi
  done < <("\${words[1]}" completion zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( \${#found} )) && _describe -t values kraken found
  [[ -n $files ]] && _files
  return 0
}
if [[ \${funcstack[1]} == _kraken ]]; then
  _kraken "$@"
else
  compdef _kraken kraken
fi
`;

const FISH = `# kraken completion fish > ~/.config/fish/completions/kraken.fish
function __kraken_complete
  set -l typed (commandline -opc)
  set -l current (commandline -ct)
  for line in ($typed[1] completion fish -- $typed[2..-1] "$current" 2>/dev/null)
    if test "$line" = ${FILES}
      __fish_complete_path "$current"
    else
      echo $line
    end
  end
end
complete -c kraken -f -a '(__kraken_complete)'
`;

const SCRIPTS: Readonly<Record<string, string>> = { bash: BASH, zsh: ZSH, fish: FISH };

export const completion: Action = async (call) => {
  const [shell = '', ...typed] = call.args;
  const script = SCRIPTS[shell];
  if (script === undefined) throw usage(`there is no completion for ${shell}`, `There is one for ${Object.keys(SCRIPTS).join(', ')}`);
  if (typed.length === 0) {
    call.io.out(script);
    return;
  }
  const { words, source } = candidatesFor(typed);
  const lines = [...words, ...(await wordsOf(call, source, typed.at(-1) ?? ''))];
  for (const [word, meaning] of lines) call.io.out(shell === 'bash' || meaning === '' ? `${word}\n` : `${word}\t${meaning}\n`);
};

type Words = readonly (readonly [word: string, meaning: string])[];

/** Nothing where no host answers in time: nobody wants to read of it while typing. */
async function wordsOf(call: Call, source: Source | undefined, last: string): Promise<Words> {
  switch (source) {
    case undefined:
      return [];
    case 'files':
      return [[FILES, '']];
    case 'services':
      return asked(call, async (client) => {
        const { services } = await client.ask('service/list', {});
        return services.filter(({ service }) => service.startsWith(last)).map(({ service, state }) => [service, state] as const);
      });
    case 'plugins':
      return asked(call, async (client) => {
        const { plugins } = await client.ask('plugin/list', {});
        return plugins.filter(({ plugin }) => plugin.startsWith(last)).map(({ plugin, version }) => [plugin, version] as const);
      });
    case 'nodes': {
      const at = nameIn(last);
      if (!at) return [];
      return asked(call, async (client) => {
        const nodes = await readNodes(client, { paths: ['/nodename'], view: 'cfg' });
        const names = nodes
          .sort(byName)
          .map(nameOf)
          .filter((name) => name.startsWith(at.name));
        return names.map((name) => [at.prefix + name, ''] as const);
      });
    }
    default:
      return source satisfies never;
  }
}

async function asked(call: Call, question: (client: Client) => Promise<Words>): Promise<Words> {
  let client: Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  try {
    client = await openClient(call);
    const late = new Promise<Words>((resolve) => {
      timer = setTimeout(() => resolve([]), PATIENCE);
    });
    const words = question(client);
    words.catch(() => undefined);
    return await Promise.race([words, late]);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
    client?.close();
  }
}
