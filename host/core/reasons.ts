/** Hindrances in the words that a person reads: what holds the node, for how long, and the one command that ends it. */
import type { Reason, ReasonKind } from './answers.ts';
import { graceEnd, type Hindrance } from './guard.ts';
import type { Node } from './node.ts';
import { shellWord } from './shell.ts';
import { ago, domainText, seconds } from './words.ts';
import type { World } from './world.ts';

interface Words {
  readonly text: string;
  readonly todo: string;
  readonly command?: string;
}

export function reasonOf(w: World, node: Node, hindrance: Hindrance): Reason {
  const { kind, since, until } = hindrance;
  return { kind, since, ...(until === undefined ? {} : { until }), ...words(w, node, hindrance) };
}

function words(w: World, node: Node, { kind, about, text, until, since }: Hindrance): Words {
  const name = shellWord(node.name || node.id);
  const left = until === undefined ? '' : until - w.now < 1000 ? 'less than 1 s' : seconds(until - w.now);
  const frozen = w.frozen ?? w.tree.frozenAbove;
  switch (kind) {
    case 'frozen':
      return {
        text: `the engine is frozen by ${frozen?.by} for ${ago(w, frozen?.since)}: ${frozen?.why}`,
        todo: w.frozen ? 'Thaw it when that is done.' : 'Thaw it when that is done, at the host above that was frozen.',
        command: 'kraken engine thaw',
      };
    case 'held': {
      const { hold } = node.book;
      const ends = hold?.until === undefined ? 'until it is released' : `for another ${left}`;
      return {
        text: `held by ${hold?.by} ${ends}: ${hold?.why}`,
        todo: 'Release it when it may be touched again.',
        command: `kraken node release ${name}`,
      };
    }
    case 'busy':
      return {
        text:
          about === undefined
            ? `${text}, so a repair takes it for busy`
            : `busy: ${text} for ${ago(w, since)}${until === undefined ? '' : `, at most ${left} more`}; a busy node is never disrupted`,
        todo: 'Wait for its owner, or, knowing that nothing runs there, release it.',
        command: `kraken node release --busy ${name}`,
      };
    case 'limit':
      return {
        text: text ?? 'a limit is full',
        todo: 'It goes on by itself; kraken limits shows and changes the rules.',
        command: 'kraken limits',
      };
    case 'service':
      return {
        text: `service ${about} is not running (${text}); its steps wait`,
        todo: `See why, then start it: kraken service logs ${about}`,
        command: `kraken service start ${about}`,
      };
    case 'context':
      return contextWords(w, node, text);
    case 'attached':
    case 'deaf':
    case 'refusedClaim':
    case 'window':
      return hostWords(w, kind, name, left, about, text);
    default:
      return protectionWords(w, node, kind, name, left, about, text);
  }
}

/** A step of another host: its parent's, or the node's own. */
function contextWords(w: World, node: Node, text = 'another host does this'): Words {
  const todo = 'See that the host is up and connected; it goes on by itself then.';
  const parent = node.parent === undefined ? undefined : w.nodes.get(node.parent);
  if (!parent || parent.id === w.self) return { text, todo };
  const state = parent.seen('/runState') ?? 'UNKNOWN';
  if (state === 'SYNC') return { text: `${text} (its parent is ${parent.name})`, todo };
  return {
    text: `${text}, and its parent ${parent.name} is not in sync (runState ${String(state)})`,
    todo: 'Bring its parent into sync; it goes on by itself then.',
    command: `kraken node explain ${shellWord(parent.name)}`,
  };
}

/** Where the node's own host is, or is not let in. */
function hostWords(
  w: World,
  kind: 'attached' | 'deaf' | 'refusedClaim' | 'window',
  name: string,
  left: string,
  about: string | undefined,
  text: string | undefined,
): Words {
  const host = about === undefined ? '' : w.nodes.get(about)?.name || about;
  switch (kind) {
    case 'attached':
      return {
        text: `${name} is attached to host ${host} now, which acts on it`,
        todo: 'It goes on by itself, there.',
        command: `kraken node explain ${name}`,
      };
    case 'deaf':
      return {
        text: `host ${host}, another parent of ${name}, is not connected: it may be the one that hears it, so it is not repaired`,
        todo: `Bring ${host} back; or, knowing that the node is dead, do not wait.`,
        command: `kraken node retry --disruptive ${name}`,
      };
    case 'refusedClaim':
      return {
        text: `its host asks to be let in, and is refused: ${text}`,
        todo: 'See that it is this node which asks, then let it in.',
        command: `kraken node admit ${name}`,
      };
    case 'window':
      return {
        text: `its window for a first claim is open for ${left} more${text ? ` (${text})` : ''}`,
        todo: 'Its host has to ask within that time.',
      };
    default:
      return kind satisfies never;
  }
}

