/** What this module is: what it declares, and what it does. */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Failure } from './kraken.js';

const declaration = {
  // What whoever installs this module may set. Without any of it, the machines are simulated.
  config: {
    url: {
      type: 'string',
      format: 'uri',
      'x-optional': true,
      description: 'Where the machines are switched; without it they are simulated.',
    },
    token: { type: 'string', minLength: 1, 'x-secret': true, 'x-optional': true, description: 'Sent to the URL as a bearer token.' },
    folder: { type: 'string', minLength: 1, default: 'machines', description: "The simulated machines, in the service's own folder." },
  },
  // Which nodes are meant, and what is looked at of them beyond the paths below.
  requires: { '/platform': '@@module@@' },
  reads: ['/nodename'],
  mutations: {
    powerOn: { mutates: { '/physState': ['POWER_OFF', 'POWER_ON'] }, timeout: '60s' },
    // Disruptive: it may kill what runs on the node. Kraken takes this step only where somebody wants it.
    powerOff: { mutates: { '/physState': ['POWER_ON', 'POWER_OFF'] }, timeout: '60s', disruptive: true },
  },
  // There is no timer in a module: Kraken asks.
  pollers: { power: { discovers: ['/physState'], every: '5s' } },
};

/**
 * Each handler is given `{ node, config, signal, log }` and returns what it then sees of the node, by path: seen, never assumed. A throw
 * is a failed attempt; a Failure says more.
 */
export const module = {
  version: '0.1.0',
  declaration,
  mutations: {
    powerOn: ({ node, config, signal }) => turn(node, config, signal, 'on'),
    powerOff: ({ node, config, signal }) => turn(node, config, signal, 'off'),
  },
  pollers: {
    power: ({ node, config, signal }) => turn(node, config, signal),
  },
};

/** Switches the machine of a node, or only looks at it where nothing is wanted. */
async function turn(node, { url, token, folder }, signal, wanted) {
  const name = node.cfg['/nodename'] ?? node.id;
  const power = url === undefined ? await simulated(folder, name, signal, wanted) : await overHttp(url, token, name, signal, wanted);
  return { '/physState': power === 'on' ? 'POWER_ON' : 'POWER_OFF' };
}

/** `GET URL/NAME` answers `on` or `off`; `PUT URL/NAME` with one of these switches, and answers in the same way. */
async function overHttp(url, token, name, signal, wanted) {
  const where = `${url.replace(/\/$/, '')}/${encodeURIComponent(name)}`;
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request = wanted === undefined ? { headers, signal } : { method: 'PUT', body: wanted, headers, signal };
  const reply = await fetch(where, request).catch((error) => {
    // Nobody answers: that says nothing about the machine, and nothing has failed.
    throw new Failure('NodeUnreachable', `${where} does not answer: ${error.cause?.message ?? error.message}`);
  });
  const text = (await reply.text()).trim();
  if (reply.ok && (text === 'on' || text === 'off')) return text;
  const said = `${where} answered ${reply.status} ${text.slice(0, 200)}`.trim();
  switch (reply.status) {
    case 401:
    case 403:
      throw new Failure('LoginRefused', `${said}. Correct "token" in the config of this service`);
    case 404:
      throw new Failure('Terminal', `${said}. It knows no machine ${name}: correct the name of this node`);
    case 429:
    case 503:
      throw new Failure('DeviceBusy', said);
    default:
      throw new Failure('StepFailed', said);
  }
}

/** So long a simulated machine takes to switch, in milliseconds. */
const SWITCHING = 100;

/**
 * Every machine is a file, NAME.txt, which says `on` or `off`: it keeps its power when this module is started again, and writing into
 * the file is pulling the plug.
 */
async function simulated(folder, name, signal, wanted) {
  const file = join(folder, `${encodeURIComponent(name)}.txt`);
  if (wanted !== undefined) {
    await wait(SWITCHING, undefined, { signal });
    await mkdir(folder, { recursive: true });
    // Written beside and renamed: whoever looks meanwhile sees the old power or the new one.
    const beside = `${file}.${randomUUID()}`;
    await writeFile(beside, `${wanted}\n`);
    await rename(beside, file);
    // The machine answers in the moment in which it has switched.
    return wanted;
  }
  const text = await readFile(file, 'utf8').catch((error) => {
    if (error.code === 'ENOENT') return 'off';
    throw error;
  });
  return text.trim() === 'on' ? 'on' : 'off';
}
