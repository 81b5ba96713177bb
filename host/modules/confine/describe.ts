/** What holds a service back here, line by line: enforced, or only declared. Nothing is called enforced that it could get around. */
import type { Mechanism } from './mechanism.ts';
import type { Confined, Plan } from './plan.ts';

export interface ConfinementLine {
  readonly what: string;
  readonly state: 'enforced' | 'declared';
  readonly how: string;
}

type Holds = readonly [isEnforced: boolean, how: string];

/** `plan`: absent where it was granted `root`, or nothing here can confine it. */
export function describeConfinement(spec: Confined, mechanism: Mechanism, plan: Plan | undefined): readonly ConfinementLine[] {
  const { permissions } = spec;
  const isRoot = permissions.includes('root');
  const reason = isRoot
    ? 'it was granted root'
    : plan === undefined
      ? mechanism.why
      : [plan.why, mechanism.why].filter((one) => one !== '').join('; ');
  const because = reason === '' ? '' : ` (${brief(reason)})`;
  const facts: Facts = { spec, mechanism, plan, isHeld: isHeld(mechanism, plan), because };
  const held: readonly (readonly [string, Holds])[] = [
    ['own user', ownUser(facts)],
    ['no new privileges', privileges(facts)],
    ['capabilities', capabilities(facts)],
    ['data of others', others(facts)],
    ['files', files(facts)],
    ['environment', environment(facts)],
    ['network', network(facts)],
    ['memory', used(facts, `more than ${spec.memoryMiB ?? 512} MiB resident in it and what it starts: it is ended (looked at every 5 s)`)],
    ['cpu', cpu(facts)],
    ['processes', processes(facts)],
    ...['cfg:write', 'dsc:write', 'state:read', 'operate', 'sessions'].map((name) => [name, protocol(name, facts)] as const),
    [
      'root',
      isRoot
        ? [false, "granted: it runs as the host's user, with all its files"]
        : plan?.given.user || (plan && !mechanism.isRoot)
          ? [true, 'not granted']
          : [false, `not granted, and nothing keeps it from that${facts.because}`],
    ],
  ];
  return held.map(([what, [isEnforced, how]]) => ({ what, state: isEnforced ? 'enforced' : 'declared', how }));
}

/** What is to be done is said with the reason where it is whole (ownUser). */
const brief = (reason: string): string => reason.replace(/: it runs as .*/s, '');

interface Facts {
  readonly spec: Confined;
  readonly mechanism: Mechanism;
  readonly plan: Plan | undefined;
  readonly isHeld: boolean;
  /** Why it is no better, in brackets. */
  readonly because: string;
}

/** Who has root's files can write what root then executes, unless they are not there. */
function isHeld({ isRoot }: Mechanism, plan: Plan | undefined): boolean {
  return plan !== undefined && (plan.kind === 'bubblewrap' || plan.given.user !== undefined || !isRoot);
}

function privileges({ plan, isHeld, because }: Facts): Holds {
  if (isHeld) return [true, 'the kernel gives it none, whatever it executes'];
  return [false, plan ? `it has none, and could get them by writing root's files${because}` : `it may become whom it can${because}`];
}

function ownUser({ mechanism, plan, because }: Facts): Holds {
  const user = plan?.given.user;
  if (user) return [true, `user ${user.uid}, which no other service of this host has`];
  const who = mechanism.isRoot ? "the host's user, root" : "the host's user, as only root can give it another";
  return [false, `${who}${because}`];
}

function capabilities({ plan, isHeld, because }: Facts): Holds {
  if (plan && !isHeld) return [false, `none, and it could get them by writing root's files${because}`];
  if (!plan) return [false, `those of the host${because}`];
  return [true, plan.given.ports ? 'none but to open ports below 1024: it was granted ports' : 'none'];
}

function others({ plan, because }: Facts): Holds {
  if (plan?.kind === 'bubblewrap') return [true, "the data directory of the host is not there but for the service's own part"];
  if (plan?.given.user) return [true, "the host's store and other services' data are closed to its user by their modes"];
  return [false, `the host's store and other services' data are open to the host's user${because}`];
}

function files({ plan, because }: Facts): Holds {
  const own = 'its data directory to write; to read: programs of the system, its code, and the paths that its configuration names';
  if (plan?.kind === 'bubblewrap') return [true, own];
  return [false, `it gets at what ${plan?.given.user ? 'everybody' : "the host's user"} can${because}`];
}

/** A process of the same user could read the host's from /proc. */
function environment({ spec, plan, because }: Facts): Holds {
  const names = ['HOME', 'PATH', 'LANG', 'TZ', ...(spec.env ?? [])].join(', ');
  if (plan && (plan.kind === 'bubblewrap' || plan.given.user)) return [true, `only ${names}`];
  return [false, `it is given only ${names}, and could read the host's from /proc${because}`];
}

function network({ spec, mechanism, plan, isHeld, because }: Facts): Holds {
  if (spec.permissions.includes('net')) return [false, 'open: it was granted net'];
  if (plan?.kind === 'bubblewrap') return [true, 'none: it was not granted net'];
  if (isHeld && mechanism.isRoot && mechanism.network)
    return [true, 'none of its own: it was not granted net; sockets among files that everybody may use stay open to it'];
  return [false, `it was not granted net, and nothing here takes the network away${because}`];
}

/** Without a process namespace, what loses its parent is nobody's. */
function used({ plan, because }: Facts, how: string): Holds {
  if (plan?.kind === 'bubblewrap') return [true, how];
  return [false, `${how}; what it starts and lets go of is not counted${because}`];
}

function cpu(facts: Facts): Holds {
  const { cpus } = facts.spec;
  if (cpus === undefined) return [false, 'no limit: its configuration sets no cpus'];
  return used(facts, `more than ${cpus} processors by it and what it starts for a minute: it is ended`);
}

function processes({ plan, because }: Facts): Holds {
  if (plan?.kind === 'bubblewrap') return [true, 'it sees and signals only its own'];
  if (plan?.given.user)
    return [true, 'it signals only those of its user, which may be 1024; it sees the others, and what it lets go of may outlive it'];
  return [false, `it can signal those of the host's user${because}`];
}

/** Who is the host's user, and sees its files, has another way in: the control socket. */
function protocol(name: string, facts: Facts): Holds {
  const { permissions } = facts.spec;
  const permission = name === 'state:read' ? 'state:read *' : name;
  const how =
    name === 'state:read' ? 'only the paths that it declared: the host gives it no others' : 'not granted: the host refuses it by name';
  const [isApart] = others(facts);
  if (permissions.includes(permission)) return [isApart, 'granted; who does what is checked with every request'];
  return isApart ? [true, how] : [false, `${how}; as the host's user it could ask at the control socket${facts.because}`];
}