/** What keeps a silent node from being disturbed. */
function protectionWords(
  w: World,
  node: Node,
  kind: ReasonKind,
  name: string,
  left: string,
  about: string | undefined,
  text: string | undefined,
): Words {
  const retry = `kraken node retry --disruptive ${name}`;
  switch (kind) {
    case 'grace': {
      const heard = node.live
        ? 'its own host is heard now'
        : node.heardAt === undefined
          ? 'this host listens for it'
          : `it was heard ${ago(w, node.heardAt)} ago`;
      return {
        text: `${heard}; a repair waits until nobody has heard it for the whole grace, another ${seconds(Math.max(0, graceEnd(w, node) - w.now))}`,
        todo: 'Wait, or, knowing that it is dead, do not.',
        command: retry,
      };
    }
    case 'hostYoung':
      return {
        text: `this host has not been up and connected for long enough to judge a silent node${left ? ` (another ${left})` : ''}`,
        todo: 'Wait, or, knowing that it is dead, do not.',
        command: retry,
      };
    case 'neverHeard':
      return {
        text: 'it was never heard in this cluster, nor switched on by it: what runs there is not known',
        todo: 'Look at the machine; if it may be power-cycled, say so.',
        command: retry,
      };
    case 'massFailure':
      return {
        text: `mass failure: it was lost together with others of ${domainText(w, about ?? '')}; the fault is more likely the network's or ours`,
        todo: 'Look at the network first. It is lifted when half of them are back, or by hand.',
        command: retry,
      };
    case 'foundOff':
      return {
        text: left
          ? `it was found switched off, not by this host; it is switched on in ${left} if it stays alone`
          : 'power loss: it was found switched off together with others, and stays off until somebody says otherwise',
        todo: 'When the power is good, switch it on.',
        command: `kraken node power on ${name}`,
      };
    case 'stuck':
      return {
        text: `stuck: ${text}; nothing disruptive and no power-on is tried any more`,
        todo: 'Look at the machine, then let it be tried again.',
        command: `kraken node retry ${name}`,
      };
    case 'terminal':
      return {
        text: `its module has given up: ${text}`,
        todo: 'Remove the cause, then let it be tried again.',
        command: `kraken node retry ${name}`,
      };
    default:
      return troubleWords(kind, name, left, text);
  }
}

function troubleWords(kind: ReasonKind, name: string, left: string, text: string | undefined): Words {
  switch (kind) {
    case 'backoff':
      return {
        text: `the last attempt failed: ${text}; tried again in ${left}`,
        todo: 'It goes on by itself.',
        command: `kraken node retry ${name}`,
      };
    case 'unreachableBmc':
      return {
        text: `out of reach: ${text}; tried again in ${left}, and at once when it answers`,
        todo: 'See to the BMC, its address or its network; it goes on by itself then.',
      };
    case 'login':
      return {
        text: `the login is refused: ${text}; tried again in ${left}`,
        todo: 'Correct the user or password that the power service has for this node; it goes on by itself then.',
        command: `kraken node retry ${name}`,
      };
    case 'conflict':
      return {
        text: `${text}; no power action is taken`,
        todo: "Correct the BMC address in the node's configuration.",
        command: `kraken node get ${name} -o yaml`,
      };
    case 'restarted':
      return left
        ? {
            text: `a step was in flight when its module or this host restarted; it is looked at again in ${left}, before anything is sent twice`,
            todo: 'It goes on by itself.',
          }
        : {
            text: 'a step was in flight when its module or this host restarted, and it waits to be seen what became of it, before anything is sent twice',
            todo: 'It goes on by itself when its module says what it sees. If it never does, look at the machine; if the step may be repeated, say so.',
            command: `kraken node retry --disruptive ${name}`,
          };
    case 'asking':
      return { text: text ?? 'its state is being asked for', todo: 'It goes on by itself.' };
    default:
      return { text: text ?? kind, todo: 'See kraken node history.', command: `kraken node history ${name}` };
  }
}
