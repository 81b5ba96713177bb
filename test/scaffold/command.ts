/** `kraken plugin new` as it is typed, on a terminal that answers or on none. */
import { parseArguments } from '../../host/cli/arguments.ts';
import { asFailure, failureText } from '../../host/cli/failure.ts';
import type { Call, Format } from '../../host/cli/io.ts';
import { pluginNew } from '../../host/cli/plugin-new.ts';
import { createStyle } from '../../host/cli/style.ts';
import { PLUGIN_NEW } from '../../host/cli/table-plugin-new.ts';

export interface Typed {
  /** What a person answers, one after the other; missing = on no terminal. `null` ends the input. */
  readonly answers?: readonly (string | null)[];
  readonly input?: string;
  /** Ctrl-C as soon as somebody listens for it. */
  readonly isInterrupted?: boolean;
}

export interface Said {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  readonly asked: readonly string[];
}

export async function typed(words: readonly string[], { answers, input = '', isInterrupted = false }: Typed = {}): Promise<Said> {
  const [command] = PLUGIN_NEW;
  if (command === undefined) throw new Error('there is no such command');
  const asked: string[] = [];
  let [out, err] = ['', ''];
  const left = [...(answers ?? [])];
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    readInput: () => Promise.resolve(input),
    ask: (question: string) => {
      asked.push(question);
      return Promise.resolve(left.shift() ?? undefined);
    },
    onInterrupt: (listener: () => void) => {
      if (isInterrupted) listener();
      return () => undefined;
    },
    terminal: { input: answers !== undefined, output: answers !== undefined },
  };
  try {
    const { args, flags } = parseArguments(command, words);
    const format = (flags['output'] ?? 'human') as Format;
    const call = { io, style: createStyle(false, {}), args, flags, format } as unknown as Call;
    const exit = await pluginNew(call);
    return { exit: exit ?? 0, out, err, asked };
  } catch (error) {
    const failure = asFailure(error);
    return { exit: failure.exit, out, err: err + failureText(failure), asked };
  }
}
